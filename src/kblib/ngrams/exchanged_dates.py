"""Has the company of a word changed with time? Answered by exchanging the dates of whole films.

The uses before a change point are compared with those after it: the squared distance of their mean
contexts. Whether it is large is not asked of a formula: the dates of films are exchanged at random
among films of the same medium and collection, all uses of a film together, and the same is worked
out again. Each use counts as far as it differs from the mean of its own medium and collection, so
a change of what was collected is no change of the word.

Letters: F films, B exchanges (the first row is the true dates), P periods, S strata, D numbers in a
vector.

References
----------
Hamilton, Leskovec and Jurafsky (2016) and Schlechtweg et al. (2020, SemEval task 1) for the
question; Dubossarsky, Weinshall and Grossman (2017), Outta control, for the control; Westfall and
Young (1993), Resampling-based multiple testing, for the largest statistic; Phipson and Smyth
(2010), Permutation p-values should never be zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kblib.ngrams.contexts import Uses
from kblib.ngrams.index import Ints
from kblib.ngrams.resampling import Floats

Codes = NDArray[np.int16]
AT_ONCE = 20_000_000
DRAWN_AT_ONCE = 50
EQUAL = 1e-9
"""Statistics nearer than this differ by rounding only."""


@dataclass(frozen=True, eq=False)
class Films:
    """What films hold of a word: all that its statistic needs.

    Attributes
    ----------
    unit, period, block
        Of each film; dates are exchanged inside a block: films with uses in the same strata.
    sums
        The sum of its uses' differences from the mean of their stratum, shape (F, D).
    uses
        How many uses it has in each stratum, shape (F, S).
    """

    unit: Ints
    period: Ints
    block: Ints
    sums: Floats
    uses: Floats


def films_of(uses: Uses) -> Films:
    """Return the films of some uses; each film must have one period."""
    units, first, film = np.unique(uses.unit, return_index=True, return_inverse=True)
    strata, stratum = np.unique(uses.stratum, return_inverse=True)
    count_FS = np.zeros((len(units), len(strata)))
    np.add.at(count_FS, (film, stratum), 1.0)
    vectors = uses.vectors.astype(np.float64)
    for number in range(len(strata)):
        vectors[stratum == number] -= vectors[stratum == number].mean(axis=0)
    order = np.argsort(film, kind="stable")
    sums_FD = np.zeros((0, vectors.shape[1]))
    if len(units):
        starts = np.searchsorted(film[order], np.arange(len(units)))
        sums_FD = np.add.reduceat(vectors[order], starts, axis=0)
    block = np.unique(count_FS > 0, axis=0, return_inverse=True)[1].ravel()
    return Films(units, uses.period[first], block, sums_FD, count_FS)


def exchanged(films: Films, n_units: int, exchanges: int, seed: int) -> Codes:
    """Return the periods of films after each exchange, the true ones first, shape (B, F).

    Each exchange puts all units of the corpus in a random order, by which the dates of each block
    are dealt out again: words that share films are exchanged alike.

    Parameters
    ----------
    n_units
        How many units the corpus has.
    """
    by_block = np.argsort(films.block, kind="stable")
    dealt = films.period[by_block].astype(np.int16)
    periods = np.empty((exchanges + 1, len(films.unit)), dtype=np.int16)
    periods[0] = films.period
    for at in range(0, exchanges, DRAWN_AT_ONCE):
        rows = periods[1 + at : 1 + at + DRAWN_AT_ONCE]
        draw = np.random.default_rng([seed, at])
        place = draw.random((len(rows), n_units))[:, films.unit]
        order = np.argsort(films.block + place, axis=1)
        np.put_along_axis(rows, order, dealt[None, :], axis=1)
    return periods


def distances(films: Films, periods_BF: Codes, n_periods: int) -> Floats:
    """Return the statistic for the change after each period but the last, shape (B, P - 1).

    The squared length of the summed differences before the change, over what it would be on
    average for uses that are independent.
    """
    values = np.concatenate([films.sums, films.uses], axis=1).astype(np.float32)
    rows = max(AT_ONCE // max(periods_BF.shape[1] * n_periods, 1), 1)
    parts = [
        _before(periods_BF[at : at + rows], values, n_periods)
        for at in range(0, len(periods_BF), rows)
    ]
    before = np.concatenate(parts)
    size = films.sums.shape[1]
    count, all_of_S = before[..., size:], films.uses.sum(0)
    spread = (count * (all_of_S - count) / all_of_S).sum(-1)
    length = np.square(before[..., :size]).sum(-1)
    found: Floats = np.divide(length, spread, out=np.zeros_like(length), where=spread > 0)
    return found


def _before(periods_BF: Codes, values_FX: NDArray[np.float32], n_periods: int) -> Floats:
    """Return sums of films dated up to each period but the last."""
    until = np.arange(n_periods - 1)
    is_before = (periods_BF[:, None, :] <= until[None, :, None]).astype(np.float32)
    flat = is_before.reshape(-1, periods_BF.shape[1]) @ values_FX
    sums: Floats = flat.reshape(len(periods_BF), n_periods - 1, -1).astype(np.float64)
    return sums


def standardised(distances_BP: Floats) -> Floats:
    """Return statistics by their mean and standard deviation over all exchanges, true dates too."""
    mean, deviation = distances_BP.mean(0), distances_BP.std(0)
    off = distances_BP - mean
    found: Floats = np.divide(off, deviation, out=np.zeros_like(off), where=deviation > 0)
    return found


def p_value(largest_B: Floats, true: float | None = None) -> float:
    """Return the share of exchanges, true dates among them, whose largest is no smaller.

    Parameters
    ----------
    true
        What is compared; by default that of the true dates, which stand first.
    """
    return float((largest_B >= (largest_B[0] if true is None else true) - EQUAL).mean())


def family_wise(words: Sequence[Floats]) -> list[float]:
    """Return the p-value of each word's largest statistic against the largest of all words."""
    largest_B = np.max(np.stack(words), axis=0)
    return [p_value(largest_B, word[0]) for word in words]
