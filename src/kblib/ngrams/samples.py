"""A random sample of what a query finds and misses, to be marked by someone who reads it.

Items are drawn without replacement within each *stratum*: kind (`kblib.ngrams.frames`), series and
period; passages of the rest, of which few hold anything, within each series only. Each keeps its
chance of having been drawn. The order is random and mixes the strata, so whoever stops early has
marked a random sample too, and cannot tell a hit from a miss by its place. A larger sample of the
same seed begins with the smaller one of each stratum: marks stay good.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError
from kblib.ngrams.concordance import Concordance
from kblib.ngrams.drawing import allot, drawn
from kblib.ngrams.forms import Forms, how_forms, left_out
from kblib.ngrams.frames import PASSAGE, Frame, Kind, frames_of
from kblib.ngrams.index import Index, Ints, column_values, index_corpus
from kblib.ngrams.queries import Hits, Slot, search
from kblib.ngrams.units import (
    MEDIUM,
    SEVERAL,
    Cells,
    cells_of,
    media_of,
    name_of,
    periods_of,
    strata_of,
    unit_of,
)
from kblib.ngrams.words import DEFINITION

if TYPE_CHECKING:
    import pandas as pd

Media = Literal["separate", "together"]
WINDOW = 12
KEY_LENGTH = 12
ALL = "all"


@dataclass(frozen=True)
class Draw:
    """How many items of each kind are drawn, and with which seed.

    Attributes
    ----------
    hits, misses, rest
        They are spread over series and periods evenly, as far as there are so many.

    Raises
    ------
    CorpusError
        If a number is negative, or nothing is to be drawn.
    """

    hits: int = 100
    misses: int = 100
    rest: int = 0
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("hits", "misses", "rest", "seed"):
            n = getattr(self, name)
            if type(n) is not int or n < 0:
                raise CorpusError(
                    f"{name} is {n!r}.", "A whole number from 0 on was expected.", f"Draw({name}=1)"
                )
        if not self.hits + self.misses + self.rest:
            raise CorpusError(
                "Nothing is to be drawn.", "At least one item was expected.", "Draw(hits=100)"
            )

    def of(self, kind: Kind) -> int:
        """Return how many items of a kind are drawn."""
        return {"hit": self.hits, "miss": self.misses, "rest": self.rest}[kind]


DEFAULT_DRAW = Draw()


@dataclass(frozen=True, eq=False)
class QuerySample:
    """Items to be marked, and what they were drawn from.

    Attributes
    ----------
    index, query
        Where and what was searched.
    cells
        Words of each unit, period and series of the corpus.
    labels
        Series and period of each stratum number.
    frames
        All items by kind.
    rows
        One row an item, in the order of marking: number, item, kind, series, period, document,
        word (of the document, from 1), unit, probability.
    chosen
        Kind and place in its frame of each item.
    key
        Says which draw this is: the same corpus, query, net, strata and seed have the same key.
    provenance
        Corpus, fingerprint, filters, seed, version, and what was asked.
    """

    index: Index
    query: str
    cells: Cells
    labels: list[tuple[str, Any]]
    frames: dict[Kind, Frame]
    rows: pl.DataFrame
    chosen: list[tuple[Kind, int]]
    key: str
    provenance: dict[str, Any]

    @property
    def n(self) -> int:
        """How many items the sample has."""
        return len(self.chosen)

    def __len__(self) -> int:
        return self.n

    @property
    def table(self) -> pd.DataFrame:
        """The items as a pandas table."""
        return pandas_of(self.rows.lazy())

    @property
    def strata(self) -> pd.DataFrame:
        """How many items each stratum has, and how many of them are in the sample."""
        keys = ["kind", "series", "period"]
        sizes = [
            {"kind": kind, "series": series, "period": period, "items": items}
            for kind, one in self.frames.items()
            for (series, period), items in zip(self.labels, self.sizes(one), strict=True)
            if items
        ]
        drawn = self.rows.group_by(keys).agg(pl.len().cast(pl.Int64).alias("drawn"))
        table = pl.DataFrame(sizes).join(drawn, keys, how="left", maintain_order="left")
        return pandas_of(table.with_columns(pl.col("drawn").fill_null(0)).lazy())

    def stratum_of(self, one: Frame) -> Ints:
        """Return the stratum number of each item of a frame."""
        return self.stratum_of_row[one.rows]

    @property
    def stratum_of_row(self) -> Ints:
        """The stratum number of each row of the cells."""
        return self.cells.stratum * len(self.periods) + self.cells.period

    @property
    def periods(self) -> list[Any]:
        """The periods, in order."""
        return periods_of(self.index, self.provenance["per"]).labels

    def sizes(self, one: Frame) -> list[int]:
        """Return how many items of a frame each stratum has."""
        return [int(n) for n in np.bincount(self.stratum_of(one), minlength=len(self.labels))]

    def line(self, number: int, *, window: int = WINDOW) -> dict[str, Any]:
        """Return an item in its context, items counted from 1 as in the table.

        Keys: left, hit, right, time, and the corpus's own columns but the text. A passage of the
        rest has no word to look at: all of it is in ``hit``.
        """
        kind = self.item(number)[0]
        lines = self._concordance(number, 0 if kind == "rest" else window)
        return lines.rows(0, 1).row(0, named=True)

    def source(self, number: int, *, around: int = 2) -> pd.DataFrame:
        """Return the documents before and after an item's: for subtitles, what was said then."""
        return self._concordance(number, 0).source(1, around=around)

    def _concordance(self, number: int, window: int) -> Concordance:
        kind, place = self.item(number)
        one = self.frames[kind]
        slots = tuple(Slot("*", None) for _ in range(int(one.lengths[place])))
        hit = Hits(self.index, self.query, slots, one.positions[place : place + 1])
        return Concordance(hit, ("text",), 1, window, self.provenance)

    def item(self, number: int) -> tuple[Kind, int]:
        """Return kind and place in its frame of an item, items counted from 1.

        Raises
        ------
        CorpusError
            If there is no such item.
        """
        if type(number) is not int or not 1 <= number <= self.n:
            raise CorpusError(
                f"There is no item {number!r}.", f"Items are numbered from 1 to {self.n}."
            )
        return self.chosen[number - 1]

    def __repr__(self) -> str:
        lines = [f"QuerySample of '{self.query}' in '{self.provenance['corpus']}', key {self.key}"]
        for kind, one in self.frames.items():
            drawn = sum(other == kind for other, _ in self.chosen)
            lines.append(f"  {kind}: {drawn:,} of {one.n:,}")
        return "\n".join(lines)


