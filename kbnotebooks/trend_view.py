"""The view of a trend: the curve with all that belongs beside it, and the way to its films."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd
import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.ngrams.resampling import FEWEST_UNITS
from kblib.ngrams.trends import Trend
from kbnotebooks import _html, _trend_picture, figures
from kbnotebooks._clicks import LIST, ROOT, Strip, across, clickable
from kbnotebooks._counted import forms_html, more, notes_html
from kbnotebooks._errors import ViewError
from kbnotebooks._kwic import head, lines_html
from kbnotebooks._trend_sources import counted_again, films_in, lines_in, queries_of
from kbnotebooks._view import View
from kbnotebooks._words import heard, known, number, say, say_n

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILMS, LINES = 8, 8
"""Rows of the lists below the curve: about one screen for both."""
WINDOWS = (1, 3, 5, 7, 9, 11)


class TrendView(View):
    """Read words over time, and go from a point of the curve to its films and lines.

    The curve stands above the size, mix and noise of the corpus; a click on a year, or a choice in
    the list, shows its films and the hits in them.

    Parameters
    ----------
    trend
        What `kb.ngram_trend` returned.

    Attributes
    ----------
    selection
        The period that is chosen; may be set.
    trend
        The trend that is drawn: another one after the smoothing was changed.
    table
        The numbers of the curve (pandas).
    films
        The films of the chosen period with words and hits (pandas), most hits first.
    """

    def __init__(self, trend: Trend) -> None:
        super().__init__()
        self.trend = trend
        self._drawn: figures.Picture | None = None
        self._picture, self._films, self._lines = (w.HTML() for _ in range(3))
        narrow = w.Layout(width="17rem")
        self._smooth = w.Dropdown(description=say("Smoothing"), layout=narrow)
        self._period = w.Dropdown(description=say("Period"), layout=narrow)
        self._period.add_class(LIST)
        self._query = w.Dropdown(description=say("Lines of"), layout=narrow)
        controls = w.HBox([self._smooth, self._period, self._query])
        controls.layout.flex_flow = "row wrap"
        self._lay_out(self._picture, controls, self._films, self._lines)
        self._box.add_class(ROOT)
        self._try(self._open)
        self._on(self._smooth, "value", self._count_again)
        self._on(self._period, "value", self._show_period)
        self._on(self._query, "value", self._show_lines)

    @property
    def selection(self) -> Any:
        """The period that is chosen."""
        return self._period.value

    @selection.setter
    def selection(self, period: Any) -> None:
        self._try(lambda: self._select(period))

    @property
    def table(self) -> pd.DataFrame:
        """The numbers of the curve: one row a query, series and period."""
        return self.trend.table

    @property
    def films(self) -> pd.DataFrame:
        """The films (or whatever the corpus is made of) of the chosen period."""
        return pandas_of(films_in(self.trend, self.selection).lazy())

    @property
    def lines(self) -> pd.DataFrame:
        """All hits of the chosen query in the chosen period, in their context."""
        return lines_in(self.trend, self.selection, self._query.value).table

    def _open(self) -> None:
        self._check()
        now = self.trend.provenance["smooth"]
        self._smooth.options = [
            (say("none") if width == 1 else say("over {n} periods", n=width), width)
            for width in sorted({*WINDOWS, now})
        ]
        self._smooth.value = now
        self._draw()
        self._offer_queries()
        self._offer_periods()

    def _check(self) -> None:
        if not isinstance(self.trend, Trend):
            raise ViewError(
                say("TrendView got {kind}, which is no trend.", kind=type(self.trend).__name__),
                say("A trend is what ngram_trend returns."),
                "kb.TrendView(kb.ngram_trend(films, 'järnväg'))",
            )
        n, most = len(queries_of(self.trend)), len(_trend_picture.LOOKS)
        if n > most:
            raise ViewError(
                say("This trend has {n} queries.", n=n),
                say("Up to {n} curves can be told apart in one picture.", n=most),
                say("All numbers are in trend.table; draw some of them at a time."),
            )

    def _draw(self) -> None:
        fig, axes = _trend_picture.draw(self.trend)
        where = _trend_picture.places(self.trend)
        edges = [place + side * where.step / 2 for place in where.at for side in (-1, 1)]
        ends = across(fig, axes, edges)
        words = _trend_picture.in_words(self.trend)
        self._drawn = figures.figure(fig, alt=words)
        strips = [
            Strip(ends[2 * at], ends[2 * at + 1], place, f"{label}: {_hits_said(hits)}")
            for place, (at, label, hits) in enumerate(self._periods())
        ]
        self._picture.value = _html.wrap(clickable(self._drawn, strips) + self._beside())

    def _periods(self) -> list[tuple[int, Any, int]]:
        """Return place, label and hits of each period with words."""
        rows, labels = self.trend.rows, self.trend.sizes["period"].to_list()
        sums = rows.group_by("period", maintain_order=True).agg(
            pl.col("raw_hits").sum(), pl.col("raw_words").max()
        )
        there = zip(sums["period"], sums["raw_hits"], sums["raw_words"], strict=True)
        return [(labels.index(label), label, hits) for label, hits, words in there if words]

    def _offer_queries(self) -> None:
        queries = queries_of(self.trend)
        self._query.options, self._query.value = queries, queries[0]
        self._query.layout.display = None if len(queries) > 1 else "none"

    def _offer_periods(self) -> None:
        periods = self._periods()
        self._period.options = [
            (f"{label} ({_hits_said(hits)})", label) for _, label, hits in periods
        ]
        # There is most to see where there are most hits.
        self._period.value = max(periods, key=lambda one: one[2])[1]
        self._show_period()

    def _count_again(self) -> None:
        if self._smooth.value != self.trend.provenance["smooth"]:
            self.trend = counted_again(self.trend, self._smooth.value)
            self._draw()

    def _select(self, period: Any) -> None:
        if period not in [label for _, label in self._period.options]:
            self.trend.at(period)  # says which periods have words
        self._period.value = period

    def _show_period(self) -> None:
        self._films.value = self._lines.value = ""
        if self.selection is not None:
            self._films.value = _html.wrap(self._films_html())
            self._show_lines()

    def _show_lines(self) -> None:
        self._lines.value = _html.wrap(self._lines_html())

    def _films_html(self) -> str:
        films = films_in(self.trend, self.selection)
        columns = [_html.Column(head(name), name != films.columns[0]) for name in films.columns]
        rows = [map(_cell, row) for row in films.head(FILMS).iter_rows()]
        caption = say(
            "Sources of {period}, by {unit}: {n:,}",
            period=str(self.selection),
            n=films.height,
            unit=head(self.trend.provenance["unit"]),
        )
        return _html.table(caption, columns, map(list, rows)) + more(
            films.height - FILMS, "view.films"
        )

    def _lines_html(self) -> str:
        query = self._query.value
        found = lines_in(self.trend, self.selection, query)
        if not found.n:
            said = say("'{query}' has no hits in {period}.", query=query, period=self.selection)
            return f"<p>{_html.text(said)}</p>"
        caption = say_n(found.n, "{n:,} hit of '{query}' in {period}",
                        "{n:,} hits of '{query}' in {period}",
                        query=query, period=str(self.selection))  # fmt: skip
        table = lines_html(found.rows(0, LINES), caption)
        return table + more(found.n - LINES, "view.lines")

    def _beside(self) -> str:
        """Return all that must be read beside the curve."""
        trend = self.trend
        explained = say(
            "Bands: {confidence:.0%} intervals, by drawing whole texts ({unit}) again and again. "
            "Small open marks: fewer than {least} of them, no interval. Lowest: the share of "
            "running words that are in no other document, misread words and names.",
            confidence=trend.provenance["confidence"],
            unit=head(trend.provenance["unit"]),
            least=FEWEST_UNITS,
        )
        numbers = _html.details(say("The numbers"), _numbers(trend) + _sizes(trend))
        return (
            f"<p class='kb-quiet'>{_html.text(explained)}</p>{notes_html(trend.warnings)}"
            f"{forms_html(trend.counted)}{numbers}"
        )

    def _still(self) -> str:
        drawn = self._drawn.html + self._beside() if self._drawn is not None else ""
        return drawn + self._films.value + self._lines.value

    def _figure(self) -> Figure:
        return _trend_picture.draw(self.trend)[0]


def _numbers(trend: Trend) -> str:
    names = (say("query"), say("series"), say("period"), say("hits"), say("words"),
             say("per million"), say("from"), say("to"), say("texts"), say("note"))  # fmt: skip
    heads = [_html.Column(name, 3 <= place <= 8) for place, name in enumerate(names)]
    columns = ("query", "series", "period", "hits", "words", "per_million", "low", "high",
               "units", "note")  # fmt: skip
    rows = [
        (query, known(series), period,
         *(_written(value) for value in numbers), heard(note))
        for query, series, period, *numbers, note
        in trend.rows.filter(pl.col("words") > 0).select(columns).iter_rows()
    ]  # fmt: skip
    return _html.table(say("The curve"), heads, rows)


def _sizes(trend: Trend) -> str:
    sizes = trend.sizes.filter(pl.col("words") > 0)
    media = [name for name in sizes.columns if name.startswith(("medium ", "collection "))]
    names = (say("period"), say("documents"), say("texts"), say("words"), say("in no other text"))
    titles = (*names, *(known(name.partition(" ")[2]) for name in media))
    heads = [_html.Column(title, place > 0) for place, title in enumerate(titles)]
    columns = ("period", "documents", "units", "words", "rare_share", *media)
    rows = [
        (period, *map(number, counts[:3]), *(number(share, ".1%") for share in counts[3:]))
        for period, *counts in sizes.select(columns).iter_rows()
    ]
    return _html.table(say("The corpus: size, mix and noise"), heads, rows)


def _cell(value: Any) -> Any:
    if value is None:
        return say("(none)")
    return number(value) if isinstance(value, int) else value


def _written(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else number(value)


def _hits_said(n: int) -> str:
    return say_n(n, "{n:,} hit", "{n:,} hits")
