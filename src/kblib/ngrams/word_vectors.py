"""Vectors of words from their neighbours in a corpus: counted, weighed, and brought to few numbers.

Positive pointwise mutual information of words that stand near each other, its strongest singular
directions. Words of like company have like vectors, so that two uses of a word can be of one sense
without sharing a neighbour. All of it is counted on the corpus that is asked; nothing is trained
elsewhere.

References
----------
Levy and Goldberg (2014), Neural word embedding as implicit matrix factorization. Levy, Goldberg and
Dagan (2015), Improving distributional similarity, for the smoothing. Halko, Martinsson and Tropp
(2011), Finding structure with randomness, algorithm 4.4. Arora, Liang and Ma (2017), A simple but
tough-to-beat baseline for sentence embeddings, for the weights.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kblib.errors import CorpusError
from kblib.ngrams.index import Index, Ints
from kblib.ngrams.unit_counts import word_counts
from kblib.ngrams.units import STRATA, strata_of, unit_codes

Vectors = NDArray[np.float32]
MOST_WORDS = 4_000
"""A square table of so many words takes 64 MB."""
LEAST_COUNT = 5
MOST_READ = 8_000_000
"""More running words would change the neighbours little and take more than some seconds."""
NEAR = 5
RANK = 100
SMOOTHING = 0.75
SPARE, TURNS = 20, 3
COMMON = 1e-3
"""Share of running words at which a word weighs half (Arora, Liang and Ma)."""


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Vectors of the frequent words of a corpus.

    Attributes
    ----------
    place
        The row of each word of the text; -1 for one without a vector.
    weighed
        Vectors of length one times the weight of the word, a row each: common words say little.
    """

    place: Ints
    weighed: Vectors

    @property
    def size(self) -> int:
        """How many numbers a vector has."""
        return int(self.weighed.shape[1])


def word_vectors(
    index: Index, unit: str, *, leave_out: Collection[int] = (), seed: int = 1
) -> WordVectors:
    """Return the vectors of a corpus's 4,000 most frequent words, worked out once.

    Parameters
    ----------
    unit
        The column of the units; neighbours are sought over the end of a document, too, but not
        over the end of a unit.
    leave_out
        Words (numbers) that get no vector and are no one's neighbours.

    Raises
    ------
    CorpusError
        If fewer than two words come five times.
    """
    key = ("word vectors", unit, tuple(sorted(leave_out)), seed)
    if key not in index.memory:
        index.memory[key] = _word_vectors(index, unit, leave_out, seed)
    found: WordVectors = index.memory[key]
    return found


def stretches(index: Index, unit: str) -> Ints:
    """Return for each document the stretch it belongs to; -1 for one that is not in the corpus.

    A stretch is a run of documents of one unit, medium and collection that nothing interrupts:
    the cues of a film.
    """
    codes, _ = unit_codes(index, unit)
    strata, _ = strata_of(index, [name for name in STRATA if name in index.corpus.columns])
    there = np.ones(len(codes), dtype=np.bool_) if index.kept is None else index.kept
    new = np.ones(len(codes), dtype=np.bool_)
    new[1:] = (codes[1:] != codes[:-1]) | (strata[1:] != strata[:-1]) | (there[1:] != there[:-1])
    return np.where(there, np.cumsum(new), -1)


def _word_vectors(index: Index, unit: str, leave_out: Collection[int], seed: int) -> WordVectors:
    counts = word_counts(index).copy()
    counts[list(leave_out)] = 0
    words = np.argsort(-counts, kind="stable")[:MOST_WORDS]
    words = np.sort(words[counts[words] >= LEAST_COUNT])
    if len(words) < 2:
        raise CorpusError(
            f"Corpus '{index.corpus.name}' has {len(words)} words that come {LEAST_COUNT} times.",
            "Contexts are compared by words that come again.",
        )
    place = np.full(len(counts), -1, dtype=np.int64)
    place[words] = np.arange(len(words))
    table = _ppmi(_neighbours(index, unit, place, len(words), seed))
    vectors = _strongest(table, min(RANK, len(words)), seed)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    weight = COMMON / (COMMON + counts[words] / index.n_words)
    weighed = vectors / np.maximum(lengths, 1e-9) * weight[:, None]
    return WordVectors(place, weighed.astype(np.float32))


def _neighbours(index: Index, unit: str, place: Ints, n: int, seed: int) -> Vectors:
    """Count pairs at most `NEAR` words apart in a stretch, in both directions, shape (n, n)."""
    stretch = stretches(index, unit)
    table = np.zeros(n * n, dtype=np.float32)
    documents = np.flatnonzero(_read(index, stretch, seed))
    sizes = index.document_words[documents]
    first = index.text.word_starts[documents]
    offset = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    ids = place[index.text.words_at(np.repeat(first, sizes) + offset)]
    of = np.repeat(stretch[documents], sizes)
    for distance in range(1, NEAR + 1):
        left, right = ids[:-distance], ids[distance:]
        both = (left >= 0) & (right >= 0) & (of[:-distance] == of[distance:])
        pair, count = np.unique(left[both] * n + right[both], return_counts=True)
        table[pair] += count
    square = table.reshape(n, n)
    return square + square.T


def _read(index: Index, stretch: Ints, seed: int) -> NDArray[np.bool_]:
    """Return which documents are read: all, or stretches drawn until there are enough words."""
    read = stretch >= 0
    if index.n_words <= MOST_READ:
        return read
    kept = np.random.default_rng([seed, 1]).random(int(stretch.max()) + 1)
    return read & (kept[stretch] < MOST_READ / index.n_words)


def _ppmi(table: Vectors) -> Vectors:
    rows = table.sum(1)
    contexts = rows**SMOOTHING
    table /= np.maximum(rows, 1.0)[:, None]
    table /= np.maximum(contexts / contexts.sum(), 1e-12)[None, :]
    np.maximum(table, 1.0, out=table)  # log of at least 1: nothing below 0 is left
    return np.log(table, out=table)


def _strongest(table: Vectors, rank: int, seed: int) -> Vectors:
    """Return the left singular vectors of a table times the root of their strength."""
    draw = np.random.default_rng([seed, 2])
    width = min(rank + SPARE, len(table))
    base = np.linalg.qr(table @ draw.standard_normal((len(table), width), dtype=np.float32))[0]
    for _ in range(TURNS):
        base = np.linalg.qr(table @ np.linalg.qr(table.T @ base)[0])[0]
    left, strength, _ = np.linalg.svd(base.T @ table, full_matrices=False)
    vectors: Vectors = (base @ left)[:, :rank] * np.sqrt(strength[:rank])
    return vectors
