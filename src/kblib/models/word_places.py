"""Where words stand in a text, and which pieces of a tokenizer are theirs.

The text is encoded as a whole, as the model has read texts before, and pieces are matched with
words by the characters they cover. A word begins anywhere: after a space, or where a mark ends.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Literal

Span = tuple[int, int]
"""First character, and that behind the last one."""
Cutting = Literal["marks", "spaces"]
"""How a text is cut into words: marks apart, as in CoNLL files, or at white space alone."""
_CUTS = {
    "marks": re.compile(r"\d+(?:[.,]\d+)+|\w+(?:[-'’·:]\w+)*|[^\w\s]"),
    "spaces": re.compile(r"\S+"),
}


def cut_words(text: str, cutting: Cutting) -> list[Span]:
    """Return where the words of a text stand.

    Examples
    --------
    >>> text = "SJ:s tåg, i dag."
    >>> [text[a:b] for a, b in cut_words(text, "marks")]
    ['SJ:s', 'tåg', ',', 'i', 'dag', '.']
    """
    return [found.span() for found in _CUTS[cutting].finditer(text)]


def cutting_of(sentences: Iterable[Sequence[str]]) -> Cutting:
    """Return how labelled sentences were cut: whether marks stand apart more often than not."""
    apart = together = 0
    for words in sentences:
        for word in words:
            marked = _is_mark(word[-1])
            apart += marked and len(word) == 1
            together += marked and len(word) > 1
    return "marks" if apart > together else "spaces"


def place_words(text: str, words: Sequence[str]) -> tuple[str, list[Span]]:
    """Return a text in which words stand one after the other, and where each of them does.

    Words that are not found in the text in their order are joined by spaces instead.
    """
    spans, at = [], 0
    for word in words:
        at = text.find(word, at)
        if at < 0:
            return _joined(words)
        spans.append((at, at + len(word)))
        at += len(word)
    return text, spans


def pieces_of_words(text: str, spans: Sequence[Span], offsets: Sequence[Span]) -> list[list[int]]:
    """Return of each word which pieces begin in it, by their numbers.

    A word may have none: what a normaliser has taken away, or a word that begins within a piece of
    another.

    Parameters
    ----------
    spans
        Where words stand, in order.
    offsets
        Which characters each piece covers; byte-level pieces may begin with the space before.
    """
    own: list[list[int]] = [[] for _ in spans]
    starts = [start for start, _ in spans]
    for number, (start, end) in enumerate(offsets):
        while start < end and text[start].isspace():
            start += 1
        word = bisect_right(starts, start) - 1
        if start < end and word >= 0 and start < spans[word][1]:
            own[word].append(number)
    return own


def _joined(words: Sequence[str]) -> tuple[str, list[Span]]:
    spans, at = [], 0
    for word in words:
        spans.append((at, at + len(word)))
        at += len(word) + 1
    return " ".join(words), spans


def _is_mark(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "PS"
