"""Words as integers: split as KenLM splits, numbered by first appearance.

Words stand between the characters NUL, tab, newline, return and space, and no others: a no-break
space, U+0085 or a vertical tab stays inside its word. Nothing is lower-cased or normalised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import polars as pl

from kblib.errors import CorpusError, TokenError
from kblib.ngrams.trie import Integers, Ints
from kblib.ngrams.word_table import ID, WordTable, room

UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
SPECIALS = (UNKNOWN, BEGIN, END)
UNKNOWN_ID, BEGIN_ID, END_ID = range(3)
_SPACES = "\0\t\r"  # besides the space itself, and the newline
_TEXTS, _CHARACTERS = 10_000, 2_000_000  # in a batch, whichever is reached first, about


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words a model knows; a word's id is its place.

    Parameters
    ----------
    words
        ``<unk>``, ``<s>``, ``</s>``, then all others, each once.
    """

    words: pl.Series

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id of each word."""
        return {word: number for number, word in enumerate(self.words)}

    def encode(self, text: str) -> list[int]:
        """Return the ids of the words of one text, without its begin and end.

        Raises
        ------
        TokenError
            If the text holds ``<s>``, ``</s>`` or ``<unk>``.
        """
        words = split_words(text)
        for reserved in SPECIALS:
            if reserved in words:
                raise _reserved(reserved, f"the text {text!r}")
        return [self.ids.get(word, UNKNOWN_ID) for word in words]

    def encode_texts(self, texts: Iterable[str]) -> Integers:
        """Return the ids of texts laid end to end, ``<s> ... </s>`` each.

        Raises
        ------
        CorpusError
            If there is no text.
        TokenError
            If a text holds ``<s>``, ``</s>`` or ``<unk>``.
        """
        return np.concatenate([encoded(self.table, *batch) for batch in batches(texts)])

    def find(self, words: pl.Series) -> Ints:
        """Return the id of each word, that of ``<unk>`` where it is not known."""
        codes = words.cast(self._enum, strict=False).to_physical().cast(pl.Int64)
        return codes.fill_null(UNKNOWN_ID).to_numpy()

    @cached_property
    def table(self) -> WordTable:
        """The words as a table that reads texts."""
        return WordTable.of(self.words)

    @cached_property
    def _enum(self) -> pl.Enum:
        return pl.Enum(self.words)


def encoded(table: WordTable, data: bytes, n_texts: int) -> Integers:
    """Return the ids of texts in UTF-8, a newline after each; threads may call this.

    Raises
    ------
    TokenError
        If a text holds ``<s>``, ``</s>`` or ``<unk>``.
    """
    ids = np.empty(room(data, n_texts), ID)
    n_ids, reserved = table.read(data, ids)
    if reserved is not None:
        raise _reserved(SPECIALS[reserved], "a text")
    return ids[:n_ids]


def split_words(text: str) -> list[str]:
    """Return the words of one text."""
    for space in (*_SPACES, "\n"):
        text = text.replace(space, " ")
    return [word for word in text.split(" ") if word]


def number_words(texts: Iterable[str]) -> tuple[Vocabulary, Integers]:
    """Return the vocabulary of texts, and the texts as ids laid end to end, ``<s> ... </s>`` each.

    Raises
    ------
    CorpusError
        If there is no text, or something else than texts.
    TokenError
        If a text holds ``<s>``, ``</s>`` or ``<unk>``.
    """
    table, ids, n_ids = WordTable.of(pl.Series("word", SPECIALS)), np.empty(0, ID), 0
    for data, n_texts in batches(texts):
        needed = n_ids + room(data, n_texts)
        if needed > len(ids):  # one array that grows, so that the memory of no second one is needed
            ids.resize(needed + needed // 5, refcheck=False)
        n_ids, reserved = table.read(data, ids, learns=True, start=n_ids)
        if reserved is not None:
            place = np.count_nonzero(ids[:n_ids] == END_ID) + 1
            raise _reserved(SPECIALS[reserved], f"text {place}")
    ids.resize(n_ids, refcheck=False)
    return Vocabulary(table.words()), ids


def lines_of(texts: Iterable[str]) -> Iterator[str]:
    """Return the lines of texts; a newline at the very end of a text begins no further line."""
    for text in texts:
        yield from text.removesuffix("\n").split("\n")


def batches(texts: Iterable[str]) -> Iterator[tuple[bytes, int]]:
    """Yield texts in UTF-8, a newline after each, some thousand at a time, and how many they are.

    Raises
    ------
    CorpusError
        If there is no text, or something else than texts.
    """
    if isinstance(texts, str):
        raise CorpusError(
            "A single string was given.", "Several texts were expected.", "Pass a list: [text]"
        )
    remaining, n_texts, empty = iter(texts), 100, True
    while batch := list(islice(remaining, n_texts)):
        empty = False
        joined = _joined(batch)
        yield _utf8(joined), len(batch)
        n_texts = max(1, min(_TEXTS, len(batch) * _CHARACTERS // (len(joined) + 1)))
    if empty:
        raise CorpusError(
            "There is no text.",
            "At least one was expected; an empty text is one.",
            "corpus.manifest says what was dropped, and why.",
        )


def _joined(batch: list[str]) -> str:
    try:
        joined = "\n".join(batch)
    except TypeError as error:
        raise CorpusError(
            f"Something among the texts is no text: {error}.",
            "Strings were expected.",
            "Of a table, pass one column: table['text']",
        ) from None
    if joined.count("\n") >= len(batch):
        joined = "\n".join(text.replace("\n", " ") for text in batch)
    return f"{joined}\n"


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"A text holds half a character, {error.object[error.start]!r}.",
            "Whole Unicode characters were expected.",
            "Repair it: text.encode('utf-8', 'replace').decode('utf-8')",
        ) from None


def _reserved(word: str, where: str) -> TokenError:
    return TokenError(
        f"The word {word} stands in {where}.",
        "It means something to the model, as <s>, </s> and <unk> do, so no text may hold it.",
        "Remove it, or write it otherwise: text.replace('<', '‹')",
    )
