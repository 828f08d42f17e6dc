"""The contexts of a word's uses: what stands around each, as a vector, with its film and period.

The words before and after are kept apart, and a word at distance d counts 1/d: chosen on planted
changes (`benchmarks/semantic_change.py`), of which it finds more than a plain mean of the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kblib.ngrams.index import Index, Ints
from kblib.ngrams.units import STRATA, strata_of, unit_codes
from kblib.ngrams.word_vectors import Vectors, WordVectors, stretches

AT_ONCE = 20_000


@dataclass(frozen=True, eq=False)
class Uses:
    """Uses of a word, one row each.

    Attributes
    ----------
    positions
        The first word of each use.
    unit, stratum, period
        Its film, its medium and collection, its period, as numbers.
    vectors
        A row each, of length one: the sum of the vectors of the words before it, then of those
        after it, the nearer the more; zeros where none of them has a vector.
    """

    positions: Ints
    unit: Ints
    stratum: Ints
    period: Ints
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.positions)

    def chosen(self, which: Ints) -> Uses:
        """Return some of the uses."""
        return Uses(
            self.positions[which],
            self.unit[which],
            self.stratum[which],
            self.period[which],
            self.vectors[which],
        )


def uses_at(
    index: Index,
    positions: Ints,
    length: int,
    period_of_document: Ints,
    unit: str,
    vectors: WordVectors,
    window: int,
) -> Uses:
    """Return the uses at some positions, those of unknown period left out."""
    documents = index.text.documents_at(positions)
    known = period_of_document[documents] >= 0
    positions, documents = positions[known], documents[known]
    strata, _ = strata_of(index, [name for name in STRATA if name in index.corpus.columns])
    parts = [
        _vectors(vectors, window_words(index, positions[at : at + AT_ONCE], length, unit, window))
        for at in range(0, len(positions), AT_ONCE)
    ]
    empty = np.empty((0, 2 * vectors.size), dtype=np.float32)
    return Uses(
        positions,
        unit_codes(index, unit)[0][documents],
        strata[documents],
        period_of_document[documents],
        np.concatenate([empty, *parts]),
    )


def at_home(uses: Uses) -> Uses:
    """Return the uses that are in the period of most of their film's uses, the earliest of equals.

    A film whose reels are of several years has one date here, so that its date can be exchanged.
    """
    n_periods = int(uses.period.max(initial=0)) + 1
    cells, cell, count = np.unique(
        uses.unit * n_periods + uses.period, return_inverse=True, return_counts=True
    )
    unit, period = np.divmod(cells, n_periods)
    order = np.lexsort((period, -count, unit))
    first = order[np.unique(unit[order], return_index=True)[1]]
    is_home = np.zeros(len(cells), dtype=np.bool_)
    is_home[first] = True
    return uses.chosen(np.flatnonzero(is_home[cell]))


def window_words(index: Index, positions: Ints, length: int, unit: str, window: int) -> Ints:
    """Return the words around some uses, -1 beyond the end of the film, shape (uses, 2 window)."""
    text = index.text
    steps = np.concatenate([np.arange(-window, 0), length + np.arange(window)])
    places = positions[:, None] + steps
    inside = (places >= 0) & (places < text.n_words)
    places = np.where(inside, places, positions[:, None])
    stretch = stretches(index, unit)
    same = stretch[text.documents_at(places)] == stretch[text.documents_at(positions)][:, None]
    return np.where(inside & same, text.words_at(places), -1)


def _vectors(vectors: WordVectors, words_NK: Ints) -> Vectors:
    rows_NK = np.where(words_NK >= 0, vectors.place[words_NK], -1)
    window = rows_NK.shape[1] // 2
    sides = np.zeros((len(rows_NK), 2, vectors.size), dtype=np.float32)
    for place, rows in enumerate(rows_NK.T):
        distance = window - place if place < window else place - window + 1
        there = rows >= 0
        sides[there, int(place >= window)] += vectors.weighed[rows[there]] / distance
    flat = sides.reshape(len(sides), -1)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    of_length_one: Vectors = flat / np.maximum(lengths, 1e-9)
    return of_length_one
