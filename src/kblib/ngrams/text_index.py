"""The words of a text and where they stand, read from mapped files (`kblib.ngrams.indexing`)."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.ngrams import indexing as files
from kblib.ngrams.indexing import Ids, Starts
from kblib.ngrams.words import sort_keys

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TextIndex:
    """The words of a text and where they stand; all of it mapped from files.

    A *position* is the number of a word in the whole text, from 0; a *word* is a number into
    ``words``, which is sorted as a dictionary is.
    """

    folder: Path
    about: dict[str, Any]
    keep_alive: object = field(default=None, repr=False)

    @cached_property
    def words(self) -> pl.Series:
        """The folded words, sorted."""
        return pl.read_ipc(self.folder / files.WORDS)["word"]

    @cached_property
    def types(self) -> pl.Series:
        """The words as they are written, sorted by their folded word."""
        return pl.read_ipc(self.folder / files.TYPES)["type"]

    @cached_property
    def type_words(self) -> Ids:
        """The word each type belongs to."""
        return self._mapped(files.TYPE_WORDS, np.uint32)

    @cached_property
    def ids(self) -> Ids:
        """The type at each position."""
        return self._mapped(files.IDS, np.uint32)

    @cached_property
    def places(self) -> Ids:
        """The first byte of each position's word in its document's text."""
        return self._mapped(files.PLACES, np.uint32)

    @cached_property
    def positions(self) -> Ids:
        """The positions of the first word, then of the second, and so on."""
        return self._mapped(files.POSITIONS, np.uint32)

    @cached_property
    def starts(self) -> Starts:
        """Where the positions of each word begin in ``positions``, and one more for the end."""
        return self._mapped(files.POSITION_STARTS, np.int64)

    @cached_property
    def word_starts(self) -> Starts:
        """The first position of each document, and one more for the end."""
        return self._mapped(files.WORD_STARTS, np.int64)

    @cached_property
    def text_starts(self) -> Starts:
        """The first byte of each document's text, and one more for the end."""
        return self._mapped(files.TEXT_STARTS, np.int64)

    @cached_property
    def text(self) -> NDArray[np.uint8]:
        """All texts, in UTF-8."""
        return self._mapped(files.TEXT, np.uint8)

    @cached_property
    def document_counts(self) -> Ids:
        """How many documents hold each word."""
        return self._mapped(files.DOCUMENT_COUNTS, np.uint32)

    @cached_property
    def rare(self) -> Ids:
        """How many words of each document are in no other document."""
        return self._mapped(files.RARE, np.uint32)

    @property
    def n_words(self) -> int:
        """How many running words there are."""
        return int(self.about["words"])

    @property
    def size_bytes(self) -> int:
        """What the index takes on disk."""
        return sum(path.stat().st_size for path in self.folder.iterdir())

    def find(self, word: str) -> int | None:
        """Return the number of a folded word, or None if it is nowhere in the text."""
        at = bisect_left(self.words, _key(word), key=_key)
        return at if at < len(self.words) and self.words[at] == word else None

    def matching(self, pattern: str) -> Ints:
        """Return the words that a regular expression matches from end to end."""
        found = self.words.str.contains(rf"^(?:{pattern})$")
        return found.arg_true().to_numpy().astype(np.int64)

    def positions_of(self, words: Ints) -> Ints:
        """Return all positions of some words (ascending numbers), in order."""
        breaks = np.flatnonzero(np.diff(words) != 1) + 1
        runs = [run for run in np.split(words, breaks) if len(run)]
        slices = [
            self.positions[self.starts[run[0]] : self.starts[run[-1] + 1]].astype(np.int64)
            for run in runs
        ]
        if len(words) == 1:
            return slices[0]
        return np.sort(np.concatenate([np.empty(0, np.int64), *slices]))

    def words_at(self, positions: Ints) -> Ints:
        """Return the word at each position."""
        return self.type_words[self.ids[positions]].astype(np.int64)

    def documents_at(self, positions: Ints) -> Ints:
        """Return the document of each position."""
        return np.searchsorted(self.word_starts, positions, side="right") - 1

    def _mapped(self, name: str, kind: Any) -> NDArray[Any]:
        return np.memmap(self.folder / name, dtype=kind, mode="r").view(np.ndarray)


def _key(word: str) -> tuple[str, str]:
    return sort_keys([word])[0], word
