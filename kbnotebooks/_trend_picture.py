"""A trend drawn: a panel for each medium, below them how much text there is and how noisy it is.

Queries differ in line, mark and lightness at once, so that neither print nor eyes need colours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.ngrams.resampling import FEWEST_UNITS
from kbnotebooks import _html, figures
from kbnotebooks._words import known, number, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from kblib.ngrams.trends import Trend

LOOKS: tuple[dict[str, Any], ...] = (
    {"color": _html.ACCENT, "linestyle": "-", "marker": "o"},
    {"color": _html.INK, "linestyle": "--", "marker": "s", "markerfacecolor": "white"},
    {"color": _html.QUIET, "linestyle": ":", "marker": "^"},
    {"color": _html.ACCENT, "linestyle": "-.", "marker": "D", "markerfacecolor": "white"},
    {"color": _html.QUIET, "linestyle": "--", "marker": "x"},
    {"color": _html.INK, "linestyle": ":", "marker": "v"},
)
"""More curves than these cannot be told apart."""
_PATCHES: tuple[dict[str, Any], ...] = (
    {"color": _html.FAINT, "edgecolor": _html.QUIET, "linewidth": 0.4},
    {"color": "white", "edgecolor": _html.QUIET, "hatch": "/////", "linewidth": 0.4},
    {"color": _html.QUIET},
    {"color": "white", "edgecolor": _html.QUIET, "hatch": "....", "linewidth": 0.4},
)
_MEDIUM = "medium "
_IN_THOUSANDS = 5000
"""From so many words in a period on, the axis counts in thousands."""


@dataclass(frozen=True)
class Places:
    """Where periods stand on the axis: years at their number, other values one after the other."""

    labels: list[Any]

    @property
    def numeric(self) -> bool:
        """Whether periods are numbers."""
        return all(isinstance(label, int) for label in self.labels)

    @property
    def at(self) -> list[float]:
        """The place of each period."""
        return [float(one) for one in (self.labels if self.numeric else range(len(self.labels)))]

    @property
    def step(self) -> float:
        """The distance between two periods: 1 for years, 10 for decades."""
        return self.at[1] - self.at[0] if len(self.labels) > 1 else 1.0


def places(trend: Trend) -> Places:
    """Return where the periods of a trend stand."""
    return Places(trend.sizes["period"].to_list())


def draw(trend: Trend) -> tuple[Figure, Axes]:
    """Draw a trend; the axes returned are the lowest, whose x axis all share."""
    from matplotlib.figure import Figure

    series = series_of(trend)
    heights = [2.2] * len(series) + [0.9, 0.7]
    fig = Figure(figsize=(8.2, sum(heights) + 0.5), layout="constrained")
    panels = fig.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    for axes, name in zip(panels, series, strict=False):
        figures.quiet(axes)
        _draw_series(axes, trend, name)
    handles, labels = panels[0].get_legend_handles_labels()
    fig.legend(handles, labels, frameon=False, fontsize=9, loc="outside upper left", ncols=6)
    _draw_sizes(panels[-2], trend)
    _draw_noise(panels[-1], trend)
    _label_periods(panels[-1], places(trend))
    fig.align_ylabels(panels)
    return fig, panels[-1]


def series_of(trend: Trend) -> list[str]:
    """Return the series of a trend, that with most words first."""
    words = trend.rows.group_by("series").agg(pl.col("raw_words").sum())
    return words.sort("raw_words", "series", descending=[True, False])["series"].to_list()


def _draw_series(axes: Axes, trend: Trend, name: str) -> None:
    rows = trend.rows.filter(pl.col("series") == name)
    for query, look in zip(rows["query"].unique(maintain_order=True), LOOKS, strict=False):
        _draw_curve(axes, rows.filter(pl.col("query") == query), places(trend), look)
    axes.set_title(known(name), fontsize=9, loc="left", color=_html.INK)
    axes.set_ylabel(say("per million words"))
    axes.set_ylim(0, _top(rows))
    _write_numbers(axes)


def _top(rows: pl.DataFrame) -> float | None:
    """Return where the axis ends: a rate of a few words must not flatten the curve."""
    told = rows.filter(pl.col("units") >= FEWEST_UNITS)
    highest = told.select(pl.max_horizontal("high", "per_million").fill_nan(None).max()).item()
    return 1.06 * highest if highest else None


def _draw_curve(axes: Axes, rows: pl.DataFrame, where: Places, look: dict[str, Any]) -> None:
    """Draw one query; periods of too few units are marked but not joined to the others."""
    at = np.array(where.at)
    rate, low, high = (rows[name].to_numpy() for name in ("per_million", "low", "high"))
    few = rows["units"].to_numpy() < FEWEST_UNITS
    colour = look["color"]
    if where.numeric:
        axes.fill_between(at, low, high, color=colour, alpha=0.16, linewidth=0)
    axes.vlines(at, low, high, color=colour, linewidth=0.5 if where.numeric else 1.5, alpha=0.6)
    joined = look if where.numeric else {**look, "linestyle": ""}
    style = {**joined, "linewidth": 1.3, "markersize": 3.6}
    axes.plot(at, np.where(few, np.nan, rate), label=rows["query"][0], **style)
    faint = {"linestyle": "", "markerfacecolor": "white", "markersize": 3, "alpha": 0.7}
    axes.plot(at, np.where(few, rate, np.nan), **{**look, **faint})


def _write_numbers(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, ",g")))


def _draw_sizes(axes: Axes, trend: Trend) -> None:
    from matplotlib.ticker import MaxNLocator

    figures.quiet(axes)
    at, sizes = places(trend), trend.sizes
    unit = 1000 if int(sizes["words"].to_numpy().max(initial=0)) >= _IN_THOUSANDS else 1
    below = np.zeros(sizes.height)
    for (name, words), look in zip(words_of_media(trend).items(), _PATCHES, strict=False):
        label = known(name)
        width = 0.82 * at.step
        axes.bar(at.at, words / unit, bottom=below / unit, width=width, label=label, **look)
        below = below + words
    axes.set_ylabel(say("thousand\nwords") if unit > 1 else say("words"))
    axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    _write_numbers(axes)
    if len(words_of_media(trend)) > 1:
        axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=4, borderaxespad=0)
        axes.margins(y=0.45)


def words_of_media(trend: Trend) -> dict[str, Any]:
    """Return the words of each period, medium by medium; one entry if media are not told."""
    sizes = trend.sizes
    words = sizes["words"].to_numpy().astype(float)
    media = [name for name in sizes.columns if name.startswith(_MEDIUM)]
    shares = {name.removeprefix(_MEDIUM): sizes[name].fill_null(0).to_numpy() for name in media}
    order = sorted(shares, key=lambda name: -float(words @ shares[name]))
    shares = {name: shares[name] for name in order}
    told = sum(shares.values()) if shares else np.zeros(len(words))
    rest = np.where(words > 0, 1 - told, 0.0)
    if not shares or rest.max(initial=0) > 1e-6:
        shares["unknown" if shares else "all"] = rest
    return {name: words * share for name, share in shares.items()}


def _draw_noise(axes: Axes, trend: Trend) -> None:
    figures.quiet(axes)
    noise = 100 * trend.sizes["rare_share"].to_numpy()
    axes.plot(places(trend).at, noise, color=_html.QUIET, linewidth=1, marker=".", markersize=4)
    axes.set_ylabel(say("in no other\ntext, %"))
    axes.set_ylim(bottom=0)


def _label_periods(axes: Axes, at: Places) -> None:
    from matplotlib.ticker import MaxNLocator

    if at.numeric:
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, steps=[1, 2, 5, 10]))
    else:
        axes.set_xticks(at.at, [str(label) for label in at.labels])
    axes.set_xlim(at.at[0] - 0.7 * at.step, at.at[-1] + 0.7 * at.step)


def in_words(trend: Trend) -> str:
    """Say what the picture shows, for those who do not see it."""
    labels = trend.sizes["period"].to_list()
    queries = trend.rows["query"].unique(maintain_order=True)
    said = [
        say(
            "Hits per million words of {queries}, per {per}, from {first} to {last}.",
            queries=", ".join(f"'{one}'" for one in queries),
            per=known(trend.provenance["per"]),
            first=str(labels[0]),
            last=str(labels[-1]),
        )
    ]
    for series in series_of(trend):
        rows = trend.rows.filter(pl.col("series") == series)
        curves = [_curve_in_words(one, rows.filter(pl.col("query") == one)) for one in queries]
        said.append(f"{known(series).capitalize()}: {' '.join(curves)}")
    return " ".join([*said, _sizes_in_words(trend)])


def _curve_in_words(query: str, rows: pl.DataFrame) -> str:
    hits = int(rows["raw_hits"].sum())
    if not hits:
        return say("'{query}' has no hits.", query=query)
    told = rows.filter(pl.col("low").is_not_nan() & (pl.col("hits") > 0))
    if not told.height:
        return say("'{query}' has {n:,} hits, too few texts for an interval.", query=query, n=hits)
    best = told.sort("per_million", descending=True, maintain_order=True).row(0, named=True)
    return say(
        "'{query}' is highest in {period}, {rate} per million (between {low} and {high}); "
        "{n:,} hits in all.",
        query=query,
        period=str(best["period"]),
        rate=number(best["per_million"]),
        low=number(best["low"]),
        high=number(best["high"]),
        n=hits,
    )


def _sizes_in_words(trend: Trend) -> str:
    sizes = trend.sizes.filter(pl.col("words") > 0).sort("words", maintain_order=True)
    least, most = sizes.row(0, named=True), sizes.row(-1, named=True)
    return say(
        "Below: most text in {most} ({n:,} words), least in {least} ({few:,}).",
        most=str(most["period"]),
        n=most["words"],
        least=str(least["period"]),
        few=least["words"],
    )
