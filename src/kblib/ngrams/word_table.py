"""A table of words that reads texts as numbers, and learns new words if it shall."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.ngrams.trie import Integers

_FEW = 1 << 16
ID = np.int32  # of a word; two thousand million different ones are enough


@dataclass(eq=False)
class WordTable:
    """Words by number, and numbers by word.

    Parameters
    ----------
    blob
        The bytes of all words in UTF-8, a newline after each; more room than is used.
    edges
        Where each word begins in it, and where one more would.
    n_words
        How many there are.
    """

    blob: NDArray[np.uint8]
    edges: NDArray[np.int64]
    n_words: int
    _slots: NDArray[np.int64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._slots = self._table()

    @classmethod
    def of(cls, words: pl.Series) -> WordTable:
        """Return the table of words that are all different."""
        text = "".join(f"{word}\n" for word in words)
        blob = np.frombuffer(bytearray(text.encode()), np.uint8)  # writable: words may be added
        ends = np.flatnonzero(blob == ord("\n")) + 1
        return cls(blob, np.append(0, ends), len(words))

    def words(self) -> pl.Series:
        """Return all words."""
        text = self.blob[: self.edges[self.n_words] - 1].tobytes().decode()
        return pl.Series("word", [text]).str.split("\n").explode()

    def read(
        self, data: bytes, ids: Integers, *, learns: bool = False, start: int = 0
    ) -> tuple[int, int | None]:
        """Write the numbers of words; return where they end, and the reserved word met, if any.

        Parameters
        ----------
        data
            Texts in UTF-8, a newline after each.
        ids
            Where to write from `start` on; as long as `room` says.
        learns
            Whether words that are new are added; otherwise they are number 0.
        """
        from kblib.ngrams import word_loops

        given = np.frombuffer(data, np.uint8)
        used = int(self.edges[self.n_words])
        if learns and used + len(given) + 1 > len(self.blob):
            self.blob = _enlarged(self.blob, 2 * (used + len(given)))
        state = np.array([0, 0, self.n_words], np.int64)
        while True:
            arrays = (self._slots, self.blob, self.edges)
            outcome = word_loops.read(given, state, *arrays, ids[start:], learns)
            if outcome != word_loops.FULL:
                break
            self.n_words = int(state[2])
            self._grow()
        if learns:
            self.n_words = int(state[2])
        reserved = None if outcome == word_loops.DONE else int(outcome)
        return start + int(state[1]), reserved

    def _grow(self) -> None:
        """Make room for more words, where half of it is used."""
        if 2 * self.n_words >= len(self.edges) - 2:
            self.edges = _enlarged(self.edges, 2 * len(self.edges))
        if 2 * self.n_words >= len(self._slots):
            self._slots = self._table()

    def _table(self) -> NDArray[np.int64]:
        from kblib.ngrams import word_loops

        size = max(_FEW, 1 << (2 * self.n_words).bit_length())
        slots = np.full(size, word_loops.EMPTY, np.int64)
        word_loops.fill(slots, self.blob, self.edges, self.n_words)
        return slots


def room(data: bytes, n_texts: int) -> int:
    """Return how many numbers the texts can have at most, begins and ends included."""
    return len(data) // 2 + 2 * n_texts + 2


def _enlarged(array: NDArray[Any], size: int) -> NDArray[Any]:
    larger = np.empty(max(_FEW, size), array.dtype)
    larger[: len(array)] = array
    return larger
