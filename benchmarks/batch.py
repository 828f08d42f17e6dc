"""Texts a second of batch inference, beside transformers' pipeline and sentence-transformers.

All are given the same texts in the same order and hand back answers for each, tokenising included;
the others with batches of the size that is best for them. One model is the project's own; the
larger ones have random weights, since speed does not depend on what a model knows.
"""

from __future__ import annotations

import math
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from transformers.utils import logging

from benchmarks.batch_cases import OURS, OWN, PIPELINE, SENTENCES, SEQ_LEN, Case, cases
from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.tables import Cell
from benchmarks.turns import Turn, best, take_turns
from kblib.corpora import load_sample
from kblib.jobs.predict_shard import LEAST_COSINE
from kblib.models.batch_texts import vectors_all
from kblib.models.catalog import find_model
from kblib.models.encoder import Encoder
from kblib.models.linears import make_ready
from kblib.tokens.subwords import Tokenizer

CLOSE = 1e-3
_LONGEST = SEQ_LEN - 8  # tokens, so that no frame makes a text too long
_TEXTS, _ROUNDS = 240, 5
_QUICK_TEXTS, _QUICK_ROUNDS = 24, 1
_WARM = 8  # texts that each is asked about before its first turn
_COLUMNS = ["model and task", "who", "texts/s", "core-s", "times the pipeline's best"]
_MORE_COLUMNS = ["times sentence-transformers' best", "largest difference"]


def measure(*, quick: bool = False) -> Outcome:
    """Time each case in turns; the bars are ratios to the others at their best."""
    n_texts, rounds = (_QUICK_TEXTS, _QUICK_ROUNDS) if quick else (_TEXTS, _ROUNDS)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    rows: list[list[Cell]] = []
    missed: list[str] = []
    tokenizer = Tokenizer.open(find_model(OWN))
    texts, blanks = (mixed_texts(tokenizer, n_texts, blank=blank) for blank in (False, True))
    with tempfile.TemporaryDirectory() as aside:
        for case in cases(Path(aside)):
            given = blanks if case.blank else texts
            apart = difference(case, given)
            asked = {who: partial(peer, given) for who, peer in case.peers.items()}
            for peer in case.peers.values():
                peer(given[:_WARM])
            turns = take_turns(asked, rounds)
            rows += _rows(case, turns, n_texts, apart)
            missed += _missed(case, turns)
    result = measured(
        "batch",
        "Batch inference: texts a second",
        [*_COLUMNS, *_MORE_COLUMNS],
        rows,
        _note(texts, tokenizer, rounds),
        ["torch", "transformers", "sentence-transformers"],
    )
    return Outcome(result, tuple(missed))


def mixed_texts(tokenizer: Tokenizer, n: int, *, blank: bool) -> list[str]:
    """Return different texts of 1 to 12 newsreel lines, no longer than the models read.

    Parameters
    ----------
    blank
        Whether one word of each is a ``[MASK]``.
    """
    draw, found = random.Random(1), dict[str, None]()
    lines = [" ".join(text.split()) for text in load_sample("newsreels").texts()]
    while len(found) < n:
        start = draw.randrange(len(lines) - 12)
        words = " ".join(lines[start : start + draw.randint(1, 12)]).split()
        if blank:
            words[draw.randrange(len(words))] = "[MASK]"
        text = " ".join(words)
        if len(words) > 1 and len(tokenizer.encode(text, special=False)) <= _LONGEST:
            found[text] = None
    return list(found)


def difference(case: Case, texts: Sequence[str]) -> dict[str, float]:
    """Return the largest difference of a number of ours from the same of another's.

    Raises
    ------
    BenchmarkError
        If it is more than `CLOSE`, or they name other words.
    """
    return {
        ours: _difference(case, texts, case.read(case.peers[ours](texts)), other)
        for ours, other in case.exact.items()
    }


