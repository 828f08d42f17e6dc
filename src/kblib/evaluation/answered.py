"""Scores with intervals of what is no label of a text: labels of words, spans, numbers on a scale.

Whole units (films, issues, documents) are drawn with replacement, as `kblib.evaluation.scores`
does for labels of texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from numpy.typing import NDArray

from kblib.errors import LabelError
from kblib.evaluation import matrices as m
from kblib.evaluation.scores import ABSTAINED, RESAMPLES, SEED
from kblib.finetuning.points import scale_points
from kblib.finetuning.spans import OUTSIDE, span_counts
from kblib.ngrams.resampling import FEWEST_UNITS, check_confidence

Floats = NDArray[np.float64]
COLUMNS = {
    "measure": pl.String,
    "label": pl.String,
    "score": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "n": pl.Int64,
    "units": pl.Int64,
}
WordLabels = Sequence[Sequence[str]]
SaidLabels = Sequence[Sequence[str | None]]


def word_scores(
    so: WordLabels,
    said: SaidLabels,
    units: Sequence[Any],
    *,
    confidence: float = 0.95,
    seed: int = SEED,
) -> pl.DataFrame:
    """Compare labels of words with what is so.

    Parameters
    ----------
    so, said
        Of each text a label a word; none said is no answer, and wrong.
    units
        Of each text what it hangs together with; a text of which that is not known (None, or what
        pandas takes for missing) is a unit of its own.

    Returns
    -------
    polars.DataFrame
        One row a measure: accuracy and macro F1 of words, then F1 of each label: measure, label,
        score, low, high, n (words), units. No interval is given for fewer than 10 units.
    """
    _same_sizes(so, said, units)
    check_confidence(confidence)
    true = [word for row in so for word in row]
    told = [ABSTAINED if word is None else word for row in said for word in row]
    named = _named(units)
    unit = [named[n] for n, row in enumerate(so) for _ in row]
    names = sorted({*true, *told} - {ABSTAINED})
    counted = m.matrices(true, told, unit, names)
    many = counted.resampled(RESAMPLES, seed) if counted.n_units >= FEWEST_UNITS else None
    support = counted.whole.sum(axis=1)
    rows: list[dict[str, Any]] = []
    for measure, read in (("accuracy", m.accuracy), ("macro F1", m.macro_f1)):
        drawn = None if many is None else read(many)
        rows.append(_row(measure, None, float(read(counted.whole)), drawn, len(true), confidence))
    f1, f1_drawn = m.f1(counted.whole), None if many is None else m.f1(many)
    for at, name in enumerate(names):
        drawn = None if f1_drawn is None else f1_drawn[:, at]
        rows.append(_row("F1", name, float(f1[at]), drawn, int(support[at]), confidence))
    return _table(rows, counted.n_units)


def span_scores(
    so: WordLabels,
    said: SaidLabels,
    units: Sequence[Any],
    *,
    confidence: float = 0.95,
    seed: int = SEED,
) -> pl.DataFrame:
    """Compare whole spans: right is one whose kind, first and last word are all right.

    Returns
    -------
    polars.DataFrame
        As `word_scores`: precision, recall and F1 of all spans, then F1 of each kind.

    References
    ----------
    Tjong Kim Sang and De Meulder (2003), Introduction to the CoNLL-2003 shared task.
    """
    _same_sizes(so, said, units)
    check_confidence(confidence)
    kinds, counts_UK3 = _span_counts(so, said, units)
    drawn_RK3 = _drawn(counts_UK3, seed)
    all_3, all_R3 = counts_UK3.sum(axis=(0, 1)), None
    if drawn_RK3 is not None:
        all_R3 = drawn_RK3.sum(axis=1)
    n = int(all_3[0])
    rows = [
        _row(f"span {name}", None, float(read(all_3)), None if all_R3 is None else read(all_R3), n,
             confidence)
        for name, read in (("precision", _precision), ("recall", _recall), ("F1", _f1))
    ]  # fmt: skip
    for at, kind in enumerate(kinds):
        own = counts_UK3[:, at].sum(axis=0)
        drawn = None if drawn_RK3 is None else _f1(drawn_RK3[:, at])
        rows.append(_row("span F1", kind, float(_f1(own)), drawn, int(own[0]), confidence))
    return _table(rows, len(counts_UK3))


def scale_scores(
    so: Sequence[float],
    said: Sequence[float],
    units: Sequence[Any],
    *,
    confidence: float = 0.95,
    seed: int = SEED,
) -> pl.DataFrame:
    """Compare numbers: correlations of Pearson and Spearman, mean absolute error.

    Returns
    -------
    polars.DataFrame
        As `word_scores`.
    """
    _same_sizes(so, said, units)
    check_confidence(confidence)
    a, b = np.asarray(so, dtype=np.float64), np.asarray(said, dtype=np.float64)
    _, unit = np.unique(np.asarray(_named(units)), return_inverse=True)
    own = [np.flatnonzero(unit == number) for number in range(int(unit.max()) + 1)]
    random, drawn = np.random.default_rng(seed), []
    for _ in range(RESAMPLES if len(own) >= FEWEST_UNITS else 0):
        chosen = np.concatenate([own[n] for n in random.integers(len(own), size=len(own))])
        drawn.append(scale_points(a[chosen].tolist(), b[chosen].tolist()))
    rows = []
    for name, score in scale_points(a.tolist(), b.tolist()).items():
        many = np.array([one[name] for one in drawn]) if drawn else None
        rows.append(_row(name.replace("_", " "), None, score, many, len(a), confidence))
    return _table(rows, len(own))


def _span_counts(
    so: WordLabels, said: SaidLabels, units: Sequence[Any]
) -> tuple[list[str], Floats]:
    """Return the kinds of spans, and of each unit and kind how many there are, said, the same."""
    _, unit = np.unique(np.asarray(_named(units)), return_inverse=True)
    found = [span_counts(a, [word or OUTSIDE for word in b]) for a, b in zip(so, said, strict=True)]
    kinds = sorted({kind for three in found for one in three for kind in one})
    counts = np.zeros((int(unit.max()) + 1, len(kinds), 3))
    for number, three in zip(unit.tolist(), found, strict=True):
        for place, one in enumerate(three):
            for kind, count in one.items():
                counts[number, kinds.index(kind), place] += count
    return kinds, counts


def _named(units: Sequence[Any]) -> list[str]:
    """Return the unit of each text as text; one that is not known is the text's own."""
    return [f"\0{n}" if pd.isna(one) else str(one) for n, one in enumerate(units)]


