"""The view of semantic change: when a word's company changed, which words came and went, lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as w
import numpy as np
import pandas as pd
import polars as pl

from kblib.ngrams.change_evidence import Side
from kblib.ngrams.change_result import SemanticChange
from kbnotebooks import _html, figures
from kbnotebooks._counted import notes_html
from kbnotebooks._errors import ViewError
from kbnotebooks._kwic import lines_html
from kbnotebooks._view import View
from kbnotebooks._words import later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WAYS = {"went": later("Words that went"), "came": later("Words that came")}
SIDES: dict[Side, str] = {
    "before": later("Lines before {year}"),
    "after": later("Lines from {year} on"),
}
LEVEL = 0.05


class ContextChangeView(View):
    """See when the company of a word changed, and what shows it.

    Parameters
    ----------
    change
        What `kb.semantic_change` returned.
    n
        How many words and lines to show of each side.

    Attributes
    ----------
    selection
        The query that is shown; may be set.
    words
        The words that came and went (pandas), the strongest first.
    table
        A row a query: date, p-values, drift (pandas).
    """

    def __init__(self, change: SemanticChange, *, n: int = 6) -> None:
        super().__init__()
        self.change, self.n = change, n
        self._word = w.Dropdown(description=say("Word"))
        self._body = w.HTML()
        self._lay_out(self._word, self._body)
        self._try(self._open)
        self._on(self._word, "value", self._show)

    @property
    def selection(self) -> str | None:
        """The query that is shown."""
        return self._word.value

    @selection.setter
    def selection(self, query: str) -> None:
        self._try(lambda: self._select(query))

    @property
    def table(self) -> pd.DataFrame:
        """A row a query: date, p-values, drift."""
        return self.change.table

    @property
    def words(self) -> pd.DataFrame:
        """The words that came near the query, and those that went."""
        return self.change.changed(self.selection)

    def _open(self) -> None:
        if not isinstance(self.change, SemanticChange):
            raise ViewError(
                say("ContextChangeView got {kind}.", kind=type(self.change).__name__),
                say("What semantic_change returns was expected."),
                "kb.ContextChangeView(kb.semantic_change(films, 'kriget'))",
            )
        if type(self.n) is not int or self.n < 1:
            raise ViewError(
                say("n is {given}.", given=repr(self.n)),
                say("A number of words was expected, from 1 on."),
                "n=6",
            )
        self._word.options = self.change.queries
        self._word.value = self.change.queries[0]
        self._show()

    def _select(self, query: str) -> None:
        if query not in self.change.queries:
            raise ViewError(
                say("'{word}' is not among the words of this view.", word=query),
                say("There are: {names}.", names=", ".join(self.change.queries)),
            )
        self._word.value = query

    def _show(self) -> None:
        self._body.value = ""
        picture = figures.figure(self._figure(), alt=self._in_words())
        explained = say(
            "How much the company of '{query}' before each date differs from that after it. "
            "Grey: where 95 % lie when the dates of whole films are exchanged. Dashed: 95 % of the "
            "largest of all dates lie below; only what is above it is more than chance.",
            query=self._row["query"],
        )
        said = "".join(f"<p>{_html.text(one)}</p>" for one in (self._verdict(), explained))
        self._body.value = _html.wrap(
            picture.html + said + notes_html(self.change.warnings)
            + self._words_html() + self._lines_html() + self._numbers_html()
        )  # fmt: skip

    @property
    def _row(self) -> dict[str, object]:
        return self.change.rows.row(self.change.queries.index(self._word.value), named=True)

    @property
    def _curve(self) -> pl.DataFrame:
        return self.change.curve.filter(pl.col("query") == self._row["query"])

    @property
    def _year(self) -> int:
        return self.change.of(self.selection).best.year

    def _verdict(self) -> str:
        """Say in a sentence or two what was found."""
        row = self._row
        several = len(self.change.queries) > 1
        p = float(str(row["p_all" if several else "p"]))
        asked = {"query": row["query"], "before": row["before"], "after": row["after"], "p": p}
        said = (
            say(
                "'{query}' changed its company between {before} and {after} (p = {p:.3f}).", **asked
            )
            if p <= LEVEL
            else say(
                "'{query}' differs most between {before} and {after}, but not more than chance "
                "allows (p = {p:.3f}).",
                **asked,
            )
        )
        if row["drift"] is None:
            return said
        share = say(
            "Of words of like frequency, {drift:.0%} changed no less.",
            drift=float(str(row["drift"])),
        )
        return f"{said} {share}"

    def _in_words(self) -> str:
        curve, row = self._curve, self._row
        said = say(
            "A line of how much the contexts of '{query}' before and after each date differ, "
            "{first} to {last}, beside a grey band of exchanged dates. It is highest at {year}: "
            "{z:.1f} standard deviations; the limit for the largest is {limit:.1f}.",
            query=row["query"],
            first=str(curve["year"][0]),
            last=str(curve["year"][-1]),
            year=str(self._year),
            z=row["z"],
            limit=curve["limit"][0],
        )
        return f"{said} {self._verdict()}"

    def _words_html(self) -> str:
        rows = self.change.changed_rows(self.selection)
        return "".join(
            ["<div class='kb-side'>"]
            + [_words_table(rows.filter(pl.col("way") == way).head(self.n), say(title))
               for way, title in WAYS.items()]
            + ["</div>"]
        )  # fmt: skip

    def _lines_html(self) -> str:
        tables = []
        for side, title in SIDES.items():
            rows = self.change.lines(side, self.selection, n=self.n).rows()
            tables.append(lines_html(rows, say(title, year=str(self._year))))
        return "".join(tables)

    def _numbers_html(self) -> str:
        heads = (say("date"), say("uses before"), say("uses after"), say("texts before"),
                 say("texts after"), say("difference"), say("95 % by chance"))  # fmt: skip
        columns = [_html.Column(head, place > 0) for place, head in enumerate(heads)]
        rows = [
            (str(year), *(number(one) for one in counts), number(z, ".2f"), number(band, ".2f"))
            for year, *counts, z, band in self._curve.select(
                "year", "uses_before", "uses_after", "films_before", "films_after", "z", "band"
            ).iter_rows()
        ]
        caption = say("Dates of change of '{query}'", query=self._row["query"])
        return _html.details(say("The numbers"), _html.table(caption, columns, rows))

    def _still(self) -> str:
        return self._body.value

    def _figure(self) -> Figure:
        if self.selection is None:
            raise ViewError(say("There is nothing to draw."), say("The message below says why."))
        return draw(self._curve, self._year)


def draw(curve: pl.DataFrame, best: int) -> Figure:
    """Draw the statistic by date, beside what exchanged dates give."""
    fig, axes = figures.canvas(7.6, 2.8)
    at = np.arange(curve.height)
    z, band, limit = (curve[name].to_numpy() for name in ("z", "band", "limit"))
    bottom, top = min(z.min(), -1.0) - 0.4, max(z.max(), limit.max()) * 1.15
    # A band of one date still has a width.
    wide = np.concatenate([[at[0] - 0.4], at, [at[-1] + 0.4]])
    high = np.concatenate([band[:1], band, band[-1:]])
    axes.fill_between(wide, bottom, high, color=_html.FAINT, linewidth=0)
    axes.axhline(limit[0], color=_html.QUIET, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(at, z, color=_html.ACCENT, marker="o", markersize=4, linewidth=1.8)
    place = curve["year"].to_list().index(best)
    axes.plot(place, z[place], color=_html.ACCENT, marker="o", markersize=9)
    axes.annotate(str(best), (place, z[place]), (0, 8), textcoords="offset points",
                  ha="center", fontsize=9, fontweight="bold")  # fmt: skip
    axes.set_xticks(at, [str(year) for year in curve["year"]])
    axes.set_xlim(wide[0], wide[-1])
    axes.set_ylim(bottom, top)
    axes.grid(visible=False)
    axes.set_xlabel(say("contexts before and from this year on"))
    axes.set_ylabel(say("difference\n(standard deviations)"))
    axes.text(wide[-1], limit[0], say("largest by chance"), fontsize=8, color=_html.QUIET,
              ha="right", va="bottom")  # fmt: skip
    return fig


def _words_table(rows: pl.DataFrame, caption: str) -> str:
    heads = (say("word"), say("texts before"), say("texts after"))
    columns = [_html.Column(head, place > 0) for place, head in enumerate(heads)]
    cells = [
        (
            word,
            f"{number(before)} ({number(share, '.0%')})",
            f"{number(after)} ({number(far, '.0%')})",
        )
        for word, before, after, share, far in rows.select(
            "word", "films_before", "films_after", "share_before", "share_after"
        ).iter_rows()
    ]
    return f"<div>{_html.table(caption, columns, cells)}</div>"
