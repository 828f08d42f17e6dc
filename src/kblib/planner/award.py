"""An award of hours, in every currency, and its monthly share."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from kblib import sites
from kblib.errors import KblibError, PlanError
from kblib.planner.billing import SAID, Billing, billing_of
from kblib.planner.flops import check_positive, check_whole

if TYPE_CHECKING:
    from kblib.planner.calendar import Calendar

HOURS_A_MONTH = 365 * 24 / 12
MOST_MONTHS = 120
"""Ten years: no call grants more."""
SLIDES = ("the slides", "core_hours", 5_000_000)
NEWS = ("the news", "core_hours", 10_000_000)
"""The same award, as two published texts have it: "5,000,000 core hours on MeluXina" and "10 000
000 GPU core hours"; the second is read as core-hours of GPU nodes."""


@dataclass(frozen=True)
class Allocation:
    """An award: node-hours on a site, spread over months.

    Parameters
    ----------
    billing
        How the site converts.
    node_hours
        In all.
    months
        Over which they are scheduled, in equal parts.
    asked
        The award as it was given.
    assumption
        What had to be assumed to convert it; empty where nothing was.
    """

    billing: Billing
    node_hours: float
    months: int
    asked: str
    assumption: str = ""

    @property
    def node_hours_a_month(self) -> float:
        """The monthly share, in node-hours: what is not used in a month is lost."""
        return self.node_hours / self.months

    @property
    def gpu_hours(self) -> float:
        """Hours of all GPUs, as jobs count them."""
        return self.node_hours * self.billing.gpus_per_node

    @property
    def nodes_all_month(self) -> float:
        """Nodes that could run from the first to the last minute of each month."""
        return self.node_hours_a_month / HOURS_A_MONTH

    def calendar(
        self,
        node_hours: float,
        *,
        nodes: int,
        start: datetime.date | None = None,
        first_month: int = 1,
    ) -> Calendar:
        """Lay work into the months of the award; see `kblib.planner.calendar.lay_out`."""
        from kblib.planner.calendar import lay_out

        return lay_out(self, node_hours, nodes=nodes, start=start, first_month=first_month)

    @property
    def table(self) -> pd.DataFrame:
        """The award in every currency, in all and a month."""
        bill, hours = self.billing, self.node_hours
        rows = [("node-hours", hours), ("GPU-hours, as jobs count", self.gpu_hours)]
        if bill.unit != "node-h":
            rows.append((f"{SAID[bill.unit]}, as billed", bill.billed(hours)))
        frame = pd.DataFrame(rows, columns=["what", "in all"])
        frame["a month"] = frame["in all"] / self.months
        return frame

    def __str__(self) -> str:
        """Return the award in sentences, in the language of the notebook."""
        said = (
            f"{self.asked} on {self.billing.site} over {self.months} months: "
            f"{self.node_hours:,.0f} node-hours, {self.node_hours_a_month:,.0f} a month, "
            f"{self.nodes_all_month:,.1f} nodes from the first minute of it to the last."
        )
        there = sites.cluster_of(sites.load_site(self.billing.site)).node.count
        beyond = f"The whole site has {there:,}." if self.nodes_all_month > there else ""
        return " ".join(KblibError.retell(part) for part in (said, beyond, self.assumption) if part)


def allocation(
    site: str,
    *,
    core_hours: float | None = None,
    gpu_hours: float | None = None,
    node_hours: float | None = None,
    months: int = 12,
) -> Allocation:
    """Convert an award into what can be run.

    Parameters
    ----------
    site
        Where; its file says how many core-hours a node-hour is.
    core_hours, gpu_hours, node_hours
        The award, in the unit it was given in: exactly one. GPU-hours are those that the site
        bills; at LUMI of a whole MI250X, two dies.
    months
        Over which it is scheduled.

    Raises
    ------
    PlanError
        If none or several awards are given, one is not above 0, or the months are no whole number.
    SiteError
        If the site is unknown.

    Examples
    --------
    >>> round(allocation("meluxina", core_hours=5_000_000).node_hours_a_month)
    6510
    """
    given = {"core_hours": core_hours, "gpu_hours": gpu_hours, "node_hours": node_hours}
    said = [name for name, value in given.items() if value is not None]
    if len(said) != 1:
        raise PlanError(
            f"allocation got {' and '.join(said) or 'no award'}.",
            "Exactly one of core_hours, gpu_hours, node_hours says what was awarded.",
            f'kb.allocation("{site}", core_hours=5_000_000)',
        )
    check_positive("allocation", said[0], given[said[0]])
    check_whole("allocation", "months", months, most=MOST_MONTHS)
    amount, bill = float(given[said[0]] or 0), billing_of(site)
    asked = f"{amount:,.0f} {said[0].replace('_', '-').replace('gpu', 'GPU')}"
    hours, assumption = _node_hours(said[0], amount, bill)
    return Allocation(bill, hours, int(months), asked, assumption)


def award_figures(site: str = "meluxina", months: int = 12) -> pd.DataFrame:
    """Return the two published figures for the same award, side by side.

    The last row reads the second figure as hours of GPUs: `of the site` is then its share of all
    node-hours that the site has in that time, and 1 is the whole machine.
    """
    node = sites.cluster_of(sites.load_site(site)).node
    there = node.count * HOURS_A_MONTH * months
    awards = [
        (source, f"{amount:,} {name.replace('_', ' ')}", allocation(site, core_hours=amount))
        for source, name, amount in (SLIDES, NEWS)
    ]
    as_gpus = allocation(site, node_hours=NEWS[2] / node.gpus, months=months)
    awards.append((NEWS[0], f"{NEWS[2]:,}, read as GPU hours", as_gpus))
    rows = [
        (source, award, one.node_hours, one.node_hours / months, one.node_hours / there)
        for source, award, one in awards
    ]
    columns = ["source", "award", "node-hours", "node-hours a month", "of the site"]
    return pd.DataFrame(rows, columns=columns)


def _node_hours(name: str, amount: float, bill: Billing) -> tuple[float, str]:
    if name == "node_hours":
        return amount, ""
    if name == "gpu_hours":
        billed = bill.units_per_node if bill.unit == "gpu-h" else bill.gpus_per_node
        return amount / billed, ""
    if bill.bills_cores:
        return amount / bill.cores_per_node, ""
    return amount / bill.cores_per_node, (
        f"Core-hours do not convert at {bill.site}: it bills {SAID[bill.unit]}. Assumed here: "
        f"{bill.cores_per_node} core-hours, those of a node's processor, for one node-hour; "
        f"that makes {bill.told(amount / bill.cores_per_node)}. Ask for the award in that unit."
    )
