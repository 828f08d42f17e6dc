"""What is searched for: a word, a phrase, wildcards, regular expressions; and where it stands.

A query is words between spaces. ``*`` stands for any letters of a word, ``?`` for one; a ``*`` of
its own for any one word. A part between slashes, ``/flyg(plan|maskin)/``, is a regular expression
that must match a whole folded word. A phrase may run over punctuation but never over the end of a
document.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from kblib.errors import CorpusError
from kblib.ngrams.forms import (
    Form,
    Forms,
    check_forms,
    forms_of,
    numbers_of,
    similar_words,
    without_forms,
)
from kblib.ngrams.index import Index, Ints, TextIndex
from kblib.ngrams.words import folded, words_of

Absent = Literal["error", "zero"]
ABSENT: tuple[Absent, ...] = get_args(Absent)
_WILD = re.compile(r"[*?]")
_PATTERN = re.compile(r"[*?/]")


@dataclass(frozen=True)
class Slot:
    """One word of a query: what was asked, and which words of the text answer it.

    Attributes
    ----------
    asked
        As written in the query.
    words
        Ascending numbers; None where any word will do.
    forms
        The forms with their reasons; empty for wildcards and regular expressions, where the words
        found say all.
    """

    asked: str
    words: Ints | None
    forms: tuple[Form, ...] = ()


@dataclass(frozen=True, eq=False)
class Hits:
    """Where a query stands in a corpus.

    Attributes
    ----------
    query, slots
        As asked, and word by word.
    positions
        The first word of each hit, in the order of the text.
    """

    index: Index
    query: str
    slots: tuple[Slot, ...]
    positions: Ints

    @property
    def n(self) -> int:
        """How many hits there are."""
        return len(self.positions)

    @property
    def length(self) -> int:
        """How many words a hit has."""
        return len(self.slots)

    @cached_property
    def documents(self) -> Ints:
        """The document of each hit: its row among those the corpus shares with its relatives."""
        return self.index.text.documents_at(self.positions)

    @cached_property
    def forms(self) -> pl.DataFrame:
        """The forms that were counted: query, part, form, why, hits; most frequent first."""
        tables = [self._forms_at(place, slot) for place, slot in enumerate(self.slots)]
        return (
            pl.concat(tables)
            .with_columns(query=pl.lit(self.query))
            .select("query", "part", "form", "why", "hits")
        )

    def _forms_at(self, place: int, slot: Slot) -> pl.DataFrame:
        if slot.words is not None and len(slot.words) == 1:
            words, counts = slot.words[: self.n], np.array([self.n])[: self.n]
        else:
            there = np.bincount(self.index.text.words_at(self.positions + place))
            words, counts = np.flatnonzero(there), there[there > 0]
        why = {one.word: one.why for one in slot.forms}
        rest = f"matches {slot.asked}"
        table = {
            "part": [slot.asked] * len(words),
            "form": self.index.text.words.gather(words).to_list(),
            "why": [why.get(word, rest) for word in words.tolist()],
            "hits": counts,
        }
        kinds = {"part": pl.String, "form": pl.String, "why": pl.String, "hits": pl.Int64}
        return pl.DataFrame(table, schema=kinds).sort("hits", "form", descending=[True, False])


def listed_queries(queries: Any) -> list[str]:
    """Return the queries of a list, or the one that was given alone.

    Raises
    ------
    CorpusError
        If there is none, or what was given is no list.
    """
    if isinstance(queries, str):
        return [queries]
    if not isinstance(queries, Iterable):
        raise CorpusError(
            f"queries is {queries!r}.", "A query or a list of them was expected.", "['järnväg']"
        )
    listed = list(queries)
    if not listed:
        raise CorpusError("No query was given.", "At least one was expected.", "['järnväg']")
    return listed


def search(
    index: Index,
    query: str,
    *,
    forms: Forms = "surface",
    without: Collection[str] = (),
    absent: Absent = "error",
) -> Hits:
    """Find every hit of a query in a corpus.

    Parameters
    ----------
    forms
        Which forms of a word to count; wildcards and regular expressions are taken as they are.
    without
        Forms to leave out.
    absent
        Whether a word that is nowhere in the text is an error or has no hits.

    Raises
    ------
    CorpusError
        If the query holds no word, a regular expression cannot be read, or a word is nowhere in
        the text and `absent` is ``error``.
    """
    if absent not in ABSENT:
        raise CorpusError(
            f"absent is {absent!r}.", f"There are: {', '.join(ABSENT)}.", "absent='zero'"
        )
    slots = parse(index.text, query, forms=forms, without=without)
    unknown = next((slot for slot in slots if slot.words is not None and not len(slot.words)), None)
    if unknown is not None:
        if absent == "error":
            raise _absent(
                index, unknown, plain=bool(unknown.forms) or not _PATTERN.search(unknown.asked)
            )
        return Hits(index, query, slots, np.empty(0, dtype=np.int64))
    return Hits(index, query, slots, index.in_corpus(_positions(index.text, slots)))


def parse(
    text: TextIndex, query: str, *, forms: Forms, without: Collection[str] = ()
) -> tuple[Slot, ...]:
    """Return the slots of a query.

    Raises
    ------
    CorpusError
        If it holds no word, or a regular expression cannot be read.
    """
    check_forms(forms)
    if type(query) is not str or not query.strip():
        raise CorpusError(
            f"The query is {query!r}.", "A word or a phrase was expected.", "query='svenska film*'"
        )
    slots: list[Slot] = []
    for part in query.split():
        if len(part) > 1 and part[0] == part[-1] == "/":
            slots.append(Slot(part, _matching(text, part[1:-1])))
        elif part == "*":
            slots.append(Slot(part, None))
        elif _WILD.search(part):
            slots.append(Slot(part, _matching(text, _pattern(part))))
        else:
            slots += [_plain(text, word, forms) for word in folded(words_of(part))]
    if all(slot.words is None for slot in slots):
        raise CorpusError(
            f"The query '{query}' holds no word.",
            "A word begins with a letter or a digit.",
            "Beside a * of its own, which is any word, give at least one: 'svenska *'",
        )
    return _left_out(tuple(slots), without) if len(without) else tuple(slots)


def _left_out(slots: tuple[Slot, ...], without: Collection[str]) -> tuple[Slot, ...]:
    if len(slots) > 1 or not slots[0].forms:
        raise CorpusError(
            "without= was given for a phrase or a pattern.",
            "It leaves out forms of a single word.",
            "Search the forms you want one by one, or write a regular expression.",
        )
    kept = without_forms(slots[0].forms, without)
    return (Slot(slots[0].asked, numbers_of(kept), kept),)


def _plain(text: TextIndex, word: str, forms: Forms) -> Slot:
    found = forms_of(text, word, forms)
    return Slot(word, numbers_of(found), found)


def _pattern(part: str) -> str:
    pieces = re.split(r"([*?])", folded([part])[0])
    return "".join({"*": ".*", "?": "."}.get(piece, re.escape(piece)) for piece in pieces)


def _matching(text: TextIndex, pattern: str) -> Ints:
    try:
        return text.matching(f"(?i:{pattern})")  # words are folded, capitals in a pattern too
    except pl.exceptions.PolarsError:
        raise CorpusError(
            f"'{pattern}' is no regular expression: {_why_wrong(pattern)}.",
            "Each part between spaces must match a whole word.",
            "For plain wildcards leave out the slashes and write järnväg*",
        ) from None


def _why_wrong(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        return str(error)
    return "look-around and back-references are not supported"


def _positions(text: TextIndex, slots: tuple[Slot, ...]) -> Ints:
    sizes = [np.inf if slot.words is None else _size(text, slot.words) for slot in slots]
    rarest = int(np.argmin(sizes))
    words = slots[rarest].words
    assert words is not None  # noqa: S101  a query of any-words only was refused
    at: Ints = text.positions_of(words) - rarest
    if len(slots) == 1:
        return at
    at = at[(at >= 0) & (at + len(slots) <= text.n_words)]
    at = at[text.documents_at(at) == text.documents_at(at + len(slots) - 1)]
    for place, slot in enumerate(slots):
        if place != rarest and slot.words is not None:
            at = at[np.isin(text.words_at(at + place), slot.words)]
    return at


def _size(text: TextIndex, words: Ints) -> int:
    return int((text.starts[words + 1] - text.starts[words]).sum())


def _absent(index: Index, slot: Slot, *, plain: bool) -> CorpusError:
    name = index.corpus.name
    if not plain:
        return CorpusError(
            f"No word of corpus '{name}' matches '{slot.asked}'.",
            "A pattern must match a whole word.",
            f"For parts of words: *{slot.asked.strip('*')}*",
        )
    near = similar_words(index.text, slot.asked)
    found = f"Written alike: {', '.join(near)}." if near else "No word is written much like it."
    return CorpusError(
        f"The word '{slot.asked}' is nowhere in corpus '{name}'.",
        found,
        f"For compounds and endings: '{slot.asked}*'. To count it as zero: absent='zero'",
    )
