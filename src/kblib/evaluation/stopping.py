"""When to stop labelling: the interval is as short as wanted, or more labels teach nothing more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from kblib.errors import LabelError, told
from kblib.evaluation.counts import CorrectedCounts
from kblib.ngrams.printed import Printed
from kblib.ngrams.stratified import About

LABELS, SCORE, METHOD, MEASURE, MACRO = "labels", "score", "method", "measure", "macro F1"
STAYS: dict[About, str] = {
    "films": "the units differ; about='corpus' leaves that out.",
    "corpus": "what readers were unsure of stays so.",
}
"""What keeps an interval long though there are labels enough."""


@dataclass(frozen=True, eq=False, repr=False)
class StopAdvice(Printed):
    """Whether to go on labelling.

    Attributes
    ----------
    stop
        Whether there are labels enough.
    sentences
        Why, with the numbers.
    rows
        What it rests on: of counts one row a period (period, labels, half the interval's length,
        needed), of a curve one row a size.
    provenance
        What was asked.
    """

    stop: bool
    sentences: tuple[str, ...]
    rows: pl.DataFrame
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Why, with the numbers."""
        return " ".join(self.sentences)

    @property
    def title(self) -> str:
        """The advice, in the language of the notebook."""
        return " ".join(map(told, self.sentences))

    def __str__(self) -> str:
        return self.title


def when_to_stop(
    found: Any, *, within: float = 0.05, gain: float = 0.01, method: str | None = None
) -> StopAdvice:
    """Say whether there are labels enough, with the numbers that say so.

    Parameters
    ----------
    found
        What `corrected_counts` returned: then the question is whether shares are known well enough.
        Or a learning curve, as `learning_curve` returns it or a table with columns ``labels`` and
        ``score`` (a row a size, or one a size and seed): then whether more labels would still make
        the model better.
    within
        Of counts: half the length of an interval that is short enough, as a share; 0.05 for ±5
        points.
    gain
        Of a curve: what a doubling of the labels has to bring, in the unit of the score; 0.01 for
        one point. Taken from the largest size of at most half the last one, on a logarithmic axis,
        where learning curves are nearly straight (Hestness et al. 2017).
    method
        Of a curve of several methods: which; by default the one that is best at the end, by the
        mean of its seeds.

    Raises
    ------
    LabelError
        If `within` or `gain` is not between 0 and 1, a column is missing, there is no such method,
        or no two sizes lie a doubling apart.

    Examples
    --------
    >>> print(when_to_stop(pl.DataFrame({"labels": [10, 20], "score": [0.81, 0.815]})))
    Stop: from 10 to 20 labels the score rose by 0.5 points a doubling, less than the 1.0 asked for.
    """
    if isinstance(found, CorrectedCounts):
        return _of_counts(found, within)
    given = found if isinstance(found, pl.DataFrame) else getattr(found, "rows", found)
    _check_gain(gain)
    if not hasattr(given, "columns") and not isinstance(given, Mapping):
        raise LabelError(
            f"when_to_stop got a {type(found).__name__}.",
            "Corrected counts, a learning curve, or a table with the columns 'labels' and 'score' "
            "was expected.",
            "kb.when_to_stop(counts, within=0.02)",
        )
    curve = pl.DataFrame(given)
    if MEASURE in curve.columns:
        curve = curve.filter(pl.col(MEASURE) == MACRO)
    if METHOD not in curve.columns:
        return _of_curve(curve, gain, "")
    name = _method(curve, method)
    return _of_curve(curve.filter(pl.col(METHOD) == name), gain, f"{name}, ")


def _check_gain(gain: Any) -> None:
    if isinstance(gain, bool) or not isinstance(gain, int | float) or not 0 <= gain < 1:
        raise LabelError(
            f"gain is {gain!r}.", "A share was expected: 0.02 are two points.", "gain=0.02"
        )


