"""The view of a corrected trend: what was counted, and what a search without errors would count."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np
import polars as pl

from kblib.ngrams.corrected import CorrectedTrend
from kblib.ngrams.samples import ALL
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import heard, known, later, number, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COUNTED, CORRECTED = later("as counted"), later("corrected")
ABOUT: dict[str, str] = {
    "films": later("for all that the texts of the corpus are a sample of"),
    "corpus": later("for the texts of this corpus alone"),
}
BESIDE = 0.12
"""How far the two marks of a period stand from its middle, in periods; bars must not touch."""
MEASURES = (  # said by the library, in the language of the reader here
    later("precision"), later("recall in the net"), later("recall in the corpus"),
)  # fmt: skip
CURVES: tuple[tuple[str, tuple[str, str, str], float, dict[str, Any]], ...] = (
    (COUNTED, ("counted_per_million", "counted_low", "counted_high"), -BESIDE,
     {"color": _html.QUIET, "linestyle": "--", "marker": "s", "markerfacecolor": "white"}),
    (CORRECTED, ("per_million", "low", "high"), BESIDE,
     {"color": _html.ACCENT, "linestyle": "-", "marker": "o"}),
)  # fmt: skip


class CorrectedTrendView(View):
    """See a trend as it was counted beside the one corrected by marks, with precision and recall.

    Parameters
    ----------
    corrected
        What `kb.corrected_trend` returned.

    Attributes
    ----------
    selection
        The series that is drawn (a medium, or ``all``); may be set.
    table
        Both curves (pandas).
    """

    def __init__(self, corrected: CorrectedTrend) -> None:
        super().__init__()
        self.corrected = corrected
        self._picture = w.HTML()
        self._series = w.Dropdown(description=say("Series"), layout=w.Layout(width="17rem"))
        self._lay_out(self._series, self._picture)
        self._try(self._open)
        self._on(self._series, "value", self._draw)

    @property
    def selection(self) -> str:
        """The series that is drawn."""
        return str(self._series.value)

    @selection.setter
    def selection(self, series: str) -> None:
        self._try(lambda: self._select(series))

    @property
    def table(self) -> pd.DataFrame:
        """Both curves: one row a series and period."""
        return self.corrected.table

    def _open(self) -> None:
        if type(self.corrected) is not CorrectedTrend:
            kind = type(self.corrected).__name__
            raise ViewError(
                say("CorrectedTrendView got {kind}, which is no corrected trend.", kind=kind),
                say("A corrected trend is what corrected_trend returns."),
                "kb.CorrectedTrendView(kb.corrected_trend(trend, marks))",
            )
        rows = self.corrected.rows.filter(pl.col("words") > 0)
        sizes = rows.group_by("series").agg(pl.col("words").sum())
        names = sizes.sort("words", "series", descending=[True, False])["series"].to_list()
        self._series.options = [(known(name), name) for name in names]
        self._series.value = names[0]
        self._series.layout.display = None if len(names) > 1 else "none"
        self._draw()

    def _select(self, series: str) -> None:
        names = [name for _, name in self._series.options]
        if series not in names:
            raise ViewError(
                say("There is no series {series!r}.", series=series),
                say("There are: {names}.", names=", ".join(names)),
            )
        self._series.value = series

    @property
    def _rows(self) -> pl.DataFrame:
        return self.corrected.rows.filter(pl.col("words") > 0, pl.col("series") == self.selection)

    def _draw(self) -> None:
        picture = figures.figure(self._figure(), alt=in_words(self.corrected, self._rows))
        self._picture.value = _html.wrap(picture.html + self._beside())

    def _beside(self) -> str:
        about = self.corrected.provenance
        of_what = ABOUT[about["about"]]
        explained = say(
            "{share:.0%} intervals from {n:,} marks, {about}. Without a bar: too few marks or "
            "texts, no interval.",
            share=about["confidence"],
            n=about["marked"],
            about=say(of_what),
        )
        notes = "".join(f"<p>{_html.text(heard(one))}</p>" for one in self.corrected.warnings)
        tables = _curves_html(self._rows) + _quality_html(self.corrected, self.selection)
        return f"<p class='kb-quiet'>{_html.text(explained)}</p>{notes}{tables}"

    def _still(self) -> str:
        return self._picture.value

    def _figure(self) -> Figure:
        fig, axes = figures.canvas(height=3.2)
        _draw_curves(axes, self._rows)
        query, series = self.corrected.provenance["query"], self.selection
        title = query if series == ALL else f"{query} ({known(series)})"
        axes.set_title(title, fontsize=9, loc="left", color=_html.INK)
        fig.legend(frameon=False, fontsize=9, loc="outside upper left", ncols=2)
        return fig


def in_words(corrected: CorrectedTrend, rows: pl.DataFrame) -> str:
    """Say what the picture shows, for those who do not see it."""
    told = rows.filter(pl.col("per_million").is_not_nan())
    if not told.height:
        return say("No period has marks enough for a corrected rate.")
    ends = [told.row(at, named=True) for at in (0, -1)]
    said = [
        say(
            "In {period} {corrected:,.0f} per million corrected, {counted:,.0f} as counted.",
            period=str(row["period"]),
            corrected=row["per_million"],
            counted=row["counted_per_million"],
        )
        for row in ends[: told.height]
    ]
    about = say(
        "The rate of '{query}' by period, as counted and corrected.",
        query=corrected.provenance["query"],
    )
    return " ".join([about, *said])


def _draw_curves(axes: Axes, rows: pl.DataFrame) -> None:
    """Draw both curves; a rate without an interval is marked but not joined to the others."""
    labels = rows["period"].to_list()
    at = np.arange(len(labels), dtype=float)
    for name, columns, aside, look in CURVES:
        value, low, high = (rows[one].cast(pl.Float64).to_numpy() for one in columns)
        told, colour = np.isfinite(low), look["color"]
        joined = np.where(told, value, np.nan)
        axes.plot(at + aside, joined, label=say(name), linewidth=1.2, markersize=4.5, **look)
        axes.vlines(at + aside, low, high, color=colour, linewidth=1.6)
        axes.plot(at[~told] + aside, value[~told], color=colour, marker="_", linestyle="")
    axes.set_xticks(at, [str(one) for one in labels])
    axes.set_ylabel(say("per million words"))
    axes.set_ylim(0, _top(rows))


def _top(rows: pl.DataFrame) -> float | None:
    """Return where the axis ends: a rate without an interval must not flatten the curves."""
    ends = [pl.col(name).cast(pl.Float64).fill_nan(None) for name in ("high", "counted_high")]
    highest = rows.select(pl.max_horizontal(ends).max()).item()
    return 1.06 * highest if highest else None


def _curves_html(rows: pl.DataFrame) -> str:
    names = (say("period"), say("hits"), say("as counted"), say("from"), say("to"),
             say("corrected"), say("from"), say("to"), say("marks"), say("note"))  # fmt: skip
    heads = [_html.Column(name, 0 < place < 9) for place, name in enumerate(names)]
    columns = ("period", "hits", *CURVES[0][1], *CURVES[1][1], "marked", "note")
    table = [
        (period, *map(_written, numbers), heard(note or ""))
        for period, *numbers, note in rows.select(columns).iter_rows()
    ]
    return _html.table(say("Both curves, per million words"), heads, table)


def _quality_html(corrected: CorrectedTrend, series: str) -> str:
    rows = corrected.quality.rows.filter(pl.col("series") == series, pl.col("marked") > 0)
    names = (say("period"), say("measure"), say("estimate"), say("from"), say("to"),
             say("marks"), say("note"))  # fmt: skip
    heads = [_html.Column(name, 2 <= place <= 5) for place, name in enumerate(names)]
    columns = ("period", "measure", "value", "low", "high", "marked", "note")
    table = [
        (say("all") if period is None else period, known(measure),
         *(_share(one) for one in shares), number(marked), heard(note))
        for period, measure, *shares, marked, note in rows.select(columns).iter_rows()
    ]  # fmt: skip
    return _html.details(
        say("Precision and recall"), _html.table(say("Precision and recall"), heads, table)
    )


def _written(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else number(value)


def _share(value: float | None) -> str:
    return "" if value is None or math.isnan(value) else number(value, ".0%")
