"""95 % intervals: of a median by the binomial, of a mean by resampling whole groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from statistics import median

import numpy as np
from numpy.typing import ArrayLike

_SHARE = 0.95
_RESAMPLES = 4000


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


def median_estimate(values: Sequence[float]) -> Estimate:
    """Return the median and its interval between two of the sorted values.

    Takes no shape of distribution for granted: the number of values below the true median is
    binomial with one half, so the interval from the k-th smallest to the k-th largest value misses
    it with probability ``2 * P(fewer than k)``. The largest k for which that is at most 5 % is
    taken.

    Raises
    ------
    ValueError
        If there are fewer than six values: then even the two ends cover less than 95 %.

    References
    ----------
    Conover (1999), Practical nonparametric statistics, section 3.2.
    """
    rank = median_rank(len(values))
    ordered = sorted(values)
    return Estimate(median(ordered), ordered[rank - 1], ordered[-rank])


def median_rank(n: int) -> int:
    """Return which of `n` sorted values, counted from 1, bounds the interval of the median."""
    below, rank = 0, 0
    while 2 * (below + comb(n, rank)) <= (1 - _SHARE) * 2**n:
        below += comb(n, rank)
        rank += 1
    if rank == 0:
        raise ValueError(f"{n} values give no 95 % interval of their median; at least 6 do.")
    return rank


def mean_estimate(values_N: ArrayLike, groups_N: ArrayLike, *, seed: int = 1) -> Estimate:
    """Return the mean of all values, with the percentile interval of a bootstrap over groups.

    What belongs together (the words of one film) is drawn together, so the interval is as wide as
    the differences between groups make it.

    Parameters
    ----------
    values_N
        One number an item.
    groups_N
        The group of each item; any labels.
    seed
        Of the resampling.

    References
    ----------
    Efron & Tibshirani (1993), An introduction to the bootstrap, chapters 8 and 13.
    """
    values = np.asarray(values_N, dtype=np.float64)
    _, group_N = np.unique(np.asarray(groups_N), return_inverse=True)
    sums_G = np.bincount(group_N, values)
    sizes_G = np.bincount(group_N)
    n_groups = len(sums_G)
    random = np.random.default_rng(seed)
    drawn_RG = random.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=_RESAMPLES)
    means_R = (drawn_RG @ sums_G) / (drawn_RG @ sizes_G)
    low, high = np.quantile(means_R, [(1 - _SHARE) / 2, (1 + _SHARE) / 2])
    return Estimate(float(values.mean()), float(low), float(high))
