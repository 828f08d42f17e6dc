"""How often each word comes in each unit: what dispersion and keyness are worked out from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from kblib.ngrams.index import Index, Ints
from kblib.ngrams.ngram_counts import ngrams_by_part, starts_by_part
from kblib.ngrams.units import unit_codes, unit_of


@dataclass(frozen=True, eq=False)
class UnitCounts:
    """The words of a corpus by unit.

    Attributes
    ----------
    unit
        The column that names the units.
    pairs
        Columns word (a number), unit (a number from 0) and count; only pairs that occur.
    words
        The running words of each unit.
    """

    unit: str
    pairs: pl.DataFrame
    words: Ints

    @property
    def n_words(self) -> int:
        """The running words of the corpus."""
        return int(self.words.sum())


def unit_counts(index: Index, unit: str | None) -> UnitCounts:
    """Return the words of a corpus by unit, counted once for each way of naming units."""
    name = unit_of(index, unit)
    if ("unit counts", name) not in index.memory:
        index.memory["unit counts", name] = _unit_counts(index, name)
    found: UnitCounts = index.memory["unit counts", name]
    return found


def _unit_counts(index: Index, name: str) -> UnitCounts:
    codes, _ = unit_codes(index, name)
    there = np.flatnonzero(index.document_words)
    units, unit_of_there = np.unique(codes[there], return_inverse=True)
    unit = np.zeros(len(index.document_words), dtype=np.uint32)
    unit[there] = unit_of_there
    words_a_unit = np.bincount(unit_of_there, weights=index.document_words[there])
    parts = ngrams_by_part(index, 1, unit)
    pairs = pl.concat(part.sort("w0", "group") for part in parts)
    pairs = pairs.rename({"w0": "word", "group": "unit"})
    return UnitCounts(name, pairs, words_a_unit.astype(np.int64)[: len(units)])


def word_counts(index: Index) -> Ints:
    """Return how often each word of the text comes in the corpus."""
    if index.kept is None:
        return np.diff(index.text.starts)
    if "word counts" not in index.memory:
        counts = np.zeros(len(index.text.words), dtype=np.int64)
        for at in starts_by_part(index, 1):
            counts += np.bincount(index.text.words_at(at), minlength=len(counts))
        index.memory["word counts"] = counts
    found: Ints = index.memory["word counts"]
    return found