def _difference(
    case: Case, texts: Sequence[str], ours: list[dict[str, float]], other: str
) -> float:
    apart = 0.0
    theirs = case.read(case.peers[other](texts))
    for text, mine, yours in zip(texts, ours, theirs, strict=True):
        shared = mine.keys() & yours.keys()
        if len(shared) < min(len(mine), len(yours)) - 1:  # the last ones may be equally good
            raise BenchmarkError(f"{case.name}: ours says {mine}, the {other} {yours} of '{text}'")
        apart = max(apart, *(abs(mine[name] - yours[name]) for name in shared))
    if apart > CLOSE:
        raise BenchmarkError(f"{case.name}: numbers differ by {apart:.2g}; {CLOSE:g} is allowed.")
    return apart


def least_cosine(texts: Sequence[str]) -> float:
    """Return the least cosine of a text's vector in int8 to that in fp32, of the trained model.

    Raises
    ------
    BenchmarkError
        If it is less than a batch lets pass.
    """
    vectors = []
    for precision in ("fp32", "int8"):
        encoder = Encoder.open(find_model(OWN), device="cpu")
        encoder.model = make_ready(encoder.model, precision)
        vectors.append(np.array(vectors_all(encoder, texts)["vector"].to_list()))
    unit = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in vectors]
    least = float((unit[0] * unit[1]).sum(1).min())
    if least < LEAST_COSINE:
        raise BenchmarkError(f"int8: a cosine is {least:.4f}; {LEAST_COSINE} is the least allowed.")
    return least


def _missed(case: Case, turns: Mapping[str, Turn]) -> Iterator[str]:
    for ours, other, bar in case.bars:
        ratio = _ratio(turns, ours, other)
        if ratio is not None and ratio < bar:
            yield (
                f"Missed: {case.name}, {ours} is {ratio:.2f} times the best of {other}; "
                f"{bar:g} was the aim."
            )


def _ratio(turns: Mapping[str, Turn], who: str, other: str) -> float | None:
    """Return how many times the texts a second of another's best somebody has."""
    seconds = best(turns, other)
    return None if seconds is None else seconds / turns[who].usual_s


def _rows(
    case: Case, turns: Mapping[str, Turn], n_texts: int, apart: Mapping[str, float]
) -> list[list[Cell]]:
    return [
        [
            case.name,
            who,
            _three_figures(n_texts / turn.usual_s),
            round(float(np.median(turn.cpu_s)), 2),
            *("" if r is None else round(r, 2) for r in _ratios(turns, who)),
            f"{apart[who]:.0e}" if who in apart else "",
        ]
        for who, turn in turns.items()
    ]


def _ratios(turns: Mapping[str, Turn], who: str) -> list[float | None]:
    return [_ratio(turns, who, other) for other in (PIPELINE, SENTENCES)]


def _three_figures(value: float) -> float:
    return round(value, max(0, 2 - math.floor(math.log10(value))))


def _note(texts: Sequence[str], tokenizer: Tokenizer, rounds: int) -> str:
    lengths = np.array([len(ids) for ids in tokenizer.encode_batch(texts)])
    low, middle, high = np.percentile(lengths, [0, 50, 100]).astype(int)
    return (
        f"{len(texts)} different texts of newsreels, {low} to {high} tokens, half of them below "
        f"{middle}, in the order drawn; {torch.get_num_threads()} threads for all, 32-bit floats "
        f"but for int8, tokenising included, medians of {rounds} rounds in turns. {OURS} computes "
        "a batch with each thread, the others share each among all. The pipeline does not sort by "
        "length, asks the vocabulary at every place, and gives the vectors of all tokens; "
        "sentence-transformers gives the mean of these, and no labels: beside labels it stands "
        "with the vectors of the same model. Words are the five likeliest. The largest difference "
        "is that of a number, over all texts. The models of 6 layers have random weights; in int8 "
        f"the vectors of {OWN}, which is trained, have a cosine of at least "
        f"{least_cosine(texts):.4f} to those in fp32."
    )