def sample_query(
    corpus: Corpus,
    query: str,
    *,
    net: str | None = None,
    net_forms: Forms = "surface",
    per: str = "decade",
    forms: Forms = "surface",
    without: Collection[str] = (),
    media: Media = "separate",
    draw: Draw = DEFAULT_DRAW,
) -> QuerySample:
    """Draw a sample of what a query finds and misses, to be marked yes, no or unsure.

    Parameters
    ----------
    query, forms, without
        As in `kblib.ngrams.trends.ngram_trend`.
    net, net_forms
        A wider search, whose other occurrences are the misses. Without one only the precision can
        be known, not the recall.
    per
        ``year``, ``decade``, or any column; a decade has marks enough sooner than a year.
    media
        ``separate``: strata for each medium. ``together``: none.
    draw
        How many items of each kind, and the seed.

    Raises
    ------
    CorpusError
        If the query finds nothing, or the net finds nothing that the query does not.

    Examples
    --------
    >>> films = Corpus.from_texts(["sol", "solen", "solrosor", "regn"], year=1931)
    >>> sample_query(films, "sol", net="sol*", draw=Draw(hits=1, misses=2))
    QuerySample of 'sol' in 'texts', key ...
      hit: 1 of 1
      miss: 2 of 2
      rest: 0 of 1
    """
    if not isinstance(draw, Draw):
        raise CorpusError(f"draw is {draw!r}.", "A Draw was expected.", "draw=Draw(hits=100)")
    index = index_corpus(corpus)
    columns = _series_columns(index, media)
    unit = unit_of(index, None)
    cells = cells_of(index, unit, per, columns)
    found = search(index, query, forms=forms, without=without)
    wider = None if net is None else search(index, net, forms=net_forms)
    frames = frames_of(index, cells, found, wider)
    asked: dict[str, Any] = {
        "query": query,
        "without": left_out(without),
        "net": net,
        "per": per,
        "media": media,
        "unit": unit,
        "passage_words": PASSAGE,
        "seed": draw.seed,
    }
    key = _key(corpus, frames, {**asked, "forms": forms, "net_forms": net_forms})
    asked |= {"forms": how_forms(forms), "net_forms": how_forms(net_forms)}
    _check(frames, query, net)
    about = index.provenance(**asked)
    labels = _labels(index, per, columns)
    sample = QuerySample(index, query, cells, labels, frames, pl.DataFrame(), [], key, about)
    return _drawn(sample, draw)


