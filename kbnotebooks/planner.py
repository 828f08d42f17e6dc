"""The view of a plan: what a job would cost, as a sentence and as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets as w

from kbnotebooks import _html
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.planner import Plan


class PlanView(View):
    """Read a plan: parameters, steps, tokens, and the time they take at a measured rate.

    Parameters
    ----------
    plan
        What `kb.plan(job)` returned.

    Attributes
    ----------
    selection
        The site that was planned for.
    table
        The plan as a table (pandas).
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self._body = w.HTML()
        self._lay_out(self._body)
        self._try(self._write)

    @property
    def selection(self) -> str:
        """The site that was planned for."""
        return str(self.plan.site)

    @property
    def table(self):
        """The plan as a table of names, values, and units or sources."""
        return self.plan.table

    def _write(self) -> None:
        if not hasattr(self.plan, "table"):
            raise ViewError(
                say("PlanView got {kind}, which is not a plan.", kind=type(self.plan).__name__),
                say("A plan says what a job would cost."),
                "kb.PlanView(kb.plan(job))",
            )
        self._body.value = _html.wrap(self._plan_html())

    def _plan_html(self) -> str:
        columns = (
            _html.Column(say("what")),
            _html.Column(say("value"), numeric=True),
            _html.Column(say("unit or source")),
        )
        rows = self.plan.table.itertuples(index=False, name=None)
        return f"<p>{_html.text(self.plan)}</p>" + _html.table(
            say("What the job would cost"), columns, rows
        )

    def _still(self) -> str:
        return self._body.value

    def _figure(self) -> Figure:
        from matplotlib.figure import Figure

        rows = list(self.plan.table.itertuples(index=False, name=None))
        fig = Figure(figsize=(8, 0.3 * len(rows) + 0.3))
        for number, (what, value, unit) in enumerate(reversed(rows)):
            height = (number + 0.5) / len(rows)
            fig.text(0.02, height, what, weight="bold", size=9)
            fig.text(0.48, height, value, ha="right", size=9)
            fig.text(0.50, height, unit, size=9, color=_html.QUIET)
        return fig
