"""Which pieces of a tokenizer make up which word of a text.

A *word* is what `kblib.ngrams.words` calls one, whatever the tokenizer cuts at, so that numbers a
word can stand beside counts of words. What stands between words, such as a full stop, is a *mark*,
one a piece; a blank is a *blank*.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from kblib.errors import ModelError
from kblib.models.given import check_text
from kblib.ngrams.words import IS_WORD, PIECE
from kblib.tokens.subwords import Tokenizer

Kind = Literal["word", "mark", "blank"]
Span = tuple[int, int]


@dataclass(frozen=True)
class Word:
    """A word of a text, or a mark between words, with the pieces a tokenizer cuts it into.

    Attributes
    ----------
    text
        As it is written.
    kind
        ``word``, ``mark`` or ``blank``.
    places
        Where its pieces stand among the ids of the text, from 0, ascending.
    pieces
        The text of each piece; ``␣`` for a space, ``å 1/2`` for the first of two bytes of a letter.
    known
        Whether the vocabulary can spell all of it.
    """

    text: str
    kind: Kind
    places: tuple[int, ...]
    pieces: tuple[str, ...]
    known: bool


@dataclass(frozen=True)
class WordsOfText:
    """A text as a model reads it: ids with their frame, and the words they belong to.

    Attributes
    ----------
    text
        The text.
    ids
        The ids, framed as the model expects.
    words
        Its words and marks, in order.
    """

    text: str
    ids: tuple[int, ...]
    words: tuple[Word, ...]


@dataclass(frozen=True)
class Cut:
    """What a tokenizer's engine says of a text, as lists: asked for one, it copies all it has.

    Attributes
    ----------
    ids
        Of the pieces.
    offsets
        First and last character of each.
    special
        1 for a piece of the frame.
    """

    ids: list[int]
    offsets: list[Span]
    special: list[int]

    @classmethod
    def of(cls, encoding: Any) -> Cut:
        """Take the lists out of an encoding."""
        return cls(encoding.ids, encoding.offsets, encoding.special_tokens_mask)


def read_words(text: str, tokenizer: Tokenizer) -> WordsOfText:
    """Cut a text into pieces and say which word each belongs to.

    Raises
    ------
    ModelError
        If it is no text.

    Examples
    --------
    >>> tokenizer = Tokenizer.train(["Kungen kom."] * 3, vocab_size=80)
    >>> read = read_words("Kungen kom.", tokenizer)
    >>> [(word.text, word.kind) for word in read.words]
    [('Kungen', 'word'), ('kom', 'word'), ('.', 'mark')]
    """
    check_text(text)
    encoding = Cut.of(tokenizer.engine.encode(text))
    spans, at = _word_spans(text), 0
    signs = set(tokenizer.special_ids) - {_unknown(tokenizer)}
    groups: list[tuple[Span | None, list[int]]] = []
    spaces: list[int] = []
    for place, (start, end) in enumerate(encoding.offsets):
        if encoding.special[place] or start == end:
            continue
        if not text[start:end].strip():  # a space that is a piece of its own begins what follows
            spaces.append(place)
            continue
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        inside = at < len(spans) and spans[at][0] < end and encoding.ids[place] not in signs
        span = spans[at] if inside else None
        same = groups and groups[-1][0] == span
        if same and (span or encoding.offsets[groups[-1][1][-1]] == (start, end)):
            groups[-1][1].append(place)
        else:
            groups.append((span, [*spaces, place]))
            spaces = []
    words = tuple(_word(text, span, places, encoding, tokenizer) for span, places in groups)
    return WordsOfText(text, tuple(encoding.ids), words)


def check_readable(read: WordsOfText, tokenizer: Tokenizer, seq_len: int, *, example: str) -> None:
    """Refuse a text that a model cannot be asked about word by word.

    Parameters
    ----------
    example
        A line to paste.

    Raises
    ------
    ModelError
        If there are no words, a special piece such as ``[SEP]`` stands in the text, or it is too
        long.
    """
    if not any(word.kind != "mark" for word in read.words):
        empty = not read.text.strip()
        said = "The text is empty." if empty else f"The text '{read.text}' holds no word."
        raise ModelError(said, "A sentence was expected.", example)
    foreign = set(tokenizer.special_ids) - {_unknown(tokenizer)}
    for word in read.words:
        if word.kind == "mark" and foreign.intersection(read.ids[at] for at in word.places):
            raise ModelError(
                f"The model reads '{word.text}' as a sign of its own, not as a word.",
                "Only a text was expected.",
                example,
            )
    if len(read.ids) > seq_len:
        raise ModelError(
            f"The text has {len(read.ids)} tokens.",
            f"This model reads at most {seq_len} at once.",
            "Ask about one sentence at a time.",
        )


def _word(
    text: str, span: Span | None, places: list[int], encoding: Cut, tokenizer: Tokenizer
) -> Word:
    ids = [encoding.ids[place] for place in places]
    cuts = [encoding.offsets[place] for place in places]
    start, end = span or cuts[-1]
    kind: Kind = "word" if span else "mark"
    if tokenizer.has("mask_token") and ids == [tokenizer.mask_id]:
        kind = "blank"
    known = _unknown(tokenizer) not in ids
    return Word(text[start:end].strip(), kind, tuple(places), _pieces(text, cuts), known)


def _pieces(text: str, cuts: list[Span]) -> tuple[str, ...]:
    """Return the text of each piece; bytes of one letter are numbered: ``å 1/2``, ``å 2/2``."""
    total, seen, pieces = Counter(cuts), Counter[Span](), []
    for cut in cuts:
        seen[cut] += 1
        piece = text[cut[0] : cut[1]].strip()
        pieces.append(f"{piece} {seen[cut]}/{total[cut]}" if total[cut] > 1 else piece or "␣")
    return tuple(pieces)


def _word_spans(text: str) -> list[Span]:
    """Return first and last character of each word; the pieces of a text are the text."""
    pieces = pl.Series([text]).str.extract_all(PIECE).explode().drop_nulls()
    ends = pieces.str.len_chars().cum_sum().to_list()
    words = pieces.str.contains(IS_WORD).to_list()
    return [
        (end - len(piece), end)
        for piece, end, word in zip(pieces.to_list(), ends, words, strict=True)
        if word
    ]


def _unknown(tokenizer: Tokenizer) -> int | None:
    return tokenizer.unknown_id if tokenizer.has("unk_token") else None
