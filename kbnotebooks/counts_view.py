"""The view of corrected counts: what a model counted, and what it would have without errors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np
import polars as pl

from kblib.evaluation.counts import CorrectedCounts
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import heard, later, number, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

ABOUT: dict[str, str] = {
    "films": later("for all that the texts of the corpus are a sample of"),
    "corpus": later("for the texts of this corpus alone"),
}
BOUNDS = (("at_most", "v", later("at most")), ("at_least", "^", later("at least")))
"""Columns of bounds, with their marks."""
BESIDE = 0.12
"""How far the two marks of a period stand from its middle, in periods; bars must not touch."""
EVERY = "all"
MOST_TICKS = 14
"""Periods that are named below the picture; of more each second, or third."""


class CountsView(View):
    """See the share of texts that a model counted beside the one corrected by a reader's labels.

    Parameters
    ----------
    counts
        What `kb.corrected_counts` returned.
    within
        Half the length of an interval that would be short enough; the table says how many labels
        a period needs for it.

    Attributes
    ----------
    selection
        The period whose row is spelled out, or ``all``; may be set.
    table
        Both shares (pandas).
    """

    def __init__(self, counts: CorrectedCounts, *, within: float = 0.05) -> None:
        super().__init__()
        self.counts = counts
        self.within = within
        self._picture = w.HTML()
        self._period = w.Dropdown(description=say("Period"), layout=w.Layout(width="17rem"))
        self._lay_out(self._period, self._picture)
        self._try(self._open)
        self._on(self._period, "value", self._draw)

    @property
    def selection(self) -> Any:
        """The period whose row is spelled out."""
        return self._period.value

    @selection.setter
    def selection(self, period: Any) -> None:
        self._try(lambda: self._select(period))

    @property
    def table(self) -> pd.DataFrame:
        """Both shares: one row a period, and one of all."""
        return self.counts.table

    def _open(self) -> None:
        if type(self.counts) is not CorrectedCounts:
            kind = type(self.counts).__name__
            raise ViewError(
                say("CountsView got {kind}, which are no corrected counts.", kind=kind),
                say("Corrected counts are what corrected_counts returns."),
                'kb.CountsView(kb.corrected_counts(sample, predictions, labels, label="..."))',
            )
        needed = self.counts.labels_needed(self.within)["needed"]
        self._needed = [number(one) if one > 0 else "" for one in needed.fillna(0)]
        options = [(_said(one), _value(one)) for one in self.counts.rows["period"].to_list()]
        self._period.options = options
        self._period.value = options[-1][1]
        self._draw()

    def _select(self, period: Any) -> None:
        known = [value for _, value in self._period.options]
        if period not in known:
            raise ViewError(
                say("There is no period {period!r}.", period=period),
                say("There are: {names}.", names=", ".join(map(str, known))),
            )
        self._period.value = period

    def _draw(self) -> None:
        picture = figures.figure(self._figure(), alt=in_words(self.counts))
        self._picture.value = _html.wrap(picture.html + self._beside())

    def _beside(self) -> str:
        about = self.counts.provenance
        explained = say(
            "{share:.0%} intervals from {n:,} labels, {about}. Without a bar: too few labels or "
            "texts, no interval; an open triangle is a bound, which over all samples, those with "
            "a bar too, fails half as often.",
            share=about["confidence"],
            n=about["labels"],
            about=say(ABOUT[about["about"]]),
        )
        quiet = f"<p class='kb-quiet'>{_html.text(explained)}</p>"
        notes = "".join(f"<p>{_html.text(heard(one))}</p>" for one in self.counts.warnings)
        return f"<p>{_html.text(self._spelled())}</p>{quiet}{notes}{self._table_html()}"

    def _spelled(self) -> str:
        """Say the selected row in a sentence that could stand in an article."""
        wanted = None if self.selection == EVERY else self.selection
        rows = self.counts.rows.filter(pl.col("period").eq_missing(wanted))
        row = rows.row(0, named=True)
        if math.isnan(row["low"]):
            bound, note = _bound(row), heard(row["note"])
            if bound:
                return say("{bound} of {texts:,} texts; {note}.", bound=bound, texts=row["texts"],
                           note=note)  # fmt: skip
            return say("{period}: {note}.", period=_said(row["period"]), note=note)
        return say(
            "{period}: {share:.1%} of {texts:,} texts ({low:.1%} to {high:.1%}); the model counted "
            "{counted:.1%}.",
            period=_said(row["period"]),
            **{name: row[name] for name in ("share", "texts", "low", "high", "counted")},
        )

    def _still(self) -> str:
        return self._picture.value

    def _figure(self) -> Figure:
        rows = self.counts.rows
        labels = [_said(one) for one in rows["period"].to_list()]
        at = np.arange(len(labels), dtype=float)
        fig, axes = figures.canvas(height=3.2)
        counted, least, most, share, low, high = (
            100 * rows[name].to_numpy()
            for name in ("counted", "counted_least", "counted_most", "share", "low", "high")
        )
        look: dict[str, Any] = {"linestyle": "", "markersize": 5}
        axes.plot(
            at - BESIDE, counted, marker="s", color=_html.QUIET, markerfacecolor="white",
            label=say("as the model counts"), **look,
        )  # fmt: skip
        axes.vlines(at - BESIDE, least, most, color=_html.QUIET, linewidth=1.2)
        axes.plot(
            at + BESIDE, share, marker="o", color=_html.ACCENT, label=say("corrected"), **look
        )
        axes.vlines(at + BESIDE, low, high, color=_html.ACCENT, linewidth=1.8)
        for name, marker, said in BOUNDS:
            bound = 100 * rows[name].to_numpy()
            if np.isfinite(bound).any():
                axes.plot(
                    at + BESIDE, bound, marker=marker, color=_html.ACCENT,
                    markerfacecolor="white", label=say(said), **look,
                )  # fmt: skip
        named = _named(len(labels))
        axes.set_xticks(at[named], [labels[one] for one in named])
        axes.set_xlim(-0.5, len(labels) - 0.5)
        axes.set_ylabel(say("share of texts, per cent"))
        axes.set_ylim(bottom=0)
        axes.set_title(self.counts.provenance["label"], fontsize=9, loc="left", color=_html.INK)
        fig.legend(frameon=False, fontsize=9, loc="outside upper left", ncols=4)
        return fig

    def _table_html(self) -> str:
        points = round(100 * self.within, 6)
        needed = (
            say("labels for ±1 point")
            if points == 1
            else say("labels for ±{points:g} points", points=points)
        )
        names = (say("period"), say("texts"), say("as the model counts"), say("corrected"),
                 say("from"), say("to"), say("labels"), needed, say("note"))  # fmt: skip
        heads = [_html.Column(name, 0 < place < 8) for place, name in enumerate(names)]
        table = []
        for row, enough in zip(self.counts.rows.iter_rows(named=True), self._needed, strict=True):
            table.append(
                (_said(row["period"]), number(row["texts"]), _share(row["counted"]),
                 _share(row["share"]), _share(row["low"]) or _share(row["at_least"], "≥ "),
                 _share(row["high"]) or _share(row["at_most"], "≤ "), number(row["labels"]),
                 enough, heard(row["note"]))
            )  # fmt: skip
        return _html.table(say("Shares of texts"), heads, table)


def in_words(counts: CorrectedCounts) -> str:
    """Say what the picture shows, for those who do not see it."""
    about = say("The share of '{label}' by period.", label=counts.provenance["label"])
    said = [one for row in counts.rows.iter_rows(named=True) if (one := _row_in_words(row))]
    return " ".join([about, *(said or [say("No period has labels enough for an interval.")])])


def _row_in_words(row: dict[str, Any]) -> str:
    if math.isnan(row["low"]):
        return f"{bound}." if (bound := _bound(row)) else ""
    return say(
        "{period}: {share:.1%} corrected ({low:.1%} to {high:.1%}), {counted:.1%} as the model "
        "counts.",
        period=_said(row["period"]),
        **{name: row[name] for name in ("share", "low", "high", "counted")},
    )


def _bound(row: dict[str, Any]) -> str:
    """Say the bound of a period without an interval; nothing if there is none."""
    period = _said(row["period"])
    if not math.isnan(row["at_most"]):
        return say("{period}: at most {share:.1%}", period=period, share=row["at_most"])
    if not math.isnan(row["at_least"]):
        return say("{period}: at least {share:.1%}", period=period, share=row["at_least"])
    return ""


def _said(period: Any) -> str:
    return say("all") if period is None else str(period)


def _named(n: int) -> list[int]:
    """Return which of so many periods are named below the picture; the last, of all, always is."""
    step = math.ceil(n / MOST_TICKS)
    return [*range(0, n - step, step), n - 1]


def _value(period: Any) -> Any:
    return EVERY if period is None else period


def _share(value: float, sign: str = "") -> str:
    return "" if math.isnan(value) else sign + number(value, ".1%")
