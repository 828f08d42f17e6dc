"""ARPA files: the text format that all n-gram tools read and write.

A section an order, a line an n-gram: log10 of the probability, the words, and log10 of the backoff
(none for the longest n-grams), with a tab between the three and a space between words.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import polars as pl

from kblib.errors import ModelError
from kblib.ngrams.counts import MAX_ORDER
from kblib.ngrams.discounts import Floats
from kblib.ngrams.kneser_ney import KneserNey, Numbers
from kblib.ngrams.trie import Ints, NgramTrie
from kblib.ngrams.vocabulary import BEGIN_ID, END_ID, SPECIALS, UNKNOWN_ID, Vocabulary

_LINES = 500_000  # written at once
_MISSING_UNKNOWN = -100.0  # log10; what KenLM takes for a file without <unk>


def write_arpa(path: Path, model: KneserNey, vocabulary: Vocabulary) -> None:
    """Write a model as lmplz does, whole or not at all; a file that is there gives way."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(aside, "wb") as file:
            _write(file, model, vocabulary)
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def _write(file: BinaryIO, model: KneserNey, vocabulary: Vocabulary) -> None:
    sizes = model.trie.sizes()
    counts = "".join(f"ngram {k}={size}\n" for k, size in enumerate(sizes, start=1))
    file.write(f"\\data\\\n{counts}\n".encode())
    for k, size in enumerate(sizes, start=1):
        file.write(f"\\{k}-grams:\n".encode())
        for start in range(0, size, _LINES):
            ranks = np.arange(start, min(start + _LINES, size))
            _lines(model, vocabulary, k, ranks).write_csv(
                file, include_header=False, separator="\t", quote_style="never"
            )
        file.write(b"\n")
    file.write(b"\\end\\\n")


def read_arpa(path: Path) -> tuple[KneserNey, Vocabulary]:
    """Read a model; ``<unk>`` gets KenLM's log10 probability of -100 if the file has none.

    Raises
    ------
    ModelError
        If the file is no ARPA file, is cut off, or holds an n-gram without the one it begins with.
    """
    unigrams, *longer = _sections(path)
    vocabulary, places = _vocabulary(unigrams)
    known = places >= 0
    probs = [np.where(known, unigrams.probs()[places], 10.0**_MISSING_UNKNOWN)]
    backoffs = [np.where(known, unigrams.backoffs()[places], 1.0)]
    probs[0][BEGIN_ID] = 0.0
    trie = NgramTrie((np.arange(len(vocabulary), dtype=np.int32),), ())
    for section in longer:
        contexts, tokens = _ngrams(section, trie, vocabulary)
        rising = np.lexsort((tokens, contexts))
        contexts, tokens = contexts[rising], tokens[rising]
        _check_once(section, contexts, tokens, rising)
        edges = np.searchsorted(contexts, np.arange(trie.sizes()[-1] + 1)).astype(np.int32)
        trie = NgramTrie((*trie.tokens, tokens.astype(np.int32)), (*trie.edges, edges))
        probs.append(section.probs()[rising])
        backoffs.append(section.backoffs()[rising])
    return KneserNey(trie, tuple(probs), tuple(backoffs[:-1]), (), BEGIN_ID, END_ID), vocabulary


def _lines(model: KneserNey, vocabulary: Vocabulary, k: int, ranks: Ints) -> pl.DataFrame:
    probs = model.probs[k - 1][ranks]
    if k == 1:
        probs = np.where(ranks == model.begin_id, 1.0, probs)
    columns = [_log10(probs).alias("prob"), _words(model.trie, vocabulary, k, ranks).alias("words")]
    if k < model.order:
        columns.append(_log10(model.backoffs[k - 1][ranks]).alias("backoff"))
    return pl.DataFrame(columns)


def _log10(values: Numbers) -> pl.Series:
    with np.errstate(divide="ignore"):
        logs = np.log10(values).astype(np.float32)
    return pl.Series(logs + np.float32(0))  # without the sign of a zero


def _words(trie: NgramTrie, vocabulary: Vocabulary, k: int, ranks: Ints) -> pl.Series:
    columns = [
        vocabulary.words.gather(tokens).alias(str(place))
        for place, tokens in enumerate(trie.ngrams(k, ranks))
    ]
    return pl.select(pl.concat_str(columns, separator=" ")).to_series()


@dataclass(frozen=True, eq=False)
class _Section:
    """The n-grams of one order: columns prob, words, backoff."""

    path: Path
    k: int
    table: pl.DataFrame

    def probs(self) -> Floats:
        return _power10(self.table["prob"])

    def backoffs(self) -> Floats:
        return _power10(self.table["backoff"].fill_null(0.0))

    def tokens(self) -> pl.Series:
        """Return the words of all n-grams, one after the other."""
        words = self.table["words"].str.split(" ").explode()
        if len(words) != self.k * len(self.table):
            lengths = self.table["words"].str.split(" ").list.len()
            wrong = self.table["words"].filter(lengths != self.k)[0]
            raise self.damaged(
                f"The {self.k}-grams hold '{wrong}'", f"{self.k} words were expected"
            )
        return words

    def damaged(self, happened: str, expected: str) -> ModelError:
        return _damaged(self.path, happened, expected)


