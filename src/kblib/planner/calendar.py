"""A calendar of an award: what to start when, and the hours that nobody will use.

Awards are scheduled monthly: what is not used in a month is lost. Jobs end at the wall-time limit
and go on in the next one of their chain.
"""

from __future__ import annotations

import calendar
import datetime
import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from kblib import sites
from kblib.errors import KblibError, PlanError
from kblib.planner.award import Allocation
from kblib.planner.billing import hours_told
from kblib.planner.flops import check_positive, check_whole

_ROUNDING = 1e-9
"""Of all hours of a work: what sums of its months are off by at most, and more."""


@dataclass(frozen=True)
class Month:
    """One month: its share of the award, what is run in it, and what is lost.

    `hours` are those of the clock while `nodes` run; `jobs` are the links of their chain.
    """

    begin: datetime.date
    quota: float
    used: float
    nodes: int
    jobs: int

    @property
    def hours(self) -> float:
        """Hours of the clock."""
        return self.used / self.nodes

    @property
    def lost(self) -> float:
        """Node-hours of the share that are not used."""
        return max(0.0, self.quota - self.used)

    @property
    def end(self) -> datetime.date:
        """The day on which the last job of the month ends."""
        return self.begin + datetime.timedelta(days=max(0, math.ceil(self.hours / 24) - 1))


@dataclass(frozen=True)
class Calendar:
    """Months of an award with work laid into them.

    Parameters
    ----------
    award
        What is spent.
    needed
        Node-hours of the work.
    months
        One after the other.
    walltime_hours
        The longest job.
    """

    award: Allocation
    needed: float
    months: tuple[Month, ...]
    walltime_hours: float

    @property
    def lost(self) -> float:
        """Node-hours of the award that nobody uses."""
        return sum(month.lost for month in self.months)

    @property
    def left(self) -> float:
        """Node-hours of the work that do not fit into the award."""
        left = self.needed - sum(month.used for month in self.months)
        return left if left > _ROUNDING * self.needed else 0.0

    @property
    def table(self) -> pd.DataFrame:
        """One row a month: what to start when."""
        rows = [
            (
                month.begin,
                month.quota,
                month.used,
                month.lost,
                month.hours / 24,
                month.jobs,
                _told(month),
            )
            for month in self.months
        ]
        columns = ["from", "node-hours", "used", "lost", "days", "chained jobs", "start"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def sentence(self) -> str:
        """What is lost, and what does not fit, in a sentence."""
        share = f"{self.lost / self.award.node_hours:.0%}"
        needed, months = hours_told(self.needed), len(self.months)
        lost, there = f"{self.lost:,.0f}", f"{self.award.node_hours:,.0f}"
        if self.left:
            return (
                f"{needed} node-hours in {months} months: {lost} of {there} are lost ({share}), "
                f"and {hours_told(self.left)} do not fit into the award."
            )
        return f"{needed} node-hours in {months} months: {lost} of {there} are lost ({share})."

    def __str__(self) -> str:
        """Return the sentence in the language of the notebook."""
        return KblibError.retell(self.sentence)


def lay_out(
    award: Allocation,
    node_hours: float,
    *,
    nodes: int,
    start: datetime.date | None = None,
    first_month: int = 1,
) -> Calendar:
    """Lay work into the months of an award, as early as it can be.

    Parameters
    ----------
    award
        What there is.
    node_hours
        Of the work.
    nodes
        Of each job.
    start
        The first day of the award; by default the first of the coming month.
    first_month
        The month of the award in which the work is ready to start; earlier ones are lost.

    Raises
    ------
    PlanError
        If the nodes are more than one job may have, the award is over before the work is ready, a
        number is not above 0, or `start` is no date.
    """
    check_positive("calendar", "node_hours", node_hours)
    check_whole("calendar", "nodes", nodes)
    check_whole("calendar", "first_month", first_month, most=award.months)
    start = _date(start)
    cluster = sites.cluster_of(sites.load_site(award.billing.site))
    if nodes > cluster.most_nodes:
        raise PlanError(
            f"{nodes} nodes were asked of site '{cluster.name}'.",
            f"One job may have {cluster.most_nodes}.",
            f"allocation.calendar(..., nodes={cluster.most_nodes})",
        )
    begin = start or _months_later(datetime.date.today().replace(day=1), 1)
    whole, walltime_hours = int(nodes), cluster.walltime_hours
    months = tuple(_months(award, node_hours, whole, begin, first_month, walltime_hours))
    return Calendar(award, node_hours, months, walltime_hours)


def _date(start: object) -> datetime.date | None:
    if start is None or type(start) is datetime.date:
        return start
    if isinstance(start, datetime.datetime):
        return start.date()
    raise PlanError(
        f"calendar got start={start!r}.",
        "The first day of the award was expected, as a date.",
        "award.calendar(..., start=datetime.date(2027, 1, 1))",
    )


def _months(
    award: Allocation,
    needed: float,
    nodes: int,
    begin: datetime.date,
    first_month: int,
    walltime_hours: float,
) -> Iterator[Month]:
    left, first = needed, begin
    for number in range(1, award.months + 1):
        following = _months_later(first, number)
        there = nodes * 24 * (following - begin).days
        used = min(left, award.node_hours_a_month, there) if number >= first_month else 0.0
        jobs = math.ceil(used / nodes / walltime_hours)
        yield Month(begin, award.node_hours_a_month, used, nodes, jobs)
        begin, left = following, left - used


def _months_later(day: datetime.date, number: int) -> datetime.date:
    """Return the same day so many months later; the last of the month, if it has none."""
    years, month = divmod(day.month - 1 + number, 12)
    year = day.year + years
    last = calendar.monthrange(year, month + 1)[1]
    return datetime.date(year, month + 1, min(day.day, last))


def _told(month: Month) -> str:
    """Return what to start on the first day, in the fifty signs that a table of pandas shows."""
    if not month.used:
        return "nothing: its hours are lost"
    jobs = "one job" if month.jobs == 1 else f"chain of {month.jobs} jobs"
    return f"{jobs} on {month.nodes} nodes, over on {month.end}"
