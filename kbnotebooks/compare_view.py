"""Two runs side by side: their curves, what came of them, what was asked otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd

from kblib.cluster.comparison import Comparison
from kbnotebooks import _html, _svg, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DASH = "6 3"
"""Of the first run's line; the second's is whole, strong and has points."""


class CompareView(View):
    """Read two runs side by side.

    Parameters
    ----------
    comparison
        What `kb.compare(run_a, run_b)` returned.

    Attributes
    ----------
    selection
        The loss that is drawn: ``eval_loss``, ``loss``, or that on a monitored corpus.
    table
        The measures of both runs, and their difference (pandas).
    """

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self.comparison = comparison
        self._choice = w.Dropdown(description=say("Loss"))
        self._body = w.HTML()
        self._lay_out(self._choice, self._body)
        self._try(self._begin)

    @property
    def selection(self) -> str:
        """The loss that is drawn."""
        return str(self._choice.value or "")

    @selection.setter
    def selection(self, name: str) -> None:
        known = [value for _, value in self._choice.options]
        if name not in known:
            raise ViewError(
                say("There is no loss '{name}' in both runs.", name=name),
                say("There are: {names}.", names=", ".join(known)),
            )
        self._choice.value = name

    @property
    def table(self) -> pd.DataFrame:
        """The measures of both runs, and their difference."""
        return self.comparison.table

    def _begin(self) -> None:
        if not isinstance(self.comparison, Comparison):
            raise ViewError(
                say("CompareView got {kind}, no comparison.", kind=type(self.comparison).__name__),
                say("Two runs side by side were expected."),
                "kb.CompareView(kb.compare(run_a, run_b))",
            )
        losses = self._losses()
        self._choice.options = [(_called(name), name) for name in losses]
        self._choice.value = losses[0]
        self._on(self._choice, "value", self._write)
        self._write()

    def _losses(self) -> list[str]:
        """Return the losses that both runs have, that on held-out text first."""
        both = self.comparison.names
        curves = self.comparison.curves.columns
        names = dict.fromkeys(str(column[0]) for column in curves)
        found = [name for name in names if all((name, run) in curves for run in both)]
        return sorted(found, key=lambda name: (name != "eval_loss", name == "loss", name))

    def _write(self) -> None:
        self._body.value = _html.wrap(self._html())

    def _html(self) -> str:
        return self._picture_html() + self._table_html() + self._differences_html()

    def _points(self, run: str) -> list[tuple[float, float]]:
        series = self.comparison.curves[self.selection, run].dropna()
        return [(float(step), float(loss)) for step, loss in series.items()]  # type: ignore[arg-type]

    def _picture_html(self) -> str:
        first, second = self.comparison.names
        lines = [
            _svg.Line(say("first"), self._points(first), dash=_DASH),
            _svg.Line(say("second"), self._points(second), strong=True),
        ]
        last = max(step for line in lines for step, _ in line.points)
        drawn = _svg.line_chart(lines, x=say("step"), y=say("loss (nats)"), x_max=last)
        return figures.Picture(drawn, self._in_words(), size=(_svg.WIDTH, _svg.HEIGHT)).html

    def _in_words(self) -> str:
        first, second = self.comparison.names
        ends = [self._points(run)[-1][1] for run in (first, second)]
        return say(
            "{loss} against step. Run '{first}' ends at {a:.2f}, run '{second}' at {b:.2f}.",
            loss=_called(self.selection),
            first=first,
            second=second,
            a=ends[0],
            b=ends[1],
        )

    def _table_html(self) -> str:
        first, second = self.comparison.names
        columns = (
            _html.Column(say("measure")),
            _html.Column(say("first: {name}", name=first), numeric=True),
            _html.Column(say("second: {name}", name=second), numeric=True),
            _html.Column(say("difference"), numeric=True),
        )
        rows = [
            (_called(name), *(_written(name, value) for value in values))
            for name, *values in self.table.itertuples(index=False, name=None)
        ]
        return _html.table(say("At step {step:,}", step=self.comparison.step), columns, rows)

    def _differences_html(self) -> str:
        first, second = self.comparison.names
        rows = [
            tuple("–" if cell is None else str(cell) for cell in row)
            for row in self.comparison.differences.itertuples(index=False, name=None)
        ]
        if not rows:
            return f"<p>{_html.text(say('The same was asked of both.'))}</p>"
        columns = (_html.Column(say("setting")), _html.Column(first), _html.Column(second))
        return _html.table(say("Asked otherwise"), columns, rows)

    def _still(self) -> str:
        return self._body.value

    def _figure(self) -> Figure:
        fig, axes = figures.canvas()
        first, second = self.comparison.names
        looks: tuple[tuple[str, dict[str, Any]], ...] = (
            (first, {"color": _html.INK, "linestyle": "--", "linewidth": 1.4}),
            (second, {"color": _html.ACCENT, "linewidth": 2.0}),
        )
        for run, look in looks:
            points = self._points(run)
            axes.plot([a for a, _ in points], [b for _, b in points], label=run, **look)
        axes.set(xlabel=say("step"), ylabel=say("loss (nats)"))
        axes.set_title(_called(self.selection), fontsize=9, loc="left")
        axes.legend(frameon=False, fontsize=9)
        return fig


def _called(name: str) -> str:
    """Return what a measure is called in a table."""
    known = {
        "loss": say("training loss (nats)"),
        "eval_loss": say("loss on held-out text (nats)"),
        "eval_top1": say("held-out blanks filled right"),
        "tokens": say("tokens seen"),
        "gpu_hours": say("GPU-hours (of processes, where there is no GPU)"),
    }
    if name in known:
        return known[name]
    if name.startswith("eval_loss_"):
        return say("loss on '{name}' (nats)", name=name.removeprefix("eval_loss_"))
    return say("tokens of '{name}'", name=name.removeprefix("tokens_"))


def _written(name: str, value: float) -> str:
    if name.startswith("tokens"):
        return number(value)
    return number(value, ".4f" if name == "gpu_hours" else ".3f")
