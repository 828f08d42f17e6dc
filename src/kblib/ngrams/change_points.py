"""The dates at which uses can be compared: enough films of one kind before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from kblib.errors import CorpusError
from kblib.ngrams.exchanged_dates import Films, distances, exchanged, standardised
from kblib.ngrams.index import Index
from kblib.ngrams.queries import Hits
from kblib.ngrams.resampling import FEWEST_UNITS, Floats
from kblib.ngrams.units import media_of


@dataclass(frozen=True)
class Point:
    """A date between two periods.

    Attributes
    ----------
    code
        The number of the last period before it.
    before, after
        The periods beside it that have uses, as in 1930-34.
    year
        The first year after it.
    films_before, films_after
        Films that can be compared: those of a medium and collection that is on both sides.
    """

    code: int
    before: str
    after: str
    year: int
    films_before: int
    films_after: int


def change_points(films: Films, first_year: int, years: int) -> tuple[Point, ...]:
    """Return the dates with at least 10 comparable films on either side.

    Exchanging dates within blocks leaves these numbers as they are, so true and exchanged dates are
    compared at the same points.
    """
    there = np.unique(films.period)
    found = []
    for last, following in zip(there[:-1].tolist(), there[1:].tolist(), strict=True):
        before, after = comparable(films, last)
        if min(before, after) >= FEWEST_UNITS:
            found.append(
                Point(
                    last,
                    period_name(last, first_year, years),
                    period_name(following, first_year, years),
                    first_year + following * years,
                    before,
                    after,
                )
            )
    return tuple(found)


def comparable(films: Films, last: int) -> tuple[int, int]:
    """Return how many films up to a period and after it are in blocks that have both."""
    n_blocks = int(films.block.max()) + 1
    before = np.bincount(films.block[films.period <= last], minlength=n_blocks)
    after = np.bincount(films.block[films.period > last], minlength=n_blocks)
    both = (before > 0) & (after > 0)
    return int(before[both].sum()), int(after[both].sum())


def scores_of(
    films: Films, points: tuple[Point, ...], n_units: int, exchanges: int, seed: int
) -> Floats:
    """Return the statistic of each date, true and exchanged, shape (exchanges + 1, dates).

    By mean and standard deviation over all exchanges, so that dates and words can be compared.
    """
    periods = exchanged(films, n_units, exchanges, seed)
    measured = distances(films, periods, int(films.period.max()) + 1)
    return standardised(measured[:, [point.code for point in points]])


def period_name(code: int, first_year: int, years: int) -> str:
    """Return a period as its years.

    Examples
    --------
    >>> period_name(1, 1930, 5), period_name(1, 1895, 10), period_name(2, 1930, 1)
    ('1935-39', '1905-14', '1932')
    """
    first = first_year + code * years
    last = first + years - 1
    if years == 1:
        return str(first)
    same_century = first // 100 == last // 100
    return f"{first}-{last % 100:02d}" if same_century else f"{first}-{last}"


def refuse_few(hits: Hits, films: Films, index: Index, unit: str) -> NoReturn:
    """Say why a query cannot be compared over time.

    Raises
    ------
    CorpusError
        Always.
    """
    n_uses = int(films.uses.sum())
    media = media_of(index)
    apart = " of the same medium and collection" if len(media) > 1 else ""
    raise CorpusError(
        f"'{hits.query}' has {n_uses:,} uses of known year in {len(films.unit):,} units "
        f"({unit}), too few to compare two times.",
        f"At least {FEWEST_UNITS} units{apart} before a date and {FEWEST_UNITS} after it are "
        "needed.",
        "Longer periods: years=10. More forms: forms='variants', or a wildcard, 'flyg*'",
    )
