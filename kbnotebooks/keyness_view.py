"""The view of keyness: which words mark one corpus against another, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np
import pandas as pd
import polars as pl

from kblib.ngrams.keyness import KeynessTable
from kbnotebooks import _html, figures
from kbnotebooks._counted import notes_html
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIZES = (5, 10, 15, 25, 40)
LIMITS = (0.05, 0.01, 0.001)
_NUMBERS = {
    "count": ",.0f", "reference_count": ",.0f",
    "per_million": ",.1f", "reference_per_million": ",.1f",
    "log_ratio": ".2f", "low": ".2f", "high": ".2f",
    "g2": ",.1f", "q_value": ".2g",
    "units": ",.0f", "reference_units": ",.0f",
}  # fmt: skip
"""Columns of the table, and how their numbers are written."""


class KeynessView(View):
    """See the words that mark two corpora against each other as a two-sided chart.

    Parameters
    ----------
    table
        What `kb.keyness` returned.
    names
        What to call the two corpora; their own names if None.
    n
        Words on each side.

    Attributes
    ----------
    selection
        ``n`` and the limit ``q`` of the false discovery rate (None: all), as a dictionary; may be
        set.
    shown
        The words in the picture (pandas): the corpus's own first, then those of the reference.
    table
        All words (pandas).
    """

    def __init__(
        self, table: KeynessTable, *, names: tuple[str, str] | None = None, n: int = 10
    ) -> None:
        super().__init__()
        self.keyness, self._names, self._wanted = table, names, n
        self._n = w.Dropdown(description=say("Words a side"))
        self._q = w.Dropdown(description=say("False finds"))
        self._body = w.HTML()
        self._lay_out(w.HBox([self._n, self._q]), self._body)
        self._try(self._open)
        self._on(self._n, "value", self._show)
        self._on(self._q, "value", self._show)

    @property
    def selection(self) -> dict[str, Any]:
        """How many words are shown, and the limit of the false discovery rate."""
        return {"n": self._n.value, "q": self._q.value}

    @selection.setter
    def selection(self, wanted: dict[str, Any]) -> None:
        self._try(lambda: self._select(**entries_of(wanted, self.selection)))

    @property
    def table(self) -> pd.DataFrame:
        """All words with all measures."""
        return self.keyness.table

    @property
    def shown(self) -> pd.DataFrame:
        """The words in the picture."""
        return pd.concat([side.to_pandas() for side in self._sides()], ignore_index=True)

    @property
    def names(self) -> tuple[str, str]:
        """What the corpus and its reference are called."""
        if self._names is not None:
            return self._names
        said = self.keyness.provenance
        own, other = str(said["corpus"]), str(said["reference"]["corpus"])
        return (own, other) if own != other else (say("the corpus"), say("the reference"))

    def _open(self) -> None:
        if not isinstance(self.keyness, KeynessTable):
            raise ViewError(
                say("KeynessView got {kind}.", kind=type(self.keyness).__name__),
                say("What keyness returns was expected."),
                "kb.KeynessView(kb.keyness(films, reference))",
            )
        _check_size(self._wanted)
        self._n.options = [(str(n), n) for n in sorted({*SIZES, self._wanted})]
        self._n.value = self._wanted
        self._q.options = [(say("all words"), None)]
        if self.keyness.rows["q_value"].is_not_null().any():
            limits = [(say("at most {share:.1%}", share=one), one) for one in LIMITS]
            self._q.options = [*self._q.options, *limits]
        self._q.value = None
        self._show()

    def _select(self, **wanted: Any) -> None:
        for name, value in wanted.items():
            control = {"n": self._n, "q": self._q}[name]
            if name == "n":
                _check_size(value)
            control.options = _with(control.options, value)
            control.value = value

    def _sides(self) -> list[pl.DataFrame]:
        rows = self.keyness.rows
        if self._q.value is not None:
            rows = rows.filter(pl.col("q_value") <= self._q.value)
        own = rows.filter(pl.col("log_ratio") > 0).head(self._n.value)
        other = rows.filter(pl.col("log_ratio") < 0).tail(self._n.value).reverse()
        return [own, other]

    def _show(self) -> None:
        self._body.value = ""
        self._body.value = _html.wrap(self._body_html())

    def _body_html(self) -> str:
        sides = self._sides()
        notes = notes_html(self.keyness.warnings)
        if not any(side.height for side in sides):
            return f"<p>{_html.text(say('No word passes this limit.'))}</p>{notes}"
        explained = say(
            "A log ratio of 1 means twice as frequent, of 2 four times. Lines: intervals that know "
            "that words of one text hang together. q: the share of false finds among the words "
            "that are at least as sure, by comparing whole texts."
        )
        picture = figures.figure(self._figure(), alt=self._in_words(sides))
        tables = "".join(
            _table(say("Marks {name}", name=name), side)
            for name, side in zip(self.names, sides, strict=True)
        )
        below = f"<p class='kb-quiet'>{_html.text(explained)}</p>{notes}"
        return picture.html + below + _html.details(say("The numbers"), tables)

    def _in_words(self, sides: list[pl.DataFrame]) -> str:
        said = [say("Bars of the log ratio of {n} words.", n=sum(side.height for side in sides))]
        for name, side in zip(self.names, sides, strict=True):
            best = [
                say("'{word}' ({times:.3g} times as frequent)", word=word, times=2 ** abs(ratio))
                for word, ratio in side.select("word", "log_ratio").head(3).iter_rows()
            ]
            said.append(say("Most marked in {name}: {words}.", name=name,
                            words=", ".join(best) or say("none")))  # fmt: skip
        return " ".join(said)

    def _still(self) -> str:
        return self._body.value

    def _figure(self) -> Figure:
        rows = pl.concat(self._sides())
        fig, axes = figures.canvas(8.0, 0.24 * max(rows.height, 4) + 0.9)
        at = np.arange(rows.height)[::-1]
        ratio = rows["log_ratio"].to_numpy()
        own = ratio > 0
        axes.barh(at[own], ratio[own], color=_html.ACCENT, height=0.7)
        axes.barh(at[~own], ratio[~own], color="white", edgecolor=_html.QUIET, hatch="/////",
                  height=0.7, linewidth=0.6)  # fmt: skip
        low, high = (rows[name].cast(pl.Float64).to_numpy() for name in ("low", "high"))
        axes.hlines(at, low, high, color=_html.INK, linewidth=1.1)
        axes.set_yticks(at, rows["word"].to_list())
        axes.axvline(0, color=_html.INK, linewidth=0.8)
        axes.grid(visible=False)
        axes.grid(axis="x", color=_html.FAINT, linewidth=0.6)
        left, right = self.names[1], self.names[0]
        axes.set_xlabel(say("◂ more in {left}      log ratio (base 2)      more in {right} ▸",
                            left=left, right=right))  # fmt: skip
        return fig


def _table(caption: str, rows: pl.DataFrame) -> str:
    heads = (say("word"), say("count"), say("in the reference"), say("per million"),
             say("per million there"), say("log ratio"), say("from"), say("to"), "G²", "q",
             say("texts"), say("texts there"))  # fmt: skip
    columns = [_html.Column(head, place > 0) for place, head in enumerate(heads)]
    cells = [
        (word, *map(_written, values, _NUMBERS.values()))
        for word, *values in rows.select("word", *_NUMBERS).iter_rows()
    ]
    return _html.table(caption, columns, cells)


def _written(value: float | None, spec: str) -> str:
    return "" if value is None else number(value, spec)


def _with(options: Any, value: Any) -> list[Any]:
    """Return the options of a list, with a value that may not be among them yet."""
    there = value in [known for _, known in options]
    return list(options) if there else [*options, (str(value), value)]


def _check_size(n: Any) -> None:
    if type(n) is not int or n < 1:
        raise ViewError(
            say("n is {given}.", given=repr(n)),
            say("A number of words was expected, from 1 on."),
            "n=10",
        )
