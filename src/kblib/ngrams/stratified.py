"""How many of some items are so, when only a random sample of each stratum was looked at.

Nothing here knows of words: items are in *strata*, each item belongs to a *unit* (a film), and of
some items, drawn at random within their stratum, it is known whether they are so. The estimator is
the stratified expansion: the size of a stratum times the share of its marked items that are so.

Intervals are put together from one of each stratum. That is Wilson's, which holds its level for the
shares near 0 and 1 where a standard error of nothing would be wrong. The variance of a sum
is recovered from the ends of its parts (MOVER), a ratio is the set of values that the data do not
refute (Fieller). They are about one of two things:

``corpus``
    These very items. Only that not all were looked at is uncertain; marking all of them leaves
    nothing. As items were drawn one by one, units play no part.
``films``
    What the units are a sample of, as the band of a trend is. Units differ, and items of one unit
    resemble one another: the variance between units is added (linearised, one term a unit), and a
    stratum counts as so many items as its design effect leaves.

References
----------
Särndal, Swensson and Wretman (1992), Model Assisted Survey Sampling, 3.7 (stratified expansion) and
5.5 (linearisation). Wilson (1927), Probable inference, the law of succession, and statistical
inference. Korn and Graubard (1998), Confidence intervals for proportions with small expected number
of positive counts estimated from survey data (effective size, t for z). Zou and Donner (2008),
Construction of confidence limits about effect measures: a general approach (MOVER). Kish (1965),
Survey Sampling, 8.2 (units of unequal size).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import NormalDist
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

About = Literal["films", "corpus"]
ABOUT: tuple[About, ...] = get_args(About)
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
HALVINGS = 32
SEVERAL = 2


@dataclass(frozen=True, eq=False)
class Stratum:
    """Items of one stratum, counted in each unit.

    Attributes
    ----------
    size, marked, yes
        How many items there are, were looked at, and were found so; all of shape (units,), for
        the same units in all strata that are put together.
    """

    size: Ints
    marked: Ints
    yes: Ints

    @cached_property
    def n_items(self) -> int:
        """How many items there are."""
        return int(self.size.sum())

    @cached_property
    def n_marked(self) -> int:
        """How many were looked at."""
        return int(self.marked.sum())

    @cached_property
    def n_yes(self) -> int:
        """How many were found so."""
        return int(self.yes.sum())

    @cached_property
    def share(self) -> float:
        """The share of the marked items that are so; 0 where there is no item, else unknown."""
        if self.n_marked:
            return self.n_yes / self.n_marked
        return math.nan if self.n_items else 0.0

    @cached_property
    def surprise(self) -> Floats:
        """What the marks of each unit add to what the share lets expect of it, in items."""
        if not self.n_marked:
            return np.zeros(len(self.size))
        return self.n_items / self.n_marked * (self.yes - self.share * self.marked)

    @cached_property
    def marks_variance(self) -> float:
        """The variance of the estimated number that comes from the marks, units kept whole."""
        return _between(self.surprise[self.marked > 0])

    def ends(self, rule: Rule) -> tuple[float, float]:
        """Return the interval of the share."""
        if not self.n_items:
            return 0.0, 0.0
        if rule.about == "films":
            return wilson(self.share, self._as_many(), rule.critical(self._units() - 1))
        left = self.n_items - self.n_marked
        if not left:
            return self.share, self.share
        low, high = wilson(self.share, self.n_marked * (self.n_items - 1) / left, rule.critical())
        no = self.n_marked - self.n_yes
        return max(low, self.n_yes / self.n_items), min(high, 1 - no / self.n_items)

    def _units(self) -> int:
        return int(np.count_nonzero(self.marked))

    def _as_many(self) -> float:
        """Return as how many independent items the marks count.

        Where all marks agree they cannot say how alike those of a unit are: each unit counts once,
        as if they were all the same.
        """
        once: float = self.n_marked**2 / (self.marked.astype(float) ** 2).sum()
        if self.share in (0.0, 1.0) or self.n_marked < SEVERAL:
            return once
        single = self.n_items**2 * self.share * (1 - self.share) / (self.n_marked - 1)
        return self.n_marked / max(1.0, self.marks_variance / single)


@dataclass(frozen=True)
class Rule:
    """How intervals are made: about what, and with which confidence."""

    about: About = "films"
    confidence: float = 0.95

    def critical(self, freedom: int | None = None) -> float:
        """Return the two-sided critical value, of Student's t if degrees of freedom are given."""
        z = NormalDist().inv_cdf((1 + self.confidence) / 2)
        return z if freedom is None else student(z, max(freedom, 1))


@dataclass(frozen=True)
class Estimate:
    """A number with its interval."""

    value: float
    low: float
    high: float


UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's interval of a share of `n` items; `n` need not be whole.

    Examples
    --------
    >>> [round(end, 4) for end in wilson(0.0, 10, 1.96)]
    [0.0, 0.2775]
    """
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return middle - half if share > 0 else 0.0, middle + half if share < 1 else 1.0


def student(z: float, freedom: int) -> float:
    """Return the critical value of Student's t that belongs to one of the normal distribution.

    Cornish and Fisher's expansion (Abramowitz and Stegun 26.7.5), good to 0.002 from 9 degrees of
    freedom on at 95 %.

    Examples
    --------
    >>> round(student(1.959964, 9), 3)
    2.262
    """
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))


def rate(strata: Sequence[Stratum], exposure: Floats, rule: Rule) -> Estimate:
    """Estimate how many items are so, for each of what they are set against.

    What units add is put on a logarithmic scale: rates of few, unequal units are skewed.

    Parameters
    ----------
    exposure
        What each unit adds to the denominator: its words for a rate, its items for a share.
    """
    if _unseen(strata):
        return UNKNOWN
    total, whole = _total(strata), float(exposure.sum())
    weights = [1.0] * len(strata)
    below, above = _marks_reach(strata, weights, [one.ends(rule) for one in strata])
    apart = _units_reach(strata, weights, rule, total / whole * exposure)
    if total:
        below = math.hypot(below, total * -math.expm1(-apart / total))
        above = math.hypot(above, total * math.expm1(apart / total))
    return Estimate(total / whole, max(0.0, total - below) / whole, (total + above) / whole)


def share(strata: Sequence[Stratum], rule: Rule) -> Estimate:
    """Estimate which share of the items is so: the precision of a search."""
    items = np.stack([one.size for one in strata]).sum(axis=0).astype(np.float64)
    if not items.any():
        return UNKNOWN
    found = rate(strata, items, rule)
    return replace(found, high=min(1.0, found.high))


def part(found: Sequence[Stratum], missed: Sequence[Stratum], rule: Rule) -> Estimate:
    """Estimate which part of all items that are so is in the first strata: the recall of a search.

    A part r is refuted if (1 - r) found - r missed cannot be 0; the interval is what is left.
    """
    strata = [*found, *missed]
    if _unseen(strata) or not _total(strata):
        return UNKNOWN
    in_found, in_all = _total(found), _total(strata)
    value = in_found / in_all
    ends = [one.ends(rule) for one in strata]

    def holds(r: float) -> bool:
        weights = [1 - r] * len(found) + [-r] * len(missed)
        middle = in_found - r * in_all
        reach = _marks_reach(strata, weights, ends)[0 if middle > 0 else 1]
        return math.hypot(reach, _units_reach(strata, weights, rule, np.zeros(1))) >= abs(middle)

    return Estimate(value, boundary(holds, 0.0, value), boundary(holds, 1.0, value))


def _total(strata: Sequence[Stratum]) -> float:
    return math.fsum(one.n_items * one.share for one in strata)


def _unseen(strata: Sequence[Stratum]) -> bool:
    """Return whether a stratum has items but no marks, so that nothing is known of it."""
    return any(one.n_items and not one.n_marked for one in strata)


def _marks_reach(
    strata: Sequence[Stratum], weights: Sequence[float], ends: Sequence[tuple[float, float]]
) -> tuple[float, float]:
    """Return how far a weighted sum may lie below and above, for what the marks leave open."""
    below = above = 0.0
    for one, weight, (low, high) in zip(strata, weights, ends, strict=True):
        down, up = (one.share - low, high - one.share)[:: 1 if weight >= 0 else -1]
        below += (weight * one.n_items * down) ** 2
        above += (weight * one.n_items * up) ** 2
    return math.sqrt(below), math.sqrt(above)


def _units_reach(
    strata: Sequence[Stratum], weights: Sequence[float], rule: Rule, expected: Floats
) -> float:
    """Return how much further it may lie because other units might have been there."""
    if rule.about != "films":
        return 0.0
    both = list(zip(strata, weights, strict=True))
    terms = sum(weight * (one.size * one.share + one.surprise) for one, weight in both) - expected
    marks = sum(weight**2 * one.marks_variance for one, weight in both)
    variance = max(0.0, _between(np.asarray(terms)) - marks)
    return rule.critical(len(strata[0].size) - 1) * math.sqrt(variance)


def boundary(holds: Callable[[float], bool], outside: float, inside: float) -> float:
    """Return, by halving, where a condition that holds inside ends; `outside` if nowhere."""
    if holds(outside):
        return outside
    for _ in range(HALVINGS):
        middle = (outside + inside) / 2
        outside, inside = (outside, middle) if holds(middle) else (middle, inside)
    return inside


def _between(values: Floats) -> float:
    """Return the variance of a sum over units that might have been others."""
    n = len(values)
    if n < SEVERAL:
        return 0.0
    return float(n / (n - 1) * ((values - values.mean()) ** 2).sum())
