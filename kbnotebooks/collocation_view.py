"""The view of collocations: the company a word keeps, by one measure or another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as w
import numpy as np
import pandas as pd
import polars as pl

from kblib.ngrams.collocations import MEASURES, CollocationTable
from kbnotebooks import _html, figures
from kbnotebooks._counted import forms_html, notes_html
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURE_NAMES = {
    "log_dice": later("log-Dice: frequent company"),
    "g2": later("G²: surprising company"),
    "pmi": later("PMI: exclusive company"),
    "near": later("times near"),
}
_SPECS = {"near": ",.0f", "count": ",.0f", "expected": ",.1f", "pmi": ".2f", "log_dice": ".2f",
          "g2": ",.1f", "units": ",.0f"}  # fmt: skip


class CollocationView(View):
    """See which words stand near a word more often than elsewhere.

    Parameters
    ----------
    table
        What `kb.collocations` returned.
    n
        How many words to show.

    Attributes
    ----------
    selection
        The measure that sorts: ``log_dice``, ``g2``, ``pmi`` or ``near``; may be set.
    shown
        The words in the picture (pandas).
    table
        All words (pandas).
    """

    def __init__(self, table: CollocationTable, *, n: int = 15) -> None:
        super().__init__()
        self.collocations, self.n = table, n
        self._measure = w.Dropdown(
            options=[(say(MEASURE_NAMES[one]), one) for one in MEASURES],
            description=say("Sort"),
            layout=w.Layout(width="22rem"),
        )
        self._body = w.HTML()
        self._lay_out(self._measure, self._body)
        self._try(self._open)
        self._on(self._measure, "value", self._show)

    @property
    def selection(self) -> str:
        """The measure that sorts."""
        return str(self._measure.value)

    @selection.setter
    def selection(self, measure: str) -> None:
        self._try(lambda: self._select(measure))

    @property
    def table(self) -> pd.DataFrame:
        """All words with all measures."""
        return self.collocations.table

    @property
    def shown(self) -> pd.DataFrame:
        """The words in the picture."""
        return self._best().to_pandas()

    def _open(self) -> None:
        if not isinstance(self.collocations, CollocationTable):
            raise ViewError(
                say("CollocationView got {kind}.", kind=type(self.collocations).__name__),
                say("What collocations returns was expected."),
                "kb.CollocationView(kb.collocations(films, 'kungen'))",
            )
        if type(self.n) is not int or self.n < 1:
            raise ViewError(
                say("n is {given}.", given=repr(self.n)),
                say("A number of words was expected, from 1 on."),
                "n=15",
            )
        self._measure.value = self.collocations.provenance["sort"]
        self._show()

    def _select(self, measure: str) -> None:
        if measure not in MEASURES:
            raise ViewError(
                say("There is no measure '{name}'.", name=measure),
                say("There are: {names}.", names=", ".join(MEASURES)),
            )
        self._measure.value = measure

    def _best(self) -> pl.DataFrame:
        rows = self.collocations.rows.sort(self.selection, "word", descending=[True, False])
        return rows.head(self.n)

    def _show(self) -> None:
        self._body.value = ""
        self._body.value = _html.wrap(self._body_html())

    def _body_html(self) -> str:
        found = self.collocations
        beside = notes_html(found.warnings) + forms_html(found.counted)
        if not found.rows.height:
            said = say(
                "No word is near '{query}' at least {n:,} times; min_count= sets how many.",
                query=found.provenance["query"],
                n=found.provenance["min_count"],
            )
            return f"<p>{_html.text(said)}</p>{beside}"
        picture = figures.figure(self._figure(), alt=self._in_words())
        return picture.html + beside + _html.details(say("The numbers"), _table(self._best()))

    def _in_words(self) -> str:
        asked, best = self.collocations.provenance, self._best()
        first = best.row(0, named=True)
        said = say(
            "Bars of {n} words near '{query}' ({hits:,} hits; {left} words before, {right} after), "
            "by {measure}. ",
            n=best.height,
            query=asked["query"],
            hits=self.collocations.hits,
            left=asked["left"],
            right=asked["right"],
            measure=say(MEASURE_NAMES[self.selection]),
        )
        return said + say(
            "The strongest is '{word}': {near:,} times near, where {expected:,.1f} would be "
            "expected; then {others}.",
            word=first["word"],
            near=first["near"],
            expected=first["expected"],
            others=", ".join(best["word"][1:4].to_list()) or say("none"),
        )

    def _still(self) -> str:
        return self._body.value

    def _figure(self) -> Figure:
        rows = self._best()
        fig, axes = figures.canvas(7.0, 0.25 * max(rows.height, 3) + 0.8)
        at = np.arange(rows.height)[::-1]
        values = rows[self.selection].cast(pl.Float64).to_numpy()
        bars = axes.barh(at, values, color=_html.ACCENT, height=0.7)
        labels = [number(value, _SPECS[self.selection]) for value in values]
        axes.bar_label(bars, labels, fontsize=8, padding=2)
        axes.set_yticks(at, rows["word"].to_list())
        axes.grid(visible=False)
        axes.margins(x=0.12)
        axes.set_xlabel(say(MEASURE_NAMES[self.selection]))
        query = self.collocations.provenance["query"]
        axes.set_title(say("near '{query}'", query=query), fontsize=9, loc="left")
        return fig


def _table(rows: pl.DataFrame) -> str:
    heads = (say("word"), say("times near"), say("in all"), say("expected"), "PMI", "log-Dice",
             "G²", say("texts"))  # fmt: skip
    columns = [_html.Column(head, place > 0) for place, head in enumerate(heads)]
    cells = [
        (word, *(number(v, spec) for v, spec in zip(values, _SPECS.values(), strict=True)))
        for word, *values in rows.select("word", *_SPECS).iter_rows()
    ]
    return _html.table(say("Words near"), columns, cells)
