"""Text and tables of a plan for an application to EuroHPC, as Markdown with sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kblib import sites
from kblib.planner.award import Allocation
from kblib.planner.billing import hours_told

if TYPE_CHECKING:
    from kblib.planner.plan_result import Plan

TERMS = "; plan.memory.table has the terms"
_SOURCES = """
- Operations: Kaplan et al. (2020), arXiv 2001.08361; Chowdhery et al. (2022), arXiv 2204.02311.
- Memory: Rajbhandari et al. (2020), arXiv 1910.02054; Korthikanti et al. (2022), arXiv 2205.05198.
- Repeated texts: Muennighoff et al. (2023), arXiv 2305.16264.
- Tokens a parameter: Hoffmann et al. (2022), arXiv 2203.15556.
""".strip()


def application(plan: Plan, award: Allocation | None = None) -> str:
    """Return text and tables for an application; every number is the plan's.

    Parameters
    ----------
    plan
        Of a cluster.
    award
        What is applied for; its months are then laid out.
    """
    parts = [_asked(plan), _work(plan), _memory(plan), _data(plan)]
    if award is not None:
        calendar = plan.calendar(award)
        parts.append(f"### When\n\n{calendar.sentence}\n\n{_markdown(_short(calendar.table))}")
    return "\n\n".join([*parts, _sources(plan)]) + "\n"


def _asked(plan: Plan) -> str:
    low, high = plan.hours_between
    side = plan.side
    said = f", between {hours_told(low)} and {hours_told(high)} by the spread of published runs"
    between = said if low < high else ""
    return (
        f"## Resources asked for: {plan.site}\n\n"
        f"{_aim(plan)} on {plan.tokens:,} tokens we ask for {side.billing.told(plan.node_hours)} "
        f"({hours_told(plan.node_hours)} node-hours; {hours_told(plan.gpu_hours)} GPU-hours as "
        "jobs count GPUs): "
        f"{hours_told(plan.hours)} hours on {side.nodes} nodes of {side.billing.gpus_per_node} GPUs"
        f"{between}. Jobs checkpoint, end at the wall-time limit and go on in the next one of "
        "their chain."
    )


def _aim(plan: Plan) -> str:
    """Return what is to be trained, in words for those who do not read shapes."""
    shape, origin = plan.job.shape, plan.job.continue_from
    size = f"{shape.n_layer} layers, {shape.n_embd:,} wide, {plan.parameters:,} parameters"
    if origin is None:
        return f"To train a model of the layout {shape.architecture} ({size})"
    name = Path(origin).name if Path(origin).is_absolute() else origin
    return f"To continue the model {name} ({shape.architecture}, {size})"


def _work(plan: Plan) -> str:
    """Return the plan's table, without what has a table of its own, and the code to get it."""
    table = plan.table[plan.table["what"] != "texts"]
    sources = table["unit or source"].str.replace(TERMS, "; its terms stand below", regex=False)
    return f"### Work\n\n{_markdown(table.assign(**{'unit or source': sources}))}"


def _memory(plan: Plan) -> str:
    memory = plan.memory
    if memory is None:
        return "### Memory\n\nThe nodes have no GPUs."
    return f"### Memory of each GPU\n\n{memory}.\n\n{_markdown(_short(memory.table))}"


def _data(plan: Plan) -> str:
    if plan.limits is None:
        return ""
    return f"### Texts\n\n{plan.limits.advice}\n\n{_markdown(_short(plan.limits.table))}"


def _sources(plan: Plan) -> str:
    side = plan.side
    reference = getattr(plan.rate, "reference", "")
    lines = [f"Rate: {plan.rate.source}{': ' if reference else ''}{reference}."]
    lines += [] if side.card is None or not side.card.source else [f"GPU: {side.card.source}."]
    lines.append(f"Billing: {side.billing.source}.")
    lines.append(f"Goodput: {side.goodput}.")
    facts = sites.load_site(plan.site).facts
    lines += [f"Nodes: {facts['node']['source']} ({facts['node']['date']})."]
    return "\n".join(["### Sources", "", *(f"- {line}" for line in lines), _SOURCES])


def _short(table: pd.DataFrame) -> pd.DataFrame:
    """Round numbers for a page."""
    numbers = table.select_dtypes("number").columns
    return table.assign(**{name: table[name].map(_number) for name in numbers})


def _number(value: float) -> str:
    """Write a number out where it is large; a small one has three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"


def _markdown(table: pd.DataFrame) -> str:
    head = f"| {' | '.join(table.columns)} |\n|{'---|' * len(table.columns)}\n"
    rows = [
        f"| {' | '.join(str(cell) for cell in row)} |"
        for row in table.itertuples(index=False, name=None)
    ]
    return head + "\n".join(rows)
