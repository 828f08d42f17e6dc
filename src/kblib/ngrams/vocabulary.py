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
from kblib.ngrams.trie import Ints

UNKNOWN, BEGIN, END = "<unk>", "<s>", "</s>"
SPECIALS = (UNKNOWN, BEGIN, END)
UNKNOWN_ID, BEGIN_ID, END_ID = range(3)
_SPACES = "\0\t\r"  # besides the space itself, and the newline
_BATCH = 100_000  # texts
_END_CODE, _UNKNOWN_CODE = 0, 1  # counted from the size of the vocabulary
_END_OF_TEXT = "\n"  # stands for the end of each text; no word holds it


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

    def encode_texts(self, texts: Iterable[str]) -> Ints:
        """Return the ids of texts laid end to end, ``<s> ... </s>`` each.

        Raises
        ------
        CorpusError
            If there is no text.
        TokenError
            If a text holds ``<s>``, ``</s>`` or ``<unk>``.
        """
        pieces = []
        for tokens in _tokens(texts):
            codes = self._codes(tokens)
            special = codes < len(SPECIALS)
            if special.any():
                raise _reserved(SPECIALS[codes[special][0]], "a text")
            codes[codes == len(self) + _END_CODE] = END_ID
            codes[codes == len(self) + _UNKNOWN_CODE] = UNKNOWN_ID
            pieces.append(_framed(codes))
        return np.concatenate(pieces)

    def find(self, words: pl.Series) -> Ints:
        """Return the id of each word, that of ``<unk>`` where it is not known."""
        codes = self._codes(words)
        return np.where(codes < len(self), codes, UNKNOWN_ID)

    def _codes(self, words: pl.Series) -> Ints:
        codes = words.cast(self._enum, strict=False).to_physical().cast(pl.Int64)
        return codes.fill_null(len(self) + _UNKNOWN_CODE).to_numpy(writable=True)

    @cached_property
    def _enum(self) -> pl.Enum:
        return pl.Enum(pl.concat([self.words, pl.Series(self.words.name, [_END_OF_TEXT])]))


def split_words(text: str) -> list[str]:
    """Return the words of one text."""
    for space in (*_SPACES, "\n"):
        text = text.replace(space, " ")
    return [word for word in text.split(" ") if word]


def number_words(texts: Iterable[str]) -> tuple[Vocabulary, Ints]:
    """Return the vocabulary of texts, and the texts as ids laid end to end, ``<s> ... </s>`` each.

    Raises
    ------
    CorpusError
        If there is no text, or something else than texts.
    TokenError
        If a text holds ``<s>``, ``</s>`` or ``<unk>``.
    """
    # Codes count upwards as strings are met; the first is the end's, whose id is 2, not 0.
    codes = pl.Categorical(pl.Categories.random())
    words = [pl.Series([_END_OF_TEXT])]
    alive = words[0].cast(codes)  # codes are forgotten with the last series that has some
    stream, n_known = [], len(alive)
    for tokens in _tokens(texts):
        found = tokens.cast(codes).to_physical().to_numpy()
        first = np.empty(max(n_known, int(found.max()) + 1), np.int64)
        first[found[::-1]] = np.arange(len(found))[::-1]  # of equal ones the last assigned stays
        words.append(tokens.gather(first[n_known:]))
        n_known = len(first)
        stream.append(_framed(found.astype(np.int64) + END_ID))
    known = pl.concat([pl.Series(SPECIALS), pl.concat(words)[1:]]).alias("word")
    vocabulary, ids = Vocabulary(known), np.concatenate(stream)
    _check_reserved(vocabulary, ids)
    return vocabulary, ids


def lines_of(texts: Iterable[str]) -> Iterator[str]:
    """Return the lines of texts; a newline at the very end of a text begins no further line."""
    for text in texts:
        yield from text.removesuffix("\n").split("\n")


def _tokens(texts: Iterable[str]) -> Iterator[pl.Series]:
    """Return the words of texts, some thousand texts at a time, the mark after each text."""
    if isinstance(texts, str):
        raise CorpusError(
            "A single string was given.", "Several texts were expected.", "Pass a list: [text]"
        )
    remaining, empty = iter(texts), True
    while batch := list(islice(remaining, _BATCH)):
        empty = False
        split = _series(_joined(batch)).str.split(" ").explode()
        yield split.filter(split != "")
    if empty:
        raise CorpusError(
            "There is no text.",
            "At least one was expected; an empty text is one.",
            "corpus.manifest says what was dropped, and why.",
        )


def _joined(batch: list[str]) -> str:
    try:
        joined = _END_OF_TEXT.join(batch)
    except TypeError as error:
        raise CorpusError(
            f"Something among the texts is no text: {error}.",
            "Strings were expected.",
            "Of a table, pass one column: table['text']",
        ) from None
    if joined.count("\n") >= len(batch):
        joined = _END_OF_TEXT.join(text.replace("\n", " ") for text in batch)
    for space in _SPACES:
        joined = joined.replace(space, " ")
    return joined.replace(_END_OF_TEXT, f" {_END_OF_TEXT} ") + f" {_END_OF_TEXT}"


def _series(text: str) -> pl.Series:
    try:
        return pl.Series([text])
    except UnicodeEncodeError as error:
        raise CorpusError(
            f"A text holds half a character, {error.object[error.start]!r}.",
            "Whole Unicode characters were expected.",
            "Repair it: text.encode('utf-8', 'replace').decode('utf-8')",
        ) from None


def _framed(ids: Ints) -> Ints:
    """Put a begin before each text."""
    starts = np.ones(len(ids), dtype=bool)
    starts[1:] = ids[:-1] == END_ID
    places = np.arange(len(ids)) + np.cumsum(starts)
    framed = np.full(len(ids) + int(starts.sum()), BEGIN_ID)
    framed[places] = ids
    return framed


def _check_reserved(vocabulary: Vocabulary, ids: Ints) -> None:
    for reserved in SPECIALS:
        places = np.flatnonzero((vocabulary.words[len(SPECIALS) :] == reserved).to_numpy())
        if len(places):
            first = int(np.flatnonzero(ids == places[0] + len(SPECIALS))[0])
            raise _reserved(reserved, f"text {np.count_nonzero(ids[:first] == BEGIN_ID)}")


def _reserved(word: str, where: str) -> TokenError:
    return TokenError(
        f"The word {word} stands in {where}.",
        "It means something to the model, as <s>, </s> and <unk> do, so no text may hold it.",
        "Remove it, or write it otherwise: text.replace('<', '‹')",
    )
