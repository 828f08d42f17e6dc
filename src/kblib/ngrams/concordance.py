"""Keyword in context: every hit of a query, sorted as asked, with the way back to its source.

The list is complete. Hits are held as positions; lines are made for the rows that are looked at, so
a concordance of a million hits opens as fast as one of ten, and ``batches()`` streams all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus, Document
from kblib.corpora.columns import document_of_row
from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError
from kblib.ngrams.forms import Forms, how_forms, left_out
from kblib.ngrams.index import Ints, TextIndex, index_corpus
from kblib.ngrams.queries import Absent, Hits, search
from kblib.ngrams.sorting import NEARLY_ALL, SORTS, Key, keys_of, ranked

if TYPE_CHECKING:
    import pandas as pd

BATCH = 1_000
NEVER_SHOWN = ("text",)
SECONDS_A_MINUTE = 60
TIMES = ("start_s", "end_s")


@dataclass(frozen=True, eq=False)
class Concordance:
    """All hits of a query, in the order asked for.

    Attributes
    ----------
    hits
        Where the query stands.
    sorts, seed
        The sorts, the one that counts most first, and the seed of a random one.
    window
        How many words of context each line shows on either side.
    provenance
        Corpus, fingerprint, filters, version, and what was asked.
    """

    hits: Hits
    sorts: tuple[str, ...]
    seed: int
    window: int
    provenance: dict[str, Any]
    _seen: dict[int, int] = field(default_factory=dict, init=False, repr=False)

    @property
    def n(self) -> int:
        """How many hits there are."""
        return self.hits.n

    @cached_property
    def order(self) -> Ints:
        """All hits in the order of the list, as numbers into ``hits``."""
        return ranked(self._keys, np.arange(self.n), 0, self.n)

    @cached_property
    def _keys(self) -> list[Key]:
        return keys_of(self.hits, self.sorts, self.seed)

    def __len__(self) -> int:
        return self.n

    def rows(self, start: int = 0, stop: int | None = None) -> pl.DataFrame:
        """Return the lines from `start` up to `stop` as a Polars table.

        Columns: number, left, hit, right, time (of the film, where the corpus knows it), and the
        corpus's own columns but the text.
        """
        start, stop, _ = slice(start, stop).indices(self.n)
        chosen = self._ranked(start, stop)
        self._seen.update(zip(range(start, stop), chosen.tolist(), strict=False))
        return _lines(self.hits, chosen, self.window, first=start)

    def head(self, n: int = 20) -> pd.DataFrame:
        """Return the first `n` lines as a pandas table."""
        return pandas_of(self.rows(0, n).lazy())

    def batches(self, size: int = BATCH) -> Iterator[pl.DataFrame]:
        """Yield all lines, `size` at a time, as Polars tables."""
        for start in range(0, self.n, size):
            yield _lines(self.hits, self.order[start : start + size], self.window, first=start)

    @property
    def table(self) -> pd.DataFrame:
        """All lines as a pandas table; everything is loaded."""
        return pandas_of(self.rows().lazy())

    @property
    def forms(self) -> pd.DataFrame:
        """The forms that were found, with reasons and hits, as a pandas table."""
        return pandas_of(self.hits.forms.lazy())

    def document(self, number: int) -> Document:
        """Return the whole document of a line, lines counted from 1 as in the table."""
        store = self.hits.index.corpus.store
        row = int(self.hits.documents[self._hit(number)])
        return document_of_row(store.frame.slice(row, 1).collect().row(0, named=True))

    def source(self, number: int, *, around: int = 2) -> pd.DataFrame:
        """Return the documents before and after a line's, of the same title and medium.

        Parameters
        ----------
        around
            How many on either side: for subtitles, what was said just before and after.
        """
        index = self.hits.index
        row = int(self.hits.documents[self._hit(number)])
        first = max(row - around, 0)
        near = index.corpus.store.frame.slice(first, row + around + 1 - first).collect()
        here = near.row(row - first, named=True)
        same = [name for name in ("title", "medium") if name in near.columns]
        for name in same:
            near = near.filter(pl.col(name).eq_missing(pl.lit(here[name])))
        marked = near.with_columns(here=pl.col("id") == here["id"])
        return pandas_of(_with_time(marked).lazy())

    def _hit(self, number: int) -> int:
        if type(number) is not int or not 1 <= number <= self.n:
            raise CorpusError(
                f"There is no line {number!r}.", f"Lines are numbered from 1 to {self.n}."
            )
        if number - 1 not in self._seen:
            self._seen[number - 1] = int(self._ranked(number - 1, number)[0])
        return self._seen[number - 1]

    def _ranked(self, start: int, stop: int) -> Ints:
        if "order" in self.__dict__ or stop - start > self.n // NEARLY_ALL:
            return self.order[start:stop]
        return ranked(self._keys, np.arange(self.n), start, stop)

    def __repr__(self) -> str:
        shown = self.rows(0, 10)
        lines = [
            f"  {row['left'][-40:]:>40} [{row['hit']}] {row['right'][:40]}"
            for row in shown.iter_rows(named=True)
        ]
        title = f"Concordance of '{self.hits.query}': {self.n:,} hits"
        return "\n".join([title, *lines])


def concordance(
    corpus: Corpus,
    query: str,
    *,
    sort: str | Sequence[str] = "text",
    window: int = 8,
    forms: Forms = "surface",
    without: Collection[str] = (),
    absent: Absent = "error",
    seed: int = 1,
) -> Concordance:
    """List every hit of a query in its context.

    Parameters
    ----------
    sort
        ``text`` (the order of the corpus), ``left`` or ``right`` (alphabetically by the words
        beside the hit, the nearest first, å, ä, ö after z), ``hit``, ``year``, ``random``; several
        in a list, the first counts most.
    window
        Words of context on either side, within the document.
    forms, without, absent
        As in `kblib.ngrams.queries.search`.
    seed
        Of the random order.

    Raises
    ------
    CorpusError
        If the query holds no word or a word is nowhere in the text, or a sort is unknown.

    Examples
    --------
    >>> lines = concordance(Corpus.from_texts(["Se, solen går upp!", "Solen lyser."]), "solen")
    >>> lines.rows().select("left", "hit", "right").rows()
    [('Se,', 'solen', 'går upp!'), ('', 'Solen', 'lyser.')]
    """
    sorts: list[Any] = list(sort) if isinstance(sort, list | tuple) else [sort]
    _check(sorts, window, seed)
    index = index_corpus(corpus)
    hits = search(index, query, forms=forms, without=without, absent=absent)
    asked = {"query": query, "sort": sorts, "window": window, "seed": seed}
    asked |= {"forms": how_forms(forms)}
    asked |= {"without": left_out(without)} if without else {}
    return Concordance(hits, tuple(sorts), seed, window, index.provenance(**asked))


def _lines(hits: Hits, chosen: Ints, window: int, *, first: int) -> pl.DataFrame:
    index, positions = hits.index, hits.positions[chosen]
    documents = hits.documents[chosen]
    cut = [
        _cut(index.text, position, document, hits.length, window)
        for position, document in zip(positions.tolist(), documents.tolist(), strict=True)
    ]
    parts = {
        name: [one[place] for one in cut] for place, name in enumerate(("left", "hit", "right"))
    }
    table = pl.DataFrame(
        {"number": np.arange(first + 1, first + 1 + len(chosen)), **parts},
        schema_overrides=dict.fromkeys(parts, pl.String),
    )
    own = [name for name in index.corpus.columns if name not in NEVER_SHOWN]
    return _with_time(table.with_columns(index.values_at(name, documents) for name in own))


def _cut(
    text: TextIndex, position: int, document: int, length: int, window: int
) -> tuple[str, str, str]:
    """Return left context, hit and right context as they are written, white space as one space."""
    begin, end = int(text.text_starts[document]), int(text.text_starts[document + 1])
    first, last = int(text.word_starts[document]), int(text.word_starts[document + 1])
    from_word, to_word = position - window, position + length + window
    start = begin + int(text.places[from_word]) if from_word > first else begin
    stop = begin + int(text.places[to_word]) if to_word < last else end
    hit = begin + int(text.places[position])
    last_word = position + length - 1
    written = text.types[int(text.ids[last_word])]
    hit_end = begin + int(text.places[last_word]) + len(written.encode())
    pieces = ((start, hit), (hit, hit_end), (hit_end, stop))
    left, middle, right = (" ".join(bytes(text.text[a:b]).decode().split()) for a, b in pieces)
    return left, middle, right


def _with_time(table: pl.DataFrame) -> pl.DataFrame:
    """Add the time code of a line where the corpus has one, as in 00:01:23."""
    if TIMES[0] not in table.columns:
        return table
    return table.with_columns(
        time=pl.Series([time_code(one) for one in table[TIMES[0]].to_list()], dtype=pl.String)
    )


def time_code(seconds: float | None) -> str | None:
    """Return seconds as hours, minutes and seconds.

    Examples
    --------
    >>> time_code(83.4)
    '00:01:23'
    """
    if seconds is None:
        return None
    minutes, rest = divmod(int(seconds), SECONDS_A_MINUTE)
    hours, minutes = divmod(minutes, SECONDS_A_MINUTE)
    return f"{hours:02d}:{minutes:02d}:{rest:02d}"


def _check(sorts: list[Any], window: int, seed: int) -> None:
    unknown = [one for one in sorts if one not in SORTS]
    if unknown:
        raise CorpusError(
            f"A concordance cannot be sorted by {unknown[0]!r}.",
            f"There are: {', '.join(SORTS)}.",
            "sort='right'",
        )
    if type(window) is not int or window < 0:
        raise CorpusError(
            f"window is {window!r}.", "A number of words was expected, 0 or more.", "window=8"
        )
    if type(seed) is not int or seed < 0:
        raise CorpusError(f"seed is {seed!r}.", "A whole number from 0 on was expected.", "seed=1")
