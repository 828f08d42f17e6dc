"""A line chart as SVG, drawn by hand: takes under a millisecond and touches no global state.

The live view of a run draws from a thread, while the reader may be drawing with matplotlib in a
cell; matplotlib is not made for two threads. Everything else is drawn with matplotlib.
"""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from kbnotebooks._html import ACCENT, FAINT, INK, QUIET
from kbnotebooks._words import number, say

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 96, 12, 38
MOST_POINTS = 400


@dataclass(frozen=True)
class Line:
    """A named series of points, left to right; a strong one has the accent and marked points.

    A dashed one is dark; its dash is lengths of line and gap, as SVG writes them.
    """

    name: str
    points: Sequence[tuple[float, float]]
    strong: bool = False
    dash: str = ""

    @property
    def look(self) -> tuple[str, float]:
        """Colour and width."""
        if self.strong:
            return ACCENT, 2.2
        return (INK, 1.6) if self.dash else (QUIET, 1.2)


def line_chart(
    lines: Sequence[Line], *, x: str, y: str, x_max: float, marks: Sequence[float] = ()
) -> bytes:
    """Draw lines over a common scale, each with its name at its end.

    Parameters
    ----------
    x, y
        Names of the axes, with units.
    x_max
        Where the x axis ends; it begins at 0.
    marks
        Places on the x axis that get a dashed vertical line.
    """
    values = [value for line in lines for _, value in line.points]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    y_ticks = ticks(low, high if high > low else low + 1)
    plane = _Plane(max(x_max, 1.0), y_ticks[0], y_ticks[-1])
    parts = [_grid(plane, y_ticks, x, y)]
    parts += [_mark(plane.x(at)) for at in marks]
    drawn = [line for line in lines if line.points]
    parts += [_line(plane, line) for line in drawn]
    parts += _names(plane, drawn)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12" '
        f'fill="{INK}"><rect width="100%" height="100%" fill="#fff"/>'
    )
    return (head + "".join(parts) + "</svg>").encode()


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Return round numbers that enclose `low` and `high`."""
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(i * step, 10) for i in range(first, last + 1)]


@dataclass(frozen=True)
class _Plane:
    x_max: float
    y_min: float
    y_max: float

    def x(self, value: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * value / self.x_max

    def y(self, value: float) -> float:
        span = (HEIGHT - _TOP - _BOTTOM) / (self.y_max - self.y_min)
        return HEIGHT - _BOTTOM - span * (value - self.y_min)


def _grid(plane: _Plane, y_ticks: Sequence[float], x: str, y: str) -> str:
    parts = []
    places = max((len(f"{value:g}".partition(".")[2]) for value in y_ticks), default=0)
    for value in y_ticks:
        at = plane.y(value)
        parts.append(f'<path d="M{_LEFT} {at:.1f}H{WIDTH - _RIGHT}" stroke="{FAINT}"/>')
        parts.append(_word(_LEFT - 6, at + 4, number(value, f".{places}f"), anchor="end"))
    for value in ticks(0, plane.x_max):
        if value <= plane.x_max:
            below = HEIGHT - _BOTTOM + 16
            parts.append(_word(plane.x(value), below, number(value, ",g"), anchor="middle"))
    middle, side = (_LEFT + WIDTH - _RIGHT) / 2, (HEIGHT - _BOTTOM) / 2
    parts.append(_word(middle, HEIGHT - 6, x, colour=QUIET, anchor="middle"))
    label = _word(0, 0, y, colour=QUIET, anchor="middle")
    return "".join(parts) + f'<g transform="translate(11 {side}) rotate(-90)">{label}</g>'


def _word(x: float, y: float, said: str, *, colour: str = INK, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{html.escape(said)}</text>"


def _line(plane: _Plane, line: Line) -> str:
    points = thinned(line.points)
    path = " ".join(f"{plane.x(a):.1f},{plane.y(b):.1f}" for a, b in points)
    colour, width = line.look
    look = f'stroke="{colour}" stroke-width="{width}"'
    look += f' stroke-dasharray="{line.dash}"' if line.dash else ""
    parts = [f'<polyline points="{path}" fill="none" {look}/>']
    if line.strong:
        parts += [
            f'<circle cx="{plane.x(a):.1f}" cy="{plane.y(b):.1f}" r="3.2" fill="{colour}"/>'
            for a, b in points
        ]
    return "".join(parts)


def _mark(at: float) -> str:
    way = f"M{at:.1f} {_TOP}V{HEIGHT - _BOTTOM}"
    line = f'<path d="{way}" stroke="{QUIET}" stroke-dasharray="3 3"/>'
    return line + _word(at + 4, _TOP + 10, say("resumed"), colour=QUIET)


def _names(plane: _Plane, lines: Sequence[Line]) -> list[str]:
    """Write each line's name at the right, at the height of its end, no two on each other."""
    parts, lowest = [], -math.inf
    for line in sorted(lines, key=lambda one: plane.y(one.points[-1][1])):
        lowest = max(plane.y(line.points[-1][1]) + 4, lowest + 15)
        colour, _ = line.look
        parts.append(_word(WIDTH - _RIGHT + 10, lowest, line.name, colour=colour))
    return parts


def thinned(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    """Return at most `MOST_POINTS` of the points, means of neighbours, the last one as it is."""
    if len(points) <= MOST_POINTS:
        return points
    size = math.ceil(len(points) / MOST_POINTS)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    means = [(sum(a for a, _ in g) / len(g), sum(b for _, b in g) / len(g)) for g in groups]
    return [*means[:-1], points[-1]]
