"""A learning curve drawn: a line a method, level lines for those without labels, names at the end.

Methods differ in line, mark and lightness at once; each name stands where its line ends.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.evaluation.curve_result import LearningCurve
from kbnotebooks import _html, figures
from kbnotebooks._trend_picture import LOOKS
from kbnotebooks._words import heard, number, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT, NAMES = 3.8, 0.22
"""Inches; and the share of the width that the names of the lines take."""
APART = 0.05
"""How far neighbouring intervals of one size stand apart, in doublings of the labels."""
_LEVEL: tuple[Any, ...] = ("--", ":", "-.", (0, (8, 3)), (0, (1, 4)))
_LINE = 0.055  # of the axis' height: what a name needs


def draw(curve: LearningCurve, *, measure: str, minutes: float, chosen: int) -> Figure:
    """Draw a curve with the price of its labels below them, and the chosen size marked."""
    fig, axes = figures.canvas(height=HEIGHT)
    at = np.log2(curve.sizes)
    width = max(float(at[-1] - at[0]), 1.0)
    axes.set_xlim(at[0] - 0.06 * width, at[-1] + NAMES / (1 - NAMES) * width)
    axes.axvline(math.log2(chosen), color=_html.FAINT, linewidth=6, zorder=0)
    ends = [
        *_draw_learners(axes, curve, measure, at),
        *_draw_levels(axes, curve, measure, (float(at[0]), float(at[-1]))),
    ]
    rows = curve.rows.filter(pl.col("measure") == measure)
    low, high = _reach(rows)
    axes.set_ylim(low, high)
    _write_names(axes, ends, float(at[-1]) + 0.05 * width, (low, high))
    axes.set_xticks(at, [f"{size:,}\n{cost(size * minutes)}" for size in curve.sizes])
    axes.set_xlabel(say("labels, and what they cost"))
    axes.set_ylabel(say("{measure}, per cent", measure=heard(measure)))
    return fig


def cost(minutes: float) -> str:
    """Return a time of labelling: minutes below two hours, hours from there on."""
    if minutes < 120:
        return say("{n} min", n=number(minutes, ",.0f" if minutes >= 10 else ",.3g"))
    return say("{n} h", n=number(minutes / 60, ",.1f" if minutes < 600 else ",.0f"))


def _draw_learners(
    axes: Axes, curve: LearningCurve, measure: str, at: np.ndarray
) -> list[tuple[float, str, str]]:
    """Draw the lines, and return where each ends, its name and its colour."""
    ends = []
    middle = (len(curve.learners) - 1) / 2
    for place, name in enumerate(curve.learners):
        look = LOOKS[place % len(LOOKS)]
        rows = curve.rows.filter((pl.col("method") == name) & (pl.col("measure") == measure))
        score, low, high = (100 * rows[one].to_numpy() for one in ("score", "low", "high"))
        x = at + APART * (place - middle)
        axes.vlines(x, low, high, color=look["color"], linewidth=1.2, alpha=0.6)
        axes.plot(x, score, linewidth=1.6, markersize=5, **look)
        ends.append((float(score[-1]), name, str(look["color"])))
    return ends


def _draw_levels(
    axes: Axes, curve: LearningCurve, measure: str, span: tuple[float, float]
) -> list[tuple[float, str, str]]:
    ends = []
    for place, name in enumerate(curve.others):
        where = (pl.col("method") == name) & (pl.col("measure") == measure)
        score = 100 * curve.rows.filter(where).row(0, named=True)["score"]
        style = _LEVEL[place % len(_LEVEL)]
        axes.hlines(score, *span, color=_html.QUIET, linestyle=style, linewidth=1.2)
        ends.append((score, name, _html.QUIET))
    return ends


def _reach(rows: pl.DataFrame) -> tuple[float, float]:
    """Return where the axis begins and ends: what is drawn, and some room."""
    ends = rows.select(
        pl.min_horizontal(pl.col("low").fill_nan(None), "score").min().alias("low"),
        pl.max_horizontal(pl.col("high").fill_nan(None), "score").max().alias("high"),
    ).row(0)
    low, high = 100 * ends[0], 100 * ends[1]
    room = max(0.06 * (high - low), 1.0)
    return max(low - room, -1.0), min(high + room, 102.0)


def _write_names(
    axes: Axes,
    ends: Sequence[tuple[float, str, str]],
    x: float,
    reach: tuple[float, float],
) -> None:
    """Write each name at the height of its line's end, no two on each other."""
    line = _LINE * (reach[1] - reach[0])
    heights = spread([end[0] for end in ends], line, (reach[0] + line / 2, reach[1] - line / 2))
    for (score, name, colour), height in zip(ends, heights, strict=True):
        axes.annotate(
            name,
            (x, score),
            xytext=(x + 0.12, height),
            va="center",
            fontsize=9,
            color=colour,
            arrowprops={"arrowstyle": "-", "color": _html.FAINT, "shrinkA": 0, "shrinkB": 0},
            annotation_clip=False,
        )


def spread(wanted: Sequence[float], apart: float, inside: tuple[float, float]) -> list[float]:
    """Return places near those wanted, in the same order, that stand apart and inside.

    Examples
    --------
    >>> spread([5.0, 5.5, 9.0], 1.0, (0.0, 9.5))
    [5.0, 6.0, 9.0]
    """
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    places = list(wanted)
    lowest = inside[0]
    for at in order:
        places[at] = lowest = max(wanted[at], lowest)
        lowest += apart
    highest = inside[1]
    for at in reversed(order):
        places[at] = min(places[at], highest)
        highest = places[at] - apart
    return places
