"""Counterfactual pairs: what changes in a blank when one word of the sentence is another.

A template has a place ``{}`` and a blank: ``{} arbetar som [MASK].`` With *Han* and *Hon* in the
place, the odds of *läkare* in the blank differ; their logarithms are subtracted. Two kinds of
uncertainty are kept apart. Other sentences might have been written: *template uncertainty*. Another
training of the same model on the same texts would answer otherwise: *training uncertainty*, which
only several models show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kblib
from kblib.errors import ModelError
from kblib.models.fill import question_ids
from kblib.models.given import check_text
from kblib.models.masked import MaskedLM
from kblib.models.masked_candidates import MaskedCandidates
from kblib.models.probe_result import UNIT, Floats, Probe, row_of
from kblib.models.years import DECADE, About, period_warning, years_asked
from kblib.ngrams.resampling import Band, check_band

# S templates, P pairs, N words.
Given = str | Path | MaskedLM
PLACE = "{}"
ALL = "all years"
DEFAULT_BAND = Band()
REFERENCES = (
    "Kurita et al. (2019), Bias in Contextualized Word Representations, arXiv:1906.07337.",
    "Seshadri et al. (2022), Quantifying Social Biases Using Templates, arXiv:2210.04337.",
    "Sellam et al. (2022), The MultiBERTs, arXiv:2106.16163.",
)
EXAMPLE = 'probe(model, ["{} arbetar som [MASK]."], [("Han", "Hon")], ["läkare", "lärare"])'


def probe(
    models: Given | Sequence[Given] | Mapping[Any, Given | Sequence[Given]],
    templates: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    words: Sequence[str],
    *,
    about: About | None = None,
    band: Band = DEFAULT_BAND,
) -> Probe:
    """Ask how the odds of words in a blank change from the first to the second of a pair.

    Parameters
    ----------
    models
        One model or its name; several trainings of it, which show the training uncertainty; or a
        dictionary of either by period: ``{1930: model, 1940: [model, model]}``. A first year of a
        decade, or a pair of years, as its label is what these models are asked about.
    templates
        Sentences with one ``{}`` and one ``[MASK]``.
    pairs
        What is put in the place of ``{}``: first and second.
    words
        Whole words for the blank; they may have several pieces.
    about
        The year or years the question is about, where there are no periods.
    band
        How templates are drawn; its unit is the template.

    Raises
    ------
    ModelError
        If something is missing or makes no sense, or a sentence is longer than a model reads.

    References
    ----------
    Kurita et al. (2019), Measuring Bias in Contextualized Word Representations, arXiv 1906.07337,
    for templates with a blank; Seshadri, Pezeshkpour and Singh (2022), Quantifying Social Biases
    Using Templates is Unreliable, arXiv 2210.04337, for the first uncertainty; Sellam et al.
    (2022), The MultiBERTs, arXiv 2106.16163, for the second.
    """
    check_band(band)
    groups = _grouped(models)
    asked = (_templates(templates), _pairs(pairs), _words(words))
    log_odds = {
        label: np.stack([_log_odds(model, *asked) for model in some]) for label, _, some in groups
    }
    rows = [
        row_of(label, word, values[..., n], band)
        for label, values in log_odds.items()
        for n, word in enumerate(asked[2])
    ]
    about_models = {label: [model.provenance for model in some] for label, _, some in groups}
    told: dict[str, Any] = {"unit": UNIT}
    told |= {"templates": asked[0], "pairs": asked[1], "words": asked[2]}
    told |= {"confidence": band.confidence, "resamples": band.resamples, "seed": band.seed}
    told |= {"models": about_models, "version": kblib.__version__, "references": REFERENCES}
    warnings = tuple(dict.fromkeys(_warnings(groups, about, log_odds, asked[2])))
    return Probe(tuple(rows), log_odds, *asked, warnings, told)


def _log_odds(
    model: MaskedLM,
    templates: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    words: Sequence[str],
) -> Floats:
    """Return the log-odds ratio of each word, in bits, shape (templates, pairs, words).

    A word that the vocabulary cannot spell has no number.
    """
    candidates = MaskedCandidates(model, words, {1: 1.0})
    found: dict[str, Floats] = {}
    values = np.zeros((len(templates), len(pairs), len(words)))
    for s, template in enumerate(templates):
        for p, pair in enumerate(pairs):
            for context in pair:
                text = template.replace(PLACE, context)
                if text not in found:
                    found[text] = _logits(model, candidates, text)
            first, second = (found[template.replace(PLACE, context)] for context in pair)
            values[s, p] = (first - second) / math.log(2)
    return values


def _logits(model: MaskedLM, candidates: MaskedCandidates, text: str) -> Floats:
    """Return the logarithm of the odds of each word in the blank, in nats; nan if unspellable."""
    question_ids(text, model.tokenizer, model.seq_len)
    before, _, after = text.partition(model.tokenizer.roles["mask_token"])
    _, logs_N = candidates.scores(before, after)
    logs_N = np.where(np.isfinite(logs_N), logs_N, np.nan)
    # A sure thing, 1 in floating point, would have infinite odds.
    logs_N = np.minimum(logs_N, -np.finfo(np.float32).eps)
    odds_N: Floats = logs_N - np.log(-np.expm1(logs_N))
    return odds_N


def _grouped(models: Any) -> list[tuple[str, About | None, list[MaskedLM]]]:
    """Return label, years and models of each group."""
    given = models if isinstance(models, Mapping) else {ALL: models}
    groups = [(_label(key), _period(key), _listed(some)) for key, some in given.items()]
    if not groups or not all(some for _, _, some in groups):
        raise ModelError("No model was given.", "At least one was expected.", EXAMPLE)
    labels = [label for label, _, _ in groups]
    if twice := next((label for label in labels if labels.count(label) > 1), None):
        raise ModelError(
            f"Two groups of models are called '{twice}'.",
            "Each period once was expected.",
            f"Several trainings of one period stand in a list: {{{twice!r}: [model, model]}}",
        )
    return groups


def _listed(some: Any) -> list[MaskedLM]:
    """Return the models of a group, those given by name opened."""
    given = list(some) if isinstance(some, list | tuple) else [some]
    opened = [MaskedLM.open(one) if isinstance(one, str | Path) else one for one in given]
    for model in opened:
        if not hasattr(model, "fill"):
            raise ModelError(
                f"{model!r} is no masked model.",
                "A name, or an opened one, was expected.",
                'probe("kb-mini-masked", ...)',
            )
    return opened


def _label(key: Any) -> str:
    period = _period(key)
    return str(key) if period is None else str(years_asked(period))


def _period(key: Any) -> About | None:
    """Return the years a label stands for: a decade by its first year, or first and last year."""
    if type(key) is int:
        return (key, key + DECADE - 1) if key % DECADE == 0 else key
    return key if isinstance(key, tuple) else None


def _warnings(
    groups: list[tuple[str, About | None, list[MaskedLM]]],
    about: About | None,
    log_odds: Mapping[str, Floats],
    words: Sequence[str],
) -> Iterator[str]:
    for label, period, some in groups:
        for model in some:
            if warning := period_warning(model, about if period is None else period):
                yield warning
        for n, word in enumerate(words):
            if np.isnan(log_odds[label][..., n]).any():
                yield f"'{word}' cannot be spelt by every model: it has no number."
    if any(len(some) == 1 for _, _, some in groups):
        yield (
            "Training uncertainty is unknown where there is one model: another training on the "
            "same texts would answer otherwise, by how much only several can show."
        )


def _templates(templates: Any) -> tuple[str, ...]:
    if isinstance(templates, str) or not templates:
        raise ModelError(
            f"templates is {templates!r}.", "A list of sentences was expected.", EXAMPLE
        )
    for template in templates:
        check_text(template)
        if template.count(PLACE) != 1:
            raise ModelError(
                f"The template '{template}' has {template.count(PLACE)} places {PLACE}.",
                "One was expected: there the words of a pair are put in.",
                EXAMPLE,
            )
    return tuple(templates)


def _pairs(pairs: Any) -> tuple[tuple[str, str], ...]:
    if isinstance(pairs, str) or not pairs:
        raise ModelError(f"pairs is {pairs!r}.", "A list of pairs was expected.", EXAMPLE)
    for pair in pairs:
        two = isinstance(pair, list | tuple) and len(pair) == 2 and pair[0] != pair[1]
        if not two or not all(isinstance(word, str) for word in pair):
            raise ModelError(f"{pair!r} is no pair.", "Two different words were expected.", EXAMPLE)
    return tuple((first, second) for first, second in pairs)


def _words(words: Any) -> tuple[str, ...]:
    texts = not isinstance(words, str) and all(isinstance(one, str) for one in words or ())
    if not texts or not words or not all(word.strip() for word in words):
        raise ModelError(f"words is {words!r}.", "A list of words was expected.", EXAMPLE)
    return tuple(words)
