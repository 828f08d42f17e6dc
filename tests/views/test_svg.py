"""The hand-drawn chart: round ticks, names apart, thin lines for long runs."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from kbnotebooks._svg import HEIGHT, MOST_POINTS, Line, line_chart, thinned, ticks


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (5.1, 9.2, [5, 6, 7, 8, 9, 10]),
        (0, 312, [0, 100, 200, 300, 400]),
        (7.17, 7.65, [7.1, 7.2, 7.3, 7.4, 7.5, 7.6, 7.7]),
    ],
)
def test_ticks_are_round_and_enclose(low: float, high: float, expected: list[float]):
    assert ticks(low, high) == expected


def draw(**changes: object) -> ElementTree.Element:
    lines = [Line("training", [(1, 9.0), (50, 6.0)]), Line("held-out", [(50, 6.1)], strong=True)]
    drawn = line_chart(**{"lines": lines, "x": "step", "y": "loss", "x_max": 100, **changes})
    return ElementTree.fromstring(drawn)


def words(drawn: ElementTree.Element) -> dict[str, float]:
    texts = drawn.iter("{http://www.w3.org/2000/svg}text")
    return {text.text: float(text.get("y") or 0) for text in texts}


def test_names_of_lines_that_meet_do_not_lie_on_each_other():
    at = words(draw())
    assert abs(at["training"] - at["held-out"]) >= 12


def test_points_lie_inside_the_picture():
    drawn = draw()
    (points,) = [line.get("points") for line in drawn.iter("{http://www.w3.org/2000/svg}polyline")][
        :1
    ]
    heights = [float(y) for y in re.findall(r",([\d.]+)", points or "")]
    assert heights[0] < heights[1] < HEIGHT


def test_resumption_is_marked_with_a_word():
    assert "resumed" in words(draw(marks=[20]))


def test_names_are_escaped():
    assert "a < b" in words(draw(lines=[Line("a < b", [(1, 1.0), (2, 2.0)])]))


def test_flat_and_empty_charts_are_drawn():
    assert words(draw(lines=[Line("flat", [(1, 2.0), (2, 2.0)])]))
    assert words(draw(lines=[]))


def test_long_lines_are_thinned_and_keep_their_end():
    points = [(float(n), float(n % 7)) for n in range(10_000)]
    few = thinned(points)
    assert len(few) <= MOST_POINTS
    assert few[-1] == points[-1]
    assert thinned(points[:10]) == points[:10]


def test_ticks_are_written_as_the_language_writes_numbers(monkeypatch: pytest.MonkeyPatch):
    lines = [Line("training", [(1, 7.65), (50, 7.17)])]
    assert {"7.2", "7.5"} <= words(draw(lines=lines)).keys()
    monkeypatch.setattr("kbnotebooks._words._chosen", ["sv"])
    assert {"7,2", "7,5"} <= words(draw(lines=lines)).keys()