def _drawn(counts_UK3: Floats, seed: int) -> Floats | None:
    n = len(counts_UK3)
    if n < FEWEST_UNITS:
        return None
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.asarray(np.einsum("ru,ukc->rkc", draws.astype(np.float64), counts_UK3))


def _precision(three: Floats) -> Floats:
    return _ratio(three[..., 2], three[..., 1])


def _recall(three: Floats) -> Floats:
    return _ratio(three[..., 2], three[..., 0])


def _f1(three: Floats) -> Floats:
    return _ratio(2 * three[..., 2], three[..., 0] + three[..., 1])


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, above / below, 0.0))


def _row(
    measure: str, label: str | None, score: float, drawn: Floats | None, n: int, confidence: float
) -> dict[str, Any]:
    low = high = None
    if drawn is not None and not np.isnan(drawn).all():
        tail = 100 * (1 - confidence) / 2
        low, high = (float(one) for one in np.nanpercentile(drawn, [tail, 100 - tail]))
    told = {"measure": measure, "label": label, "score": score}
    return {**told, "low": low, "high": high, "n": n}


def _table(rows: list[dict[str, Any]], units: int) -> pl.DataFrame:
    return pl.DataFrame([{**row, "units": units} for row in rows], schema=COLUMNS)


def _same_sizes(so: Sequence[Any], said: Sequence[Any], units: Sequence[Any]) -> None:
    sizes = {len(so), len(said), len(units)}
    rows = [len(one) for one in so if not isinstance(one, int | float)]
    told = [len(one) for one in said if not isinstance(one, int | float)]
    if len(sizes) > 1 or not so or rows != told:
        raise LabelError(
            f"What is so is known of {len(so):,} texts, and said of {len(said):,}.",
            "The same texts, and of each as many words, were expected; one at least.",
            "model.predict(parts.test) keeps the words as they are labelled",
        )
