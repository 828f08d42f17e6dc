"""Templates compared on the same texts: how much of a result hangs on how the question was put."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np
import polars as pl

from kblib.errors import LabelError
from kblib.labels.labelled import Labels as LabelledTexts
from kblib.ngrams.printed import Printed
from kblib.ngrams.stratified import Rule, wilson
from kblib.zeroshot.asked import Labels
from kblib.zeroshot.classifier import ZeroShotClassifier
from kblib.zeroshot.evidence import Floats, Ints, is_known, of_labels
from kblib.zeroshot.result import ZeroShotLabels

MEAN = "(mean of all)"
_FEWEST = 2


@dataclass(frozen=True, eq=False, repr=False)
class TemplateStudy(Printed):
    """How the answers differ with the template.

    Attributes
    ----------
    rows
        One row a template, then the mean of all: template, agrees (share of texts with the label
        that the mean gives), often (the label it gives most, and to which share); of labelled
        texts also right, low, high (Wilson's 95 % interval) and texts.
    result
        The labels by the mean of all templates.
    """

    rows: pl.DataFrame
    result: ZeroShotLabels
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        n = self.rows.height - 1
        return f"{n} templates, by method '{self.result.method}' ({self.result.model})"


def compare_templates(
    texts: Any,
    labels: Labels,
    templates: Sequence[str],
    *,
    method: str | None = None,
    model: Any = None,
) -> TemplateStudy:
    """Ask for the same labels by several templates, and see how the answers differ.

    Parameters
    ----------
    texts
        As `kb.zero_shot` takes them. Of labelled texts it is also told how many are right: choose
        a template by other texts than those that the method is judged by.
    templates
        Two or more, each with ``{}`` where a label belongs.

    Raises
    ------
    LabelError
        If there are fewer than two templates, a label has no place in them, or a text is labelled
        with one that is not asked for.
    """
    if isinstance(templates, str) or len(set(templates)) < _FEWEST:
        raise LabelError(
            f"The templates are {templates!r}.",
            "Two different ones at least were expected.",
            'templates=["Detta exempel handlar om {}.", "Texten handlar om {}."]',
        )
    judge = ZeroShotClassifier(model, labels, method=method, template=templates)
    _check_known(texts, judge.labels)
    result = judge.predict(texts)
    so = _so(texts, result)
    rows = [_row(name, found, result, so) for name, found in _answers(result)]
    warnings = (*result.warnings, *_chosen_by(so))
    return TemplateStudy(pl.DataFrame(rows), result, warnings, result.provenance)


def _answers(result: ZeroShotLabels) -> list[tuple[str, Floats]]:
    """Return the evidence that each template alone gives, and that of all."""
    prompts, found = result.asked.prompts, []
    for template in result.asked.templates:
        places = [n for n, prompt in enumerate(prompts) if prompt.template == template]
        chosen = [prompts[n] for n in places]
        if {prompt.label for prompt in chosen} != set(range(len(result.labels))):
            raise LabelError(
                f"Not every label is asked for by the template '{template}'.",
                "Labels with words of their own were expected, not with whole sentences.",
                'labels=["väder", "handel"]',
            )
        values_NP = result.by_prompt[:, places]
        found.append((template, of_labels(values_NP, chosen, len(result.labels))))
    return [*found, (MEAN, result.evidence)]


def _row(name: str, evidence_NL: Floats, result: ZeroShotLabels, so: Ints | None) -> dict[str, Any]:
    read_N = is_known(result.evidence)
    said_N = evidence_NL[read_N].argmax(axis=1)
    mean_N = result.evidence[read_N].argmax(axis=1)
    counts_L = np.bincount(said_N, minlength=len(result.labels))
    n = max(len(said_N), 1)
    often = f"{result.labels[int(counts_L.argmax())]} {counts_L.max() / n:.0%}"
    row: dict[str, Any] = {"template": name}
    if so is not None:
        right = float((said_N == so[read_N]).mean())
        low, high = wilson(right, n, Rule().critical())
        row |= {"right": right, "low": low, "high": high}
    return row | {"agrees": float((said_N == mean_N).mean()), "often": often, "texts": n}


def _are_named(texts: Any) -> TypeGuard[LabelledTexts]:
    return isinstance(texts, LabelledTexts) and texts.kind == "texts" and not texts.is_scale


def _check_known(texts: Any, labels: Sequence[str]) -> None:
    """Refuse labels that nobody asks for: no template could find them, and all would look bad."""
    if not _are_named(texts):
        return
    strange = texts.rows.filter(~pl.col("label").is_in(list(labels)))
    if strange.height:
        named = [name for name in texts.labels if name in labels]
        raise LabelError(
            f"{strange.height:,} of {len(texts):,} texts are labelled with what is not asked for; "
            f"the first is '{strange['id'][0]}': '{strange['label'][0]}'.",
            f"Asked for are: {', '.join(labels)}.",
            f"compare_templates(labels.take({named!r}), ...), or ask for it too"
            if named
            else "Name the labels as they are written on the texts.",
        )


def _so(texts: Any, result: ZeroShotLabels) -> Ints | None:
    """Return the number of the label that each text has, where that is known."""
    if not _are_named(texts):
        return None
    number = {label: at for at, label in enumerate(result.labels)}
    return np.array([number[one] for one in texts.rows["label"]])


def _chosen_by(so: Ints | None) -> tuple[str, ...]:
    if so is None:
        return ("No labels were given: agreement says how steady the answers are, not how right.",)
    return ("The best of several templates is too good on the texts it was chosen by.",)
