"""Whether one model is better than another on the same texts.

Under the hypothesis that they are alike, it does not matter which of the two said what about a
unit: the labels of whole units are exchanged at random (a paired permutation test; Noreen 1989,
Koehn 2004 on why resampling). Of many pairs, p-values are corrected by Holm (1979), which holds the
chance of any false finding: who compares twenty models with the best of them finds one in most
tables where none is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import polars as pl

from kblib.errors import LabelError
from kblib.evaluation import matrices as m
from kblib.evaluation.scores import OF_ALL, RESAMPLES, SEED, Scores
from kblib.ngrams.printed import Printed
from kblib.ngrams.resampling import FEWEST_UNITS

EXCHANGES = 9_999


@dataclass(frozen=True, eq=False, repr=False)
class Differences(Printed):
    """Models compared two by two.

    Attributes
    ----------
    rows
        One row a pair: one, other, measure, difference (one less other), low, high (of this
        difference alone; none for fewer than 10 units), p (of this pair alone), p_holm (corrected
        for all pairs of the table; the one to cite).
    provenance
        That of the first model's scores, with what was asked, and how p-values were corrected.
    """

    rows: pl.DataFrame
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        n, measure = self.rows.height, self.provenance["measure"]
        if n == 1:
            return f"Differences of {measure}"
        return f"Differences of {measure}; p_holm is corrected for {n} comparisons (Holm 1979)"


def differences(
    models: Mapping[str, Scores],
    others: Mapping[str, Scores] | None = None,
    *,
    measure: str = "macro F1",
    seed: int = SEED,
) -> Differences:
    """Compare models on the texts that all were scored on, two by two.

    Parameters
    ----------
    models
        Names, and what `evaluate` returned for each, with the same labels.
    others
        What each model is compared with, such as baselines; by default with each other.
    measure
        ``accuracy`` or ``macro F1``.

    Raises
    ------
    LabelError
        If there are fewer than two, the measure is another, a name stands for two, or they were
        scored on other texts.
    """
    pairs = list(combinations(models, 2) if others is None else product(models, others))
    if not pairs:
        raise LabelError(f"{len(models)} models were given.", "At least two are compared.")
    if measure not in OF_ALL:
        raise LabelError(f"measure is {measure!r}.", f"There are: {', '.join(OF_ALL)}.")
    if twice := sorted({*models} & {*(others or {})}):
        raise LabelError(
            f"'{twice[0]}' is among the models and among the others.",
            "Each name stands for one model.",
            'kb.differences({"one": scores}, {"another": others})',
        )
    first, scores = next(iter(models.values())), {**(others or {}), **models}
    for name, one in scores.items():
        _check_same(first, one, name)
    confidence = float(first.provenance["confidence"])
    rows: list[dict[str, Any]] = [
        {"one": one, "other": other, "measure": measure}
        | _difference(scores[one], scores[other], measure, confidence, seed)
        for one, other in pairs
    ]
    for row, corrected in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = corrected
    about = {**first.provenance, "measure": measure, "seed": seed, "exchanges": EXCHANGES}
    about["p_holm"] = f"corrected for {len(pairs)} comparisons (Holm 1979)"
    return Differences(pl.DataFrame(rows), {**about, "models": list(models)})


def holm(p_values: list[float]) -> list[float]:
    """Return p-values corrected for how many there are (Holm 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    n, corrected, least = len(p_values), [0.0] * len(p_values), 0.0
    for rank, at in enumerate(sorted(range(n), key=p_values.__getitem__)):
        least = max(least, min(1.0, (n - rank) * p_values[at]))
        corrected[at] = least
    return corrected


def _difference(
    one: Scores, other: Scores, measure: str, confidence: float, seed: int
) -> dict[str, float]:
    read = OF_ALL[measure]
    names = sorted({*one.judged["so"], *one.judged["said"], *other.judged["said"]})
    said = one.judged.join(other.judged.select("id", second="said"), "id", maintain_order="left")
    so, units = said["so"].to_list(), said["unit"].to_list()
    ours, theirs = (
        m.matrices(so, said[name].to_list(), units, names) for name in ("said", "second")
    )
    seen, low, high = float(read(ours.whole) - read(theirs.whole)), np.nan, np.nan
    if ours.n_units >= FEWEST_UNITS:
        drawn = read(ours.resampled(RESAMPLES, seed)) - read(theirs.resampled(RESAMPLES, seed))
        tail = 100 * (1 - confidence) / 2
        low, high = np.nanpercentile(drawn, [tail, 100 - tail])
    p = _p_value(ours, theirs, measure, abs(seen), seed)
    return {"difference": seen, "low": float(low), "high": float(high), "p": p}


def _p_value(ours: m.Matrices, theirs: m.Matrices, measure: str, seen: float, seed: int) -> float:
    """Return how often exchanged units differ as much; the order that was seen counts as one."""
    n, k = len(ours.counts), len(ours.labels)
    both = ours.whole + theirs.whole
    apart = (ours.counts - theirs.counts).reshape(n, k * (k + 1)).astype(np.float64)
    draw, as_much, rows = np.random.default_rng([seed, 1]), 1, 500
    for at in range(0, EXCHANGES, rows):
        sign = draw.choice([-1.0, 1.0], size=(min(rows, EXCHANGES - at), n))
        shift = (sign @ apart).reshape(-1, k, k + 1)
        read = OF_ALL[measure]
        found = read((both + shift) / 2) - read((both - shift) / 2)
        as_much += int((np.abs(found) >= seen - 1e-12).sum())
    return as_much / (EXCHANGES + 1)


def _check_same(first: Scores, one: Scores, name: str) -> None:
    columns = ["id", "so"]
    if not first.judged.select(columns).sort("id").equals(one.judged.select(columns).sort("id")):
        raise LabelError(
            f"'{name}' was scored on other texts, or against other labels, than the first model.",
            "A pair is compared on the same texts.",
            "Evaluate all of them with the same labels.",
        )
