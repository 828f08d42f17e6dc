"""Building the index of a text: three passes over documents and words, level in memory.

1. Texts become pieces (words and gaps); words get numbers in order of appearance. Texts, numbers
   and places are appended to files.
2. Word types are sorted as a dictionary sorts them, and renumbered; a folded word is a run of
   types.
3. Positions are put in order of their word, a chunk at a time, into a file mapped to memory.

Only the vocabulary and a few numbers a document are held in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.errors import CorpusError
from kblib.ngrams.words import DEFINITION, IS_WORD, PIECE, fold, sort_keys

FORMAT = 1
CHUNK = 4_000_000
"""Words sorted at a time: some 100 MB."""
BATCH_CHARACTERS = 8_000_000
IDS, PLACES, POSITIONS = "ids.u32", "places.u32", "positions.u32"
WORD_STARTS, TEXT_STARTS, POSITION_STARTS = "word_starts.i64", "text_starts.i64", "starts.i64"
DOCUMENT_COUNTS, RARE, TYPE_WORDS = "documents.u32", "rare.u32", "type_words.u32"
TEXT, TYPES, WORDS = "text.utf8", "types.arrow", "words.arrow"
MOST_WORDS = 2**32

Progress = Callable[[int, int | None], None]
Ids = NDArray[np.uint32]
Starts = NDArray[np.int64]


@dataclass
class _Reading:
    """What the first pass has met so far."""

    categories: pl.Categories
    alive: pl.Series | None = None
    types: list[str] = field(default_factory=list)
    word_number: Ids = field(default_factory=lambda: np.empty(0, np.uint32))
    n_types: int = 0
    words_a_document: list[Ids] = field(default_factory=list)
    bytes_a_document: list[Starts] = field(default_factory=list)


def build_index(
    batches: Iterable[pl.DataFrame],
    folder: Path,
    *,
    name: str,
    n_documents: int | None,
    progress: Progress | None,
) -> dict[str, Any]:
    """Write the files of an index into a folder and return what its manifest says.

    Parameters
    ----------
    batches
        Tables with a column ``text``, in order.
    progress
        Called with documents read and documents in all.

    Raises
    ------
    CorpusError
        If there is no word in the texts, or there are more than an index can number.
    """
    began = time.perf_counter()
    reading = _read(batches, folder, n_documents, progress)
    word_starts = _cumulated(reading.words_a_document)
    n_words = int(word_starts[-1])
    _check_size(n_words, name)
    word_starts.tofile(folder / WORD_STARTS)
    _cumulated(reading.bytes_a_document).tofile(folder / TEXT_STARTS)
    type_words, n_distinct = _sort_types(reading, folder)
    del reading  # a vocabulary of a million takes some 200 MB, and is on disk now
    _invert(folder, type_words, n_distinct, word_starts)
    return {
        "kind": "index",
        "format": FORMAT,
        "definition": DEFINITION,
        "words": n_words,
        "distinct_words": n_distinct,
        "documents": len(word_starts) - 1,
        "build_s": round(time.perf_counter() - began, 2),
    }


def _read(
    batches: Iterable[pl.DataFrame], folder: Path, total: int | None, progress: Progress | None
) -> _Reading:
    reading = _Reading(pl.Categories.random(physical=pl.UInt32))
    done = 0
    with (
        open(folder / IDS, "wb") as ids,
        open(folder / PLACES, "wb") as places,
        open(folder / TEXT, "wb") as text,
    ):
        for texts in _level(batches):
            _read_texts(texts, reading, ids, places, text)
            done += len(texts)
            if progress is not None:
                progress(done, total)
    return reading


def _level(batches: Iterable[pl.DataFrame]) -> Iterator[pl.Series]:
    """Yield texts a few million characters at a time, however long the documents are."""
    for batch in batches:
        texts = batch["text"]
        ends = texts.str.len_bytes().cast(pl.Int64).cum_sum().to_numpy()
        parts = ends // BATCH_CHARACTERS
        cuts = [0, *(np.flatnonzero(np.diff(parts)) + 1).tolist(), len(texts)]
        for first, last in pairwise(cuts):
            yield texts[first:last]


def _read_texts(
    texts: pl.Series, reading: _Reading, ids: BinaryIO, places: BinaryIO, text: BinaryIO
) -> None:
    pieces = texts.str.extract_all(PIECE)
    a_document = pieces.list.len().to_numpy().astype(np.int64)
    flat = pieces.explode(empty_as_null=False)
    lengths = flat.str.len_bytes().to_numpy().astype(np.int64)
    codes = flat.cast(pl.Categorical(reading.categories))
    _note_types(codes, reading)
    numbers = reading.word_number[codes.to_physical().to_numpy()]
    is_word = numbers != MOST_WORDS - 1
    document = np.repeat(np.arange(len(texts)), a_document)
    document_bytes = texts.str.len_bytes().to_numpy().astype(np.int64)
    begins = np.cumsum(lengths) - lengths - (np.cumsum(document_bytes) - document_bytes)[document]
    ids.write(numbers[is_word].tobytes())
    places.write(begins[is_word].astype(np.uint32).tobytes())
    for one in texts:
        text.write(one.encode())
    counts = np.bincount(document[is_word], minlength=len(texts))
    reading.words_a_document.append(counts.astype(np.uint32))
    reading.bytes_a_document.append(document_bytes)


def _note_types(codes: pl.Series, reading: _Reading) -> None:
    """Give a number to each new word; a gap gets the number that no word has."""
    seen = len(reading.word_number)
    reading.alive = codes.head(1)  # Polars forgets categories that no series holds
    there = codes.unique()
    new = there.filter(there.to_physical() >= seen)
    order = new.to_physical().arg_sort()
    pieces = new.cast(pl.String)[order]
    is_word = pieces.str.contains(IS_WORD).to_numpy()
    numbers = np.full(len(pieces), MOST_WORDS - 1, dtype=np.uint32)
    numbers[is_word] = len(reading.types) + np.arange(is_word.sum(), dtype=np.uint32)
    reading.word_number = np.concatenate([reading.word_number, numbers])
    reading.types += pieces.filter(pl.Series(is_word)).to_list()


def _sort_types(reading: _Reading, folder: Path) -> tuple[Ids, int]:
    """Write types and words in dictionary order, and renumber the ids on disk."""
    types = pl.DataFrame({"type": pl.Series(reading.types, dtype=pl.String)})
    types = types.with_columns(
        word=fold(types["type"]), old=pl.int_range(types.height, dtype=pl.UInt32)
    )
    keys = sort_keys(types["word"].to_list())
    types = types.with_columns(key=pl.Series(keys)).sort("key", "word", "type").drop("key")
    new_word = (types["word"] != types["word"].shift(1)).fill_null(value=True)
    type_words = (new_word.cast(pl.Int64).cum_sum().to_numpy() - 1).astype(np.uint32)
    types.select("type").write_ipc(folder / TYPES, compression="uncompressed")
    types.filter(new_word).select("word").write_ipc(folder / WORDS, compression="uncompressed")
    type_words.tofile(folder / TYPE_WORDS)
    renumbered = np.empty(types.height, dtype=np.uint32)
    renumbered[types["old"].to_numpy()] = np.arange(types.height, dtype=np.uint32)
    if types.height:
        ids = np.memmap(folder / IDS, dtype=np.uint32, mode="r+")
        for start in range(0, len(ids), CHUNK):
            ids[start : start + CHUNK] = renumbered[ids[start : start + CHUNK]]
        ids.flush()
    return type_words, int(new_word.sum())


def _invert(folder: Path, type_words: Ids, n_distinct: int, word_starts: Starts) -> None:
    """Write the positions of each word, how many documents hold it, and rare words a document."""
    ids = np.memmap(folder / IDS, dtype=np.uint32, mode="r")
    counts = np.zeros(n_distinct, dtype=np.int64)
    for words in _chunks(ids, type_words):
        counts += np.bincount(words, minlength=n_distinct)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    starts.tofile(folder / POSITION_STARTS)
    documents = _place(folder, _chunks(ids, type_words), starts, word_starts)
    documents.tofile(folder / DOCUMENT_COUNTS)
    rare = np.zeros(len(word_starts) - 1, dtype=np.uint32)
    at = 0
    for words in _chunks(ids, type_words):
        where = np.flatnonzero(documents[words] == 1) + at
        held_by = np.searchsorted(word_starts, where, side="right") - 1
        rare += np.bincount(held_by, minlength=len(rare)).astype(np.uint32)
        at += len(words)
    rare.tofile(folder / RARE)


def _place(folder: Path, chunks: Iterable[Ids], starts: Starts, word_starts: Starts) -> Ids:
    """Write positions in order of their word, and count the documents of each word."""
    positions = np.memmap(folder / POSITIONS, np.uint32, mode="w+", shape=(int(starts[-1]),))
    cursor = starts[:-1].copy()
    documents = np.zeros(len(cursor), dtype=np.uint32)
    last = np.full(len(cursor), -1, dtype=np.int64)
    at = 0
    for words in chunks:
        order = np.argsort(words, kind="stable")
        ordered = words[order]
        first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        run = np.diff(np.append(first, len(ordered)))
        there = ordered[first]
        offset = np.repeat(cursor[there] - first, run)
        positions[offset + np.arange(len(ordered))] = (order + at).astype(np.uint32)
        cursor[there] += run
        held_by = np.searchsorted(word_starts, order + at, side="right") - 1
        before = np.concatenate([[-1], held_by[:-1]])
        before[first] = last[there]
        documents += np.bincount(ordered[held_by != before], minlength=len(cursor)).astype(
            np.uint32
        )
        last[there] = held_by[first + run - 1]
        at += len(words)
    positions.flush()
    return documents


def _chunks(ids: Ids, type_words: Ids) -> Iterator[Ids]:
    for start in range(0, len(ids), CHUNK):
        yield type_words[ids[start : start + CHUNK]]


def _cumulated(counts: Iterable[NDArray[Any]]) -> Starts:
    joined = np.concatenate([np.zeros(1, dtype=np.int64), *counts])
    return np.cumsum(joined, dtype=np.int64)


def _check_size(n_words: int, name: str) -> None:
    if n_words == 0:
        raise CorpusError(
            f"Corpus '{name}' holds no word.",
            "A word begins with a letter or a digit.",
            "Look at the texts: corpus.head()",
        )
    if n_words >= MOST_WORDS:
        raise CorpusError(
            f"Corpus '{name}' has {n_words} words.",
            f"One index numbers up to {MOST_WORDS - 1}.",
            "Split the corpus, for instance by decade, and index each part.",
        )