def _sections(path: Path) -> list[_Section]:
    data = path.read_bytes()
    if b"\r\n" in data:
        data = data.replace(b"\r\n", b"\n")
    start, unigrams = data.find(b"\\data\\"), data.find(b"\n\\1-grams:")
    counts = re.findall(rb"^ngram +(\d+) *= *(\d+) *$", data[start:unigrams], re.MULTILINE)
    if start < 0 or unigrams < start or [int(k) for k, _ in counts] != [*range(1, len(counts) + 1)]:
        raise _damaged(path, "It holds no n-gram model", "An ARPA file begins with \\data\\")
    _check_order(path, len(counts))
    marks = [f"\n\\{k}-grams:".encode() for k in range(1, len(counts) + 1)] + [b"\n\\end\\"]
    edges = [unigrams]
    for mark in marks[1:]:
        edges.append(data.find(mark, edges[-1]))
        if edges[-1] < 0:
            raise _damaged(path, f"It is cut off: there is no {mark.decode().strip()}", "")
    bodies = [
        data[edge + len(mark) : stop]
        for edge, mark, stop in zip(edges, marks, edges[1:], strict=False)
    ]
    return [
        _section(path, k, int(count), body)
        for k, ((_, count), body) in enumerate(zip(counts, bodies, strict=True), start=1)
    ]


def _check_order(path: Path, order: int) -> None:
    if order > MAX_ORDER:
        raise _damaged(path, f"Its order is {order}", f"At most {MAX_ORDER} was expected")


def _section(path: Path, k: int, count: int, body: bytes) -> _Section:
    try:
        lines = pl.Series([body.decode().strip("\n")]).str.split("\n").explode()
    except UnicodeDecodeError as error:
        raise _damaged(path, f"The {k}-grams are not in UTF-8: {error}", "") from None
    lines = lines.filter(lines != "")
    columns = lines.str.splitn("\t", 3).struct.unnest()
    columns.columns = ["prob", "words", "backoff"]
    table = columns.with_columns(pl.col("prob", "backoff").cast(pl.Float64, strict=False))
    wrong = table["prob"].is_null() | table["words"].is_null()
    wrong |= table["backoff"].is_null() & columns["backoff"].is_not_null()
    if wrong.any():
        expected = "A number, a tab, words and perhaps a tab and a number were expected"
        raise _damaged(path, f"The {k}-grams hold the line {lines.filter(wrong)[0]!r}", expected)
    if len(table) != count:
        expected = f"{count} were expected, as its head says"
        raise _damaged(path, f"It holds {len(table)} {k}-grams", expected)
    return _Section(path, k, table)


def _vocabulary(unigrams: _Section) -> tuple[Vocabulary, Ints]:
    """Return the vocabulary, and the line of each of its words among the unigrams, -1 for none."""
    words = unigrams.tokens().alias("word")
    if words.n_unique() < len(words):
        twice = words.filter(words.is_duplicated())[0]
        raise unigrams.damaged(f"The word '{twice}' stands twice", "Each once was expected")
    special = [np.flatnonzero((words == word).to_numpy()) for word in SPECIALS]
    for word, found in zip(SPECIALS[1:], special[1:], strict=True):
        if not len(found):
            raise unigrams.damaged(f"It lacks the word {word}", "Each model needs it")
    others = np.flatnonzero(~words.is_in(SPECIALS).to_numpy())
    first = [int(found[0]) if len(found) else -1 for found in special]
    vocabulary = Vocabulary(pl.concat([pl.Series("word", SPECIALS), words.gather(others)]))
    return vocabulary, np.concatenate([first, others]).astype(np.int64)


def _ngrams(section: _Section, trie: NgramTrie, vocabulary: Vocabulary) -> tuple[Ints, Ints]:
    """Return the rank of each n-gram's context, and its last token."""
    tokens = section.tokens()
    ids = vocabulary.find(tokens)
    strange = (ids == UNKNOWN_ID) & (tokens != SPECIALS[UNKNOWN_ID]).to_numpy()
    if strange.any():
        word = tokens[int(np.flatnonzero(strange)[0])]
        raise section.damaged(f"'{word}' stands in a {section.k}-gram", "It is no 1-gram")
    columns = ids.reshape(-1, section.k).T
    ranks = columns[0]
    for j, column in enumerate(columns[1:-1], start=2):
        ranks = trie.find(j, ranks, column)
    if (ranks < 0).any():
        gram = section.table["words"][int(np.flatnonzero(ranks < 0)[0])]
        lower = gram.rpartition(" ")[0]
        raise section.damaged(f"It holds '{gram}' but not '{lower}'", "Both were expected")
    return ranks, columns[-1]


def _check_once(section: _Section, contexts: Ints, tokens: Ints, rising: Ints) -> None:
    twice = np.flatnonzero((contexts[1:] == contexts[:-1]) & (tokens[1:] == tokens[:-1]))
    if len(twice):
        gram = section.table["words"][int(rising[twice[0]])]
        raise section.damaged(
            f"The {section.k}-gram '{gram}' stands twice", "Each once was expected"
        )


def _power10(logs: pl.Series) -> Floats:
    probs: Floats = np.power(10.0, logs.to_numpy())
    return probs


def _damaged(path: Path, happened: str, expected: str) -> ModelError:
    return ModelError(
        f"{path} cannot be used. {happened}.",
        f"{expected}." if expected else "",
        "Write it again: model.to_arpa(path), or lmplz -o 5 --discount_fallback < TEXT > PATH",
    )
