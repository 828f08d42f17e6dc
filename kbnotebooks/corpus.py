"""The view of a corpus: how much there is of what and when, how clean it is, and the texts."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import polars as pl

from kblib.corpora import Corpus
from kbnotebooks import _html
from kbnotebooks._counted import more
from kbnotebooks._errors import ViewError
from kbnotebooks._timeline import PARTS, Timeline, as_html, draw, timeline, unit_of
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import known, later, say, say_n

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 12
"""Documents in the list: about one screen."""
_ALL = later("(all)")


class CorpusView(View):
    """See what is in a corpus: a timeline, the numbers behind it, and the documents of a year.

    Parameters
    ----------
    corpus
        A corpus whose documents have years.

    Attributes
    ----------
    selection
        The year and the film (or whatever the corpus is made of) that are listed, as a dictionary;
        may be set.
    documents
        The listed documents as a corpus.
    table
        The numbers behind the timeline (pandas).
    """

    def __init__(self, corpus: Corpus) -> None:
        super().__init__()
        self.corpus = corpus
        self._unit_column = unit_of(corpus) if isinstance(corpus, Corpus) else None
        self.timeline: Timeline | None = None
        self._picture = w.HTML()
        self._year = w.Dropdown(
            description=known("year").capitalize(), layout=w.Layout(width="16rem")
        )
        self._unit = w.Dropdown(description="", layout=w.Layout(width="20rem"))
        self._list = w.HTML()
        self._list.add_class("kb-documents")
        self._lay_out(self._picture, w.HBox([self._year, self._unit]), self._list)
        self._try(self._count)
        self._on(self._year, "value", self._offer_units)
        self._on(self._unit, "value", self._show)

    @property
    def table(self) -> Any:
        """The numbers behind the timeline: year, part, documents, words, share of known words."""
        return self.timeline.table.to_pandas() if self.timeline else None

    @property
    def selection(self) -> dict[str, Any]:
        """The year and unit that are listed."""
        unit = None if self._unit.value in (None, _ALL) else self._unit.value
        return (
            {"year": self._year.value, self._unit_column: unit}
            if self._unit_column
            else {"year": self._year.value}
        )

    @selection.setter
    def selection(self, wanted: dict[str, Any]) -> None:
        self._try(lambda: self._select(entries_of(wanted, self.selection)))

    @property
    def documents(self) -> Corpus:
        """The listed documents, as a corpus of their own."""
        chosen = self.selection
        year = chosen.pop("year")
        equals = {column: value for column, value in chosen.items() if value is not None}
        return self.corpus.filter(years=(year, year), **equals)

    def _count(self) -> None:
        if not isinstance(self.corpus, Corpus):
            raise ViewError(
                say("CorpusView got {kind}.", kind=type(self.corpus).__name__),
                say("A corpus was expected."),
                'kb.CorpusView(kb.load_sample("newsreels"))',
            )
        self.timeline = timeline(self.corpus)
        self._picture.value = _html.wrap(as_html(self.timeline))
        column = self._unit_column
        self._unit.description = known(column or "").capitalize()
        self._unit.layout.display = None if column else "none"
        counts = self.timeline.table.group_by("year").agg(pl.col("documents").sum()).sort("year")
        self._year.options = [(f"{year} ({_texts(n)})", year) for year, n in counts.iter_rows()]
        if counts.height:
            self._year.value = counts.sort("documents")["year"][-1]
            self._offer_units()

    def _offer_units(self) -> None:
        """Offer the films of the chosen year."""
        column = self._unit_column
        if column:
            rows = self.corpus.frame().filter(pl.col("year") == self._year.value).select(column)
            names = rows.unique().sort(column).collect().to_series().to_list()
            self._unit.options = [(say(_ALL), _ALL), *((name, name) for name in names)]
            self._unit.value = _ALL
        self._show()

    def _show(self) -> None:
        if self._year.value is not None:
            self._list.value = _html.wrap(self._documents_html())

    def _select(self, wanted: dict[str, Any]) -> None:
        years = self.timeline.years if self.timeline else []
        year = wanted.get("year", self._year.value)
        if year not in years:
            raise _no_such_year(year, years)
        self._year.value = year
        column = self._unit_column or ""
        name = wanted.get(column)
        if name is not None and name not in [there for _, there in self._unit.options]:
            there = [one for _, one in self._unit.options if one != _ALL]
            raise ViewError(
                say("{unit} '{name}' has no text in {year}.", unit=known(column).capitalize(),
                    name=name, year=year),
                say("There are {n} that have.", n=len(there)),
                say("The first: {names}.", names=", ".join(there[:3])),
            )  # fmt: skip
        self._unit.value = name or _ALL

    def _documents_html(self) -> str:
        shown, total, columns = self._listed()
        heads = tuple(_html.Column(known(c), numeric=c == "time") for c in columns)
        chosen = self.selection
        caption = ", ".join(str(value) for value in chosen.values() if value is not None)
        left = more(total - len(shown), "view.documents")
        return _html.table(f"{caption}: {_texts(total)}", heads, shown) + left

    def _listed(self) -> tuple[list[tuple[Any, ...]], int, list[str]]:
        chosen = self.selection
        rows = self.corpus.frame().filter(pl.col("year") == chosen["year"])
        if self._unit_column and chosen[self._unit_column] is not None:
            rows = rows.filter(pl.col(self._unit_column) == chosen[self._unit_column])
        names = rows.collect_schema().names()
        columns = [c for c in (self._unit_column, "start_s", *PARTS[:1], "text") if c in names]
        total = rows.select(pl.len()).collect().item()
        cells = [
            tuple(_clock(v) if c == "start_s" else v for c, v in zip(columns, row, strict=True))
            for row in rows.select(columns).head(SHOWN).collect().iter_rows()
        ]
        return cells, total, ["time" if c == "start_s" else c for c in columns]

    def _still(self) -> str:
        return self._picture.value + self._list.value

    def _figure(self) -> Figure:
        if self.timeline is None:
            raise ViewError(say("There is nothing to draw."), say("The message below says why."))
        return draw(self.timeline)


def _no_such_year(year: Any, years: list[int]) -> ViewError:
    if not isinstance(year, Integral):
        return ViewError(
            say("The year is {given}.", given=repr(year)), say("A whole number was expected.")
        )
    if not years:
        return ViewError(
            say("No text of this corpus is from {year}.", year=year), say("It has no years at all.")
        )
    near = sorted(sorted(years, key=lambda known: abs(known - int(year)))[:2])
    return ViewError(
        say("No text of this corpus is from {year}.", year=year),
        say("Its years lie between {first} and {last}.", first=min(years), last=max(years)),
        say("The nearest: {years}.", years=", ".join(map(str, near))),
    )


def _texts(n: int) -> str:
    return say_n(n, "{n:,} text", "{n:,} texts")


def _clock(seconds: float | None) -> str:
    """Return a place in a film as minutes and seconds: 3:07."""
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
