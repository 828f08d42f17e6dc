"""The view of a plan: what a job would cost, and sliders that ask what if."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import partial
from numbers import Integral, Real
from threading import RLock
from typing import TYPE_CHECKING, Any

import ipywidgets as w

from kblib.errors import KblibError
from kbnotebooks import _html, _plan_picture, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import heard, later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.planner import Plan
    from kblib.planner.fitting import Fit
    from kblib.planner.variations import Variation

_AS_IT_IS = "-"
_ROWS = (
    later("model"), later("parameters"), later("steps"), later("tokens"), later("operations"),
    later("rate"), later("time"), later("goodput"), later("between"), later("nodes"),
    later("GPU-hours"), later("node-hours"), later("billed"), later("memory"), later("node memory"),
    later("energy"), later("texts"),
)  # fmt: skip
"""What the rows of a plan are about."""


class PlanView(View):
    """Read a plan; on a cluster, ask with sliders what another number would change.

    Sliders and the list of cards write into one state; whatever was moved last is what is planned
    and shown, however long an earlier answer took.

    Parameters
    ----------
    plan
        What `kb.plan(job)` returned.

    Attributes
    ----------
    selection
        The numbers that are planned with, as a dictionary; may be set. On this machine the site.
    plan
        The plan that is shown: another one after a slider was moved.
    fit
        What each GPU must hold at each ZeRO stage; None on this machine.
    table
        The plan as a table (pandas).
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.fit: Fit | None = None
        self._given = plan
        self._wanted: Variation | None = None
        self._lock = RLock()
        self._asked = 0
        self._refused = False
        self._body, self._picture = w.HTML(), w.HTML()
        self._sliders: dict[str, Any] = {}
        self._lay_out(self._picture, self._body)
        self._try(self._open)

    @property
    def selection(self) -> dict[str, Any]:
        """The numbers that are planned with, and the site."""
        numbers = {} if self._wanted is None else asdict(self._wanted)
        return {"site": str(self.plan.site), **numbers}

    @selection.setter
    def selection(self, wanted: Mapping[str, Any]) -> None:
        self._try(lambda: self._select(wanted))

    @property
    def table(self):
        """The plan as a table of names, values, and units or sources."""
        return self.plan.table

    def _open(self) -> None:
        if not hasattr(self.plan, "table"):
            raise ViewError(
                say("PlanView got {kind}, which is not a plan.", kind=type(self.plan).__name__),
                say("A plan says what a job would cost."),
                "kb.PlanView(kb.plan(job))",
            )
        self.plan.table  # noqa: B018  a plan that fails is told before anything is laid out
        if getattr(self.plan, "cluster", None) is not None:
            self._offer()
        self._show(self.plan.side.fit if self._sliders else None, self.plan)

    def _offer(self) -> None:
        """Make the sliders of a cluster's plan."""
        from kblib.planner.variations import card_rates, most_nodes, variation_of

        self._wanted = now = variation_of(self.plan)
        self._rates = card_rates(self.plan)
        self._sliders = _sliders(now, most_nodes(self.plan))
        cards = [(say("as planned"), _AS_IT_IS), *((name, name) for name in self._rates)]
        self._card = w.Dropdown(options=cards, description=say("Rate of"),
                                layout=w.Layout(width="17rem"))  # fmt: skip
        rows = w.HBox([*self._sliders.values(), self._card])
        rows.layout.flex_flow = "row wrap"
        self._lay_out(rows, self._picture, self._body)
        for name, slider in self._sliders.items():
            self._on(slider, "value", partial(self._moved, name))
        self._on(self._card, "value", self._chose_card)

    def _moved(self, name: str) -> None:
        self._change(**{name: self._sliders[name].value})

    def _chose_card(self) -> None:
        from kblib.planner.variations import variation_of

        rate = self._rates.get(self._card.value, variation_of(self._given).tflops)
        self._set({"tflops": rate})

    def _select(self, wanted: Mapping[str, Any]) -> None:
        entries = entries_of(wanted, self.selection)
        _check_site(entries.pop("site", self.plan.site), str(self.plan.site))
        for name, value in entries.items():
            _check_within(name, value, self._sliders[name])
        self._set(entries)

    def _set(self, numbers: Mapping[str, Any]) -> None:
        """Take numbers that no slider was moved to; the sliders follow, also where none fits."""
        if not numbers:
            return
        try:
            self._change(**numbers)
        finally:
            for name, value in numbers.items():
                self._sliders[name].value = value

    def _change(self, **numbers: Any) -> None:
        """Take a new state at once; plan it, and show it unless a later one was asked for.

        Only what was changed by other means than its slider is written into a slider: one that is
        being moved is never set back.
        """
        from kblib.planner.variations import varied, varied_fit

        with self._lock:
            assert self._wanted is not None  # noqa: S101  sliders stand beside a variation
            wanted = replace(self._wanted, **numbers)
            if wanted == self._wanted and not self._refused:
                return
            self._wanted, self._refused = wanted, False
            self._asked += 1
            mine = self._asked
        fit = varied_fit(self._given, wanted)
        self._show_if_last(mine, fit, None)  # stays where the plan is refused
        try:
            plan = varied(self._given, wanted)
        except KblibError:
            with self._lock:  # asked again, it is refused again: its message must not be lost
                self._refused = self._refused or mine == self._asked
            raise
        self._show_if_last(mine, fit, plan)

    def _show_if_last(self, number: int, fit: Fit, plan: Plan | None) -> None:
        with self._lock:
            if number == self._asked:
                self._show(fit, plan)

    def _show(self, fit: Fit | None, plan: Plan | None) -> None:
        if fit is not None and fit is not self.fit:
            picture = figures.figure(_plan_picture.draw(fit), alt=_plan_picture.in_words(fit))
            self._picture.value = _html.wrap(picture.html + _fit_table(fit))
        self.fit, self.plan = fit, plan or self.plan
        self._body.value = _html.wrap(self._plan_html()) if plan else ""

    def _plan_html(self) -> str:
        columns = (
            _html.Column(say("what")),
            _html.Column(say("value"), numeric=True),
            _html.Column(say("unit or source")),
        )
        rows = [
            (say(what) if what in _ROWS else what, _value(value), heard(unit))
            for what, value, unit in self.plan.table.itertuples(index=False, name=None)
        ]
        return f"<p>{_html.text(heard(str(self.plan)))}</p>" + _html.table(
            say("What the job would cost"), columns, rows
        )

    def _still(self) -> str:
        return self._picture.value + self._body.value

    def _figure(self) -> Figure:
        if self.fit is not None:
            return _plan_picture.draw(self.fit)
        return _table_drawn(self.plan)