def _of_counts(counts: CorrectedCounts, within: float) -> StopAdvice:
    needed = counts.labels_needed(within)[["needed"]].astype("Int64")
    half = ((pl.col("high") - pl.col("low")) / 2).alias("half")
    rows = counts.rows.select("period", "labels", half, "note").hstack(pl.from_pandas(needed))
    periods = rows.filter(pl.col("period").is_not_null()) if rows.height > 1 else rows
    wide = periods.filter(~(pl.col("half") <= within) | pl.col("half").is_nan())
    asked = {**counts.provenance, "within": within}
    said = f"±{_points(within)} points"
    if not wide.height:
        done = f"Stop: each of {periods.height} intervals is within {said}."
        return StopAdvice(True, (done,), rows, asked)
    first = f"Go on. Intervals that are not within {said}: {wide.height} of {periods.height}."
    return StopAdvice(False, (first, *_widest(wide, counts.rule.about)), rows, asked)


def _widest(wide: pl.DataFrame, about: About) -> Iterator[str]:
    known = wide.filter(pl.col("half").is_not_nan())
    if known.height:
        row = known.sort("half").row(-1, named=True)
        more = (row["needed"] or 0) - row["labels"]
        where = "" if row["period"] is None else f" is that of {row['period']}"
        yield f"The widest{where}: ±{_points(row['half'])} points from {row['labels']:,} labels."
        yield (
            f"About {more:,} more are needed there."
            if more > 0
            else f"More labels hardly shorten it: {STAYS[about]}"
        )
    if without := wide.height - known.height:
        note = wide.filter(pl.col("half").is_nan())["note"][0]
        yield f"Periods without an interval: {without} ({note})."


def _method(curve: pl.DataFrame, asked: str | None) -> str:
    """Return the method asked for, or that with the highest score from most labels."""
    learners = curve.filter(pl.col(LABELS).is_not_null())
    names = learners[METHOD].unique(maintain_order=True).to_list()
    if asked is None and names:
        means = learners.group_by(METHOD, LABELS).agg(pl.col(SCORE).mean())
        return str(means.sort(LABELS, SCORE)[METHOD][-1])
    if asked not in names:
        raise LabelError(
            f"The curve has no method {asked!r} that learns from labels.",
            f"There are: {', '.join(names) or 'none'}.",
        )
    return str(asked)


def _of_curve(curve: pl.DataFrame, gain: float, name: str) -> StopAdvice:
    if missing := [name for name in (LABELS, SCORE) if name not in curve.columns]:
        raise LabelError(
            f"The curve has no column '{missing[0]}'; it has: {', '.join(curve.columns)}.",
            "How many labels, and the score with them, were expected.",
            f'curve.rename(columns={{"{(curve.columns or ["n"])[0]}": "{missing[0]}"}})',
        )
    means = curve.group_by(LABELS).agg(pl.col(SCORE).mean()).drop_nulls().sort(LABELS)
    sizes, scores = (means[name].cast(pl.Float64).to_list() for name in (LABELS, SCORE))
    before = [at for at, one in enumerate(sizes) if one * 2 <= sizes[-1]] if sizes else []
    if not before:
        raise LabelError(
            f"The curve has the sizes {', '.join(f'{one:g}' for one in sizes) or 'none'}.",
            "Two sizes of which one is twice the other were expected.",
            "Train on half of the labels, and on all of them.",
        )
    at = before[-1]
    each = (scores[-1] - scores[at]) / math.log2(sizes[-1] / sizes[at])
    said = _curve_said(name, sizes, at, each, gain)
    return StopAdvice(each < gain, (said,), means, {"gain": gain})


def _curve_said(name: str, sizes: list[float], at: int, each: float, gain: float) -> str:
    span = f"{name}from {sizes[at]:,.0f} to {sizes[-1]:,.0f} labels the score rose by"
    span = f"{span} {_points(each)}"
    if each < gain:
        return f"Stop: {span} points a doubling, less than the {_points(gain)} asked for."
    then = f"{2 * sizes[-1]:,.0f} labels bring as much again"
    return f"Go on: {span} points a doubling. If it goes on so, {then}."


def _points(share: float) -> str:
    return f"{100 * share:.1f}"
