"""Words whose meaning is known to change: two real words written as one, the second from a date on.

Up to a date a planted word stands where one real word stands, after it where another does, or both
in a given share. So many uses a period are drawn from what is there, each with its own film. The
words that are used up get no vector and are no one's neighbours: the text is read as if both were
one word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kblib.ngrams.contexts import Uses, at_home, uses_at
from kblib.ngrams.exchanged_dates import Films, exchanged
from kblib.ngrams.index import Index, Ints
from kblib.ngrams.unit_counts import word_counts
from kblib.ngrams.units import STRATA, periods_of, strata_of, unit_codes
from kblib.ngrams.word_vectors import WordVectors

UNIT = "film"
WINDOW = 5
YEARS = 5


@dataclass(frozen=True)
class Plant:
    """A pair of words (numbers), and the last period before the first gives way to the second."""

    first: int
    second: int
    last_before: int


def five_years(index: Index) -> Ints:
    """Return the period of each document, counted from the first; -1 where it is unknown."""
    told = periods_of(index, "year")
    first = int(told.labels[0]) % YEARS
    return np.where(told.codes >= 0, (told.codes + first) // YEARS, -1)


def dates_exchanged(index: Index, periods: Ints, seed: int) -> Ints:
    """Return the periods of documents after the dates of whole films are exchanged.

    A film has the period of most of its words. Its medium and collection are those of all it holds.
    """
    there = np.flatnonzero(periods >= 0)
    units, n_units = unit_codes(index, UNIT)
    n_periods = int(periods.max()) + 1
    words = np.zeros((n_units, n_periods))
    np.add.at(words, (units[there], periods[there]), index.document_words[there])
    strata, labels = strata_of(index, [name for name in STRATA if name in index.corpus.columns])
    holds = np.zeros((n_units, len(labels)))
    np.add.at(holds, (units[there], strata[there]), index.document_words[there])
    films = np.flatnonzero(words.sum(1) > 0)
    block = np.unique(holds[films] > 0, axis=0, return_inverse=True)[1].ravel()
    told = Films(films, words[films].argmax(1), block, np.zeros((len(films), 1)), holds[films])
    dates = np.full(n_units, -1, dtype=np.int64)
    dates[films] = exchanged(told, n_units, 1, seed)[1]
    return np.where(periods >= 0, dates[units], -1)


def donors(index: Index, periods: Ints, least: int) -> list[int]:
    """Return the words with at least so many uses in every period."""
    n_periods = int(periods.max()) + 1
    enough = np.flatnonzero(word_counts(index) >= least * n_periods)
    return [int(word) for word in enough if uses_a_period(index, periods, int(word)).min() >= least]


def uses_a_period(index: Index, periods: Ints, word: int) -> Ints:
    """Return how often a word stands in each period."""
    there = periods[index.text.documents_at(positions_of(index, word))]
    return np.bincount(there[there >= 0], minlength=int(periods.max()) + 1)


def positions_of(index: Index, word: int) -> Ints:
    """Return where a word stands in the corpus."""
    return index.in_corpus(index.text.positions_of(np.array([word])))


def grown(
    index: Index,
    plant: Plant,
    periods: Ints,
    n: int,
    share: float,
    vectors: WordVectors,
    seed: int,
) -> Uses:
    """Return the uses of a planted word.

    Parameters
    ----------
    periods
        The period of each document.
    n
        Uses drawn in each period; all of them where there are fewer.
    share
        Of the uses after the date that are the second word's.
    """
    draw = np.random.default_rng([seed, plant.first, plant.second])
    chosen = [
        _drawn(periods[index.text.documents_at(at)], at, wanted, draw)
        for at, wanted in (
            (positions_of(index, word), _wanted(plant, place, int(periods.max()) + 1, n, share))
            for place, word in enumerate((plant.first, plant.second))
        )
    ]
    at = np.sort(np.concatenate(chosen))
    return at_home(uses_at(index, at, 1, periods, UNIT, vectors, WINDOW))


def _wanted(plant: Plant, place: int, n_periods: int, n: int, share: float) -> list[int]:
    """Return how many uses of the first word (or the second) are drawn in each period."""
    new = [round(n * share) if one > plant.last_before else 0 for one in range(n_periods)]
    return new if place else [n - one for one in new]


def _drawn(periods: Ints, positions: Ints, wanted: list[int], draw: np.random.Generator) -> Ints:
    """Draw so many of the positions in each period."""
    parts = [
        draw.permutation(positions[periods == period])[:size] for period, size in enumerate(wanted)
    ]
    return np.concatenate(parts)