def _check_site(wanted: object, here: str) -> None:
    """Refuse another site: its GPUs and nodes are others, and so is the plan."""
    if wanted != here:
        raise ViewError(
            say("The selection says {name}={value}.", name="site", value=repr(wanted)),
            say("This plan is of site '{site}'; another site is another plan.", site=here),
            f"kb.PlanView(kb.plan(view.plan.job, site={wanted!r}, nodes=1))",
        )


def _check_within(name: str, value: object, slider: Any) -> None:
    """Refuse what a slider could not say, before it is planned with."""
    low, high = slider.min, slider.max
    if isinstance(slider, w.FloatLogSlider):
        low, high = slider.base**low, slider.base**high
    kind = Integral if isinstance(slider, w.IntSlider) else Real
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        raise ViewError(
            say("The selection says {name}={value}.", name=name, value=repr(value)),
            say("A number from {low:,g} to {high:,g} was expected.", low=low, high=high)
            if kind is Real
            else say("A whole number from {low:,g} to {high:,g} was expected.", low=low, high=high),
        )


def _sliders(now: Variation, most_nodes: int) -> dict[str, Any]:
    """Return a control for each number of a variation."""
    wide = {"continuous_update": False, "layout": w.Layout(width="22rem"),
            "style": {"description_width": "8rem"}}  # fmt: skip
    return {
        "nodes": w.IntSlider(now.nodes, min=1, max=most_nodes, description=say("Nodes"), **wide),
        "tokens": w.FloatLogSlider(now.tokens, min=6, max=13, step=0.01, readout_format=".2e",
                                   description=say("Tokens"), **wide),
        "zero_stage": w.IntSlider(now.zero_stage, min=0, max=3, description=say("ZeRO stage"),
                                  **wide),
        "tflops": w.FloatSlider(now.tflops, min=1, max=max(700.0, now.tflops), step=0.1,
                                description=say("TFLOP/s a GPU"), readout_format=".0f", **wide),
        "goodput": w.FloatSlider(now.goodput, min=0.05, max=1.1, step=0.001,
                                 description=say("Goodput"), readout_format=".2f", **wide),
    }  # fmt: skip


def _value(value: str) -> str:
    """Return a value of a plan in the reader's language; some are a span."""
    ends = value.split(" and ")
    low, high = heard(ends[0]), heard(ends[-1])
    if len(ends) == 2 and low != ends[0] and high != ends[1]:
        return say("{low} and {high}", low=low, high=high)
    return heard(value)


def _fit_table(fit: Fit) -> str:
    columns = (
        _html.Column(say("ZeRO stage")),
        _html.Column(say("weights, gradients, optimiser"), numeric=True),
        _html.Column(say("all, GiB"), numeric=True),
        _html.Column(say("left, GiB"), numeric=True),
        _html.Column(say("fits")),
    )
    rows = [
        (stage, *(number(gib, ",.1f") for gib in (states, needed, left)),
         say("yes") if ok else say("no"))
        for stage, states, needed, left, ok in fit.table.itertuples(index=False, name=None)
    ]  # fmt: skip
    return _html.table(say("What each GPU must hold"), columns, rows)


def _table_drawn(plan: Plan) -> Figure:
    from matplotlib.figure import Figure

    rows = list(plan.table.itertuples(index=False, name=None))
    fig = Figure(figsize=(8, 0.3 * len(rows) + 0.3))
    for place, (what, value, unit) in enumerate(reversed(rows)):
        height = (place + 0.5) / len(rows)
        fig.text(0.02, height, what, weight="bold", size=9)
        fig.text(0.48, height, value, ha="right", size=9)
        fig.text(0.50, height, unit, size=9, color=_html.QUIET)
    return fig
