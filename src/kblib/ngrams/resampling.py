"""Intervals for rates by resampling whole units: the cluster bootstrap of a ratio.

Each unit is at home in its first period. Units are drawn with replacement within their home, as
many as there are, and bring all their words and hits, wherever these fall: numerator and
denominator of a rate move together. More than 2,000 units of a home are first put together at
random into 2,000 groups, which are resampled instead; the spread of the sum stays the same, the
work does not grow.

References
----------
Davison and Hinkley (1997), Bootstrap Methods and their Application, 3.8 (clustered data) and 5.3
(percentile intervals).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kblib.errors import CorpusError
from kblib.ngrams.index import Ints
from kblib.ngrams.units import Cells

Floats = NDArray[np.float64]
MOST_GROUPS = 2_000
LEAST_CONFIDENCE = 0.5
ON_ONE_CORE = 500_000
"""Multiplications OpenBLAS does without waking its threads, which for so few costs a hundred times
as much as the work, and more on a busy machine (measured: 8 ms for 0.05 ms)."""
FEWEST_UNITS = 10
"""Below, a percentile interval is far too narrow, so none is given."""


@dataclass(frozen=True)
class Band:
    """How the uncertainty of a rate is found.

    Attributes
    ----------
    unit
        The column of what is resampled; by default film, else title, else each document.
    confidence
        The share of resamples between the two ends.
    resamples, seed
        How many, and the seed of the draws.

    Raises
    ------
    CorpusError
        If the confidence is no share, the resamples are too few for it, or a number is no number.
    """

    unit: str | None = None
    confidence: float = 0.95
    resamples: int = 1000
    seed: int = 1

    def __post_init__(self) -> None:
        check_confidence(self.confidence)
        if type(self.seed) is not int or self.seed < 0:
            raise CorpusError(
                f"seed is {self.seed!r}.", "A whole number from 0 on was expected.", "Band(seed=1)"
            )
        least = math.ceil(10 / (1 - self.confidence) - 1e-6)
        if type(self.resamples) is not int or self.resamples < least:
            raise CorpusError(
                f"resamples is {self.resamples!r}.",
                f"For {self.confidence:.0%} intervals at least {least} are needed.",
                "Band(resamples=1000)",
            )


def check_confidence(confidence: Any) -> None:
    """Refuse what is no confidence of an interval."""
    number = isinstance(confidence, int | float)
    if not number or not LEAST_CONFIDENCE <= confidence < 1:
        raise CorpusError(
            f"confidence is {confidence!r}.",
            f"A share from {LEAST_CONFIDENCE:g} to below 1 was expected.",
            "confidence=0.95",
        )


def check_band(band: Any) -> None:
    """Refuse what is no band, such as a confidence alone."""
    if not isinstance(band, Band):
        raise CorpusError(f"band is {band!r}.", "A Band was expected.", "band=Band(confidence=0.9)")


def resample(cells: Cells, values_RV: Floats, shape: tuple[int, int], band: Band) -> Floats:
    """Return resampled sums of some values by period and stratum.

    Letters: R rows of the cells, V values, B resamples, P periods, S strata.

    Parameters
    ----------
    values_RV
        What is summed: words, hits of a query ...
    shape
        How many periods and strata there are.

    Returns
    -------
    Floats
        Shape (B, P, S, V).
    """
    n_periods, n_strata = shape
    sums_BKV = np.zeros((band.resamples, n_periods * n_strata, values_RV.shape[1]))
    home_R = _homes(cells)
    for home in np.unique(home_R):
        rows = np.flatnonzero(home_R == home)
        draw = np.random.default_rng([band.seed, int(home)])
        group, n_groups = _groups(cells.unit[rows], draw)
        places, place = np.unique(
            cells.period[rows] * n_strata + cells.stratum[rows], return_inverse=True
        )
        values = np.zeros((n_groups, len(places), values_RV.shape[1]))
        np.add.at(values, (group, place), values_RV[rows])
        drawn_BG = _drawn(n_groups, band.resamples, draw)
        sums = _product(drawn_BG, values.reshape(n_groups, -1))
        sums_BKV[:, places] += sums.reshape(band.resamples, len(places), -1)
    return sums_BKV.reshape(band.resamples, n_periods, n_strata, -1)


def interval(rates_BX: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Return the percentile interval of resampled rates along the first axis."""
    tail = 100 * (1 - confidence) / 2
    low, high = np.nanpercentile(rates_BX, [tail, 100 - tail], axis=0)
    return low, high


def _homes(cells: Cells) -> Ints:
    """Return for each row the first period of its unit; rows are sorted by unit, then period."""
    first = np.concatenate([[True], cells.unit[1:] != cells.unit[:-1]])
    home: Ints = cells.period[np.flatnonzero(first)][np.cumsum(first) - 1]
    return home


def _groups(units: Ints, draw: np.random.Generator) -> tuple[Ints, int]:
    there, group = np.unique(units, return_inverse=True)
    if len(there) <= MOST_GROUPS:
        return group, len(there)
    shuffled = draw.permutation(len(there)) % MOST_GROUPS
    return shuffled[group], MOST_GROUPS


def _product(drawn_BG: Floats, values_GK: Floats) -> Floats:
    rows = max(ON_ONE_CORE // max(values_GK.size, 1), 1)
    parts = [drawn_BG[at : at + rows] @ values_GK for at in range(0, len(drawn_BG), rows)]
    return np.concatenate(parts)


def _drawn(n: int, resamples: int, draw: np.random.Generator) -> Floats:
    """Return how often each of `n` was drawn in each resample, shape (B, n)."""
    chosen = draw.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    times = np.bincount(chosen.ravel(), minlength=resamples * n)
    return times.reshape(resamples, n).astype(np.float64)
