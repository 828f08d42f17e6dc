"""A learning curve: how good a model is by how many labels it was given, and what a label costs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from kblib.errors import LabelError
from kblib.evaluation.curve_scores import CurveScores, Told
from kblib.evaluation.scores import OF_ALL
from kblib.ngrams.printed import Printed

MACRO = "macro F1"
MINUTES = 0.5
"""A label of a short text, where nothing else is said; your own pace is the number that counts."""
_CURVE = {"method": pl.String, "labels": pl.Int64, "measure": pl.String, "score": pl.Float64,
          "low": pl.Float64, "high": pl.Float64, "spread": pl.Float64, "draws": pl.Int64,
          "seconds": pl.Float64, "note": pl.String}  # fmt: skip
_CROSSED = {"method": pl.String, "over": pl.String, "from_labels": pl.Int64,
            "surely_from": pl.Int64, "at": pl.Int64, "difference": pl.Float64, "low": pl.Float64,
            "high": pl.Float64}  # fmt: skip
_PRICED = {"method": pl.String, "labels": pl.Int64, "hours": pl.Float64, "score": pl.Float64,
           "low": pl.Float64, "high": pl.Float64, "gain": pl.Float64,
           "gain_per_hour": pl.Float64}  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve(Printed):
    """Scores on the same test texts by the number of labels learnt from.

    Attributes
    ----------
    rows
        One row a method, size and measure: method, labels (null: it is given none), measure, score
        (mean over the draws), low, high, spread (standard deviation over the draws), draws, seconds
        (to learn and answer once), note.
    scores
        What was said of each test text.
    sizes
        The numbers of labels.
    learners, others
        The methods that are given labels, and those that are not.
    provenance
        Labels, split, sizes, draws, methods, version.
    """

    rows: pl.DataFrame
    scores: CurveScores
    sizes: tuple[int, ...]
    learners: tuple[str, ...]
    others: tuple[str, ...]
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        about = self.provenance
        return (
            f"Learning curve of '{about['labels']}': {self.sizes[0]:,} to {self.sizes[-1]:,} "
            f"labels, {about['draws']} draws each, tested on {about['n_test']:,} texts"
        )

    @cached_property
    def crossings(self) -> Crossings:
        """From how many labels on a method is better than another, by macro F1."""
        return self.crossed()

    def crossed(self, measure: str = MACRO) -> Crossings:
        """Return from how many labels on a method is better than another.

        A method that learns is compared with each that is given no labels, and with each other one
        at the same number of labels, on the same texts and draws.

        Parameters
        ----------
        measure
            ``accuracy`` or ``macro F1``.

        Raises
        ------
        LabelError
            If the measure is another.
        """
        check_measure(measure)
        pairs = [(one, other) for one in self.learners for other in (*self.others, *self.learners)]
        rows = [
            {"method": one, "over": other, **self._crossing(one, other, measure)}
            for one, other in pairs
            if one != other
        ]
        about = {**self.provenance, "measure": measure}
        return Crossings(pl.DataFrame(rows, schema=_CROSSED), self.warnings, about)

    def price(self, minutes: float = MINUTES, *, measure: str = MACRO) -> LabelPrice:
        """Return what the labels cost, and what each step of the curve brought.

        Parameters
        ----------
        minutes
            Minutes that a reader takes for one label.
        measure
            ``accuracy`` or ``macro F1``.

        Raises
        ------
        LabelError
            If the minutes are no price, or the measure is another.
        """
        check_measure(measure)
        check_minutes(minutes)
        rows = [row for name in self.learners for row in self._priced(name, minutes, measure)]
        about = {**self.provenance, "measure": measure, "minutes": minutes}
        n_test = int(about["n_test"])
        tested = (
            f"The test part has {n_test:,} labels too: {n_test * minutes / 60:.1f} h more, and "
            "without them nobody knows how good the model is."
        )
        return LabelPrice(pl.DataFrame(rows, schema=_PRICED), (tested, *self.warnings), about)

    def _crossing(self, one: str, other: str, measure: str) -> dict[str, Any]:
        ahead = [self._ahead(one, other, size, measure) for size in self.sizes]
        last = ahead[-1]
        return {
            "from_labels": _from_then_on(self.sizes, [told.mean > 0 for told in ahead]),
            "surely_from": _from_then_on(self.sizes, [told.low > 0 for told in ahead]),
            "at": self.sizes[-1],
            "difference": last.mean,
            "low": last.low,
            "high": last.high,
        }

    def _ahead(self, one: str, other: str, size: int, measure: str) -> Told:
        there = size if other in self.learners else None
        return self.scores.difference((one, size), (other, there), measure)

    def _priced(self, name: str, minutes: float, measure: str) -> Iterator[dict[str, Any]]:
        before: tuple[float, float] | None = None
        for size in self.sizes:
            told = self.scores.told((name, size), measure)
            hours = size * minutes / 60
            gain = None if before is None else told.mean - before[1]
            per_hour = None if before is None or gain is None else gain / (hours - before[0])
            row = {"method": name, "labels": size, "hours": hours, "score": told.mean}
            row |= {"low": told.low, "high": told.high}
            yield row | {"gain": gain, "gain_per_hour": per_hour}
            before = hours, told.mean


@dataclass(frozen=True, eq=False, repr=False)
class Crossings(Printed):
    """From how many labels on a method is better than another.

    Attributes
    ----------
    rows
        One row a pair: method, over, from_labels (its mean is higher at this size and all larger
        ones; null: at none), surely_from (the interval of the difference is above 0 there), then
        the largest size and the difference at it with its interval.
    """

    rows: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"From how many labels on a method is better, by {self.provenance['measure']}"

    def of(self, method: str, over: str) -> dict[str, Any]:
        """Return the row of a pair.

        Raises
        ------
        LabelError
            If they were not compared.
        """
        found = self.rows.filter((pl.col("method") == method) & (pl.col("over") == over))
        if not found.height:
            pairs = [f"'{a}' over '{b}'" for a, b in self.rows.select("method", "over").iter_rows()]
            raise LabelError(
                f"'{method}' was not compared with '{over}'.", f"There are: {', '.join(pairs)}."
            )
        return found.row(0, named=True)


@dataclass(frozen=True, eq=False, repr=False)
class LabelPrice(Printed):
    """What labels cost, and what they bring.

    Attributes
    ----------
    rows
        One row a method and size: method, labels, hours (of labelling), score, low, high, gain
        (over the size before), gain_per_hour.
    """

    rows: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        about = self.provenance
        return f"What labels cost at {about['minutes']:g} minutes each, by {about['measure']}"


def rows_of(scores: CurveScores, places: Sequence[tuple[str, int | None]]) -> pl.DataFrame:
    """Return the table of a curve."""
    rows = []
    for method, size in places:
        some = [one for one in scores.cells if (one.method, one.size) == (method, size)]
        seconds = sum(one.seconds for one in some) / len(some)
        for measure in OF_ALL:
            told = scores.told((method, size), measure)
            note = "too few groups to test on: no interval" if math.isnan(told.low) else ""
            row = {"method": method, "labels": size, "measure": measure, "score": told.mean}
            row |= {"low": told.low, "high": told.high, "spread": told.spread}
            rows.append({**row, "draws": len(some), "seconds": seconds, "note": note})
    return pl.DataFrame(rows, schema=_CURVE)


def check_measure(measure: str) -> None:
    """Refuse a measure that is not computed."""
    if measure not in OF_ALL:
        raise LabelError(f"measure is {measure!r}.", f"There are: {', '.join(OF_ALL)}.")


def check_minutes(minutes: Any) -> None:
    """Refuse what is no price of a label."""
    number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    if not number or not math.isfinite(minutes) or minutes <= 0:
        raise LabelError(
            f"minutes is {minutes!r}.",
            "How many minutes a label takes was expected, more than 0.",
            "curve.price(minutes=0.5)",
        )


def _from_then_on(sizes: Sequence[int], better: Sequence[bool]) -> int | None:
    """Return the first size from which on all are better."""
    found = None
    for size, one in zip(reversed(sizes), reversed(better), strict=True):
        if not one:
            break
        found = size
    return found