def _drawn(empty: QuerySample, wanted: Draw) -> QuerySample:
    turns = sorted(one for kind in empty.frames for one in _turns(empty, kind, wanted))
    chosen = [(kind, place) for _, kind, place, _ in turns]
    rows = _rows(empty, chosen).with_columns(
        probability=pl.Series([chance for *_, chance in turns], dtype=pl.Float64)
    )
    return replace(empty, rows=rows, chosen=chosen)


def _turns(
    empty: QuerySample, kind: Kind, wanted: Draw
) -> Iterator[tuple[float, Kind, int, float]]:
    """Yield turn, kind, place and chance of each item drawn; turns spread each stratum evenly."""
    one = empty.frames[kind]
    stratum = empty.stratum_of(one)
    if kind == "rest":
        stratum = stratum // len(empty.periods)
    sizes = [int(n) for n in np.bincount(stratum, minlength=1)]
    for number, n in enumerate(allot(wanted.of(kind), sizes)):
        there = np.flatnonzero(stratum == number)
        order, turns = drawn(_own_words(empty.index, one)[there], n, f"{wanted.seed} {kind}")
        for turn, place in zip(turns.tolist(), there[order].tolist(), strict=True):
            yield turn, kind, place, n / sizes[number]


def _own_words(index: Index, one: Frame) -> Ints:
    """Return the first word of each item, counted in the corpus's own documents only.

    A corpus that was filtered and the same one saved and opened again so give the same draw.
    """
    before = np.cumsum(index.document_words) - index.document_words
    return before[one.documents] + one.positions - index.text.word_starts[one.documents]


def _rows(sample: QuerySample, chosen: list[tuple[Kind, int]]) -> pl.DataFrame:
    index, frames = sample.index, sample.frames
    documents = np.array([frames[kind].documents[at] for kind, at in chosen], dtype=np.int64)
    positions = np.array([frames[kind].positions[at] for kind, at in chosen], dtype=np.int64)
    of_kind = {kind: sample.stratum_of(one) for kind, one in frames.items()}
    strata = [sample.labels[int(of_kind[kind][at])] for kind, at in chosen]
    words = (positions - index.text.word_starts[documents] + 1).tolist()
    names = column_values(index, "id", documents)
    return pl.DataFrame(
        {
            "number": np.arange(1, len(chosen) + 1),
            "item": [f"{name}#{word}" for name, word in zip(names, words, strict=True)],
            "kind": [kind for kind, _ in chosen],
            "series": [series for series, _ in strata],
            "period": [period for _, period in strata],
            "document": names,
            "word": words,
            "unit": column_values(index, sample.provenance["unit"], documents),
        }
    )


def _labels(index: Index, per: str, columns: tuple[str, ...]) -> list[tuple[str, Any]]:
    _, strata = strata_of(index, columns)
    names = [name_of(stratum[0]) if stratum else ALL for stratum in strata]
    return [(name, period) for name in names for period in periods_of(index, per).labels]


def _series_columns(index: Index, media: Media) -> tuple[str, ...]:
    if media not in ("separate", "together"):
        raise CorpusError(f"media is {media!r}.", "There are: separate, together.")
    return (MEDIUM,) if media == "separate" and len(media_of(index)) >= SEVERAL else ()


def _key(corpus: Corpus, frames: dict[Kind, Frame], asked: dict[str, Any]) -> str:
    """Return what tells one draw from another; not the version, so that marks outlive it."""
    what = {**asked, "corpus": corpus.fingerprint, "words": DEFINITION}
    what["sizes"] = [one.n for one in frames.values()]
    text = json.dumps(what, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def _check(frames: dict[Kind, Frame], query: str, net: str | None) -> None:
    if not frames["hit"].n:
        raise CorpusError(
            f"The query '{query}' finds nothing of known period in this corpus.",
            "At least one hit was expected, to be looked at.",
            f'What there is: kb.concordance(corpus, "{query}")',
        )
    if "miss" in frames and not frames["miss"].n:
        raise CorpusError(
            f"The net '{net}' finds nothing that the query '{query}' does not.",
            "A wider one was expected.",
            f"net='{query.split(maxsplit=1)[0]}*', or net_forms='lemma'",
        )
