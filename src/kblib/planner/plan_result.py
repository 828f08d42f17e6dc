"""A plan: what a job costs on a site, as numbers, a sentence and tables."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

import pandas as pd

from kblib.errors import PlanError
from kblib.jobs.rates import Rate
from kblib.jobs.specs import Pretrain
from kblib.planner.award import Allocation
from kblib.planner.billing import hours_told
from kblib.planner.calendar import Calendar
from kblib.planner.cluster_side import ClusterSide, Estimate
from kblib.planner.flops import hardware_flops
from kblib.planner.limits import DataLimits
from kblib.planner.memory import Memory


@dataclass(frozen=True)
class Plan:
    """What a job costs on a site.

    Parameters
    ----------
    job, site
        What was planned, and where.
    parameters
        Of the model, exactly.
    steps, tokens
        Optimiser steps, and tokens read by them (repetitions count).
    hours
        Of training at `rate`; set-up, evaluation and saving come on top. On a cluster with the
        goodput of whole runs, which holds them.
    rate
        Where the speed comes from.
    limits
        How far the texts reach.
    cluster
        Nodes, memory and billing; None on this machine.
    """

    job: Pretrain
    site: str
    parameters: int
    steps: int
    tokens: int
    hours: float
    rate: Rate | Estimate
    limits: DataLimits | None = None
    cluster: ClusterSide | None = None

    @property
    def flops(self) -> float:
        """Floating-point operations of the training.

        6 a parameter and token, and attention (Kaplan et al. 2020). At most: the vocabulary of a
        masked model counts for every token, although only masked ones are looked up in it.
        """
        return self.job.shape.flops_per_token(self.job.seq_len) * self.tokens

    @property
    def hardware_flops(self) -> float:
        """Operations that the GPUs carry out: layers that are computed again count twice."""
        return hardware_flops(
            self.job.shape,
            self.tokens,
            seq_len=self.job.seq_len,
            recompute=self.job.activation_checkpointing,
        )

    @property
    def hours_between(self) -> tuple[float, float]:
        """The shortest and the longest that it may take, by the spread of rates and of goodput."""
        side, rate = self.side, self.rate
        fast, slow = rate.high or rate.tokens_per_s, rate.low or rate.tokens_per_s
        best, worst = max(side.goodput.high, side.goodput.share), side.goodput.low
        ideal = self.hours * side.goodput.share * rate.tokens_per_s
        return ideal / (fast * best), ideal / (slow * worst)

    @property
    def gpu_hours(self) -> float:
        """Hours of all GPUs, as jobs count them."""
        return self.hours * self.side.gpus

    @property
    def node_hours(self) -> float:
        """Hours of all nodes."""
        return self.hours * self.side.nodes

    @property
    def billed(self) -> float:
        """Hours in the site's own unit."""
        return self.side.billing.billed(self.node_hours)

    @property
    def memory(self) -> Memory | None:
        """What each GPU holds, by term; None where there are no GPUs."""
        fit = self.side.fit
        return None if fit is None else fit.memory

    def calendar(self, award: Allocation, *, start: datetime.date | None = None) -> Calendar:
        """Lay the plan into the months of an award.

        Raises
        ------
        PlanError
            If the award is of another site.
        """
        if award.billing.site != self.site:
            raise PlanError(
                f"The award is of site '{award.billing.site}', the plan of '{self.site}'.",
                "Hours of one are no hours of the other.",
                f'kb.plan(job, site="{award.billing.site}", nodes={self.side.nodes})',
            )
        return award.calendar(self.node_hours, nodes=self.side.nodes, start=start)

    def application(self, award: Allocation | None = None) -> str:
        """Return text and tables for an application, as Markdown with sources."""
        from kblib.planner.application import application

        return application(self, award)

    @property
    def table(self) -> pd.DataFrame:
        """The plan as a table of names, values and units."""
        estimated = "; estimated from words, the run counts" if self._about else ""
        a_step = f"of {self.job.batch_size} x {self.job.seq_len} tokens"
        rows = [
            ("model", str(self.job.shape), ""),
            ("parameters", f"{self.parameters:,}", ""),
            ("steps", f"{self._about}{self.steps:,}", f"{a_step}{estimated}"),
            ("tokens", f"{self._about}{self.tokens:,}", "read, repetitions counted"),
            ("operations", f"{self._at_most}{self.flops:.2e}", "floating-point operations"),
            ("rate", f"{self.rate.tokens_per_s:,.0f}", f"tokens a second, {self.rate.source}"),
            ("time", duration(self.hours), f"of training on site '{self.site}'"),
        ]
        if self.cluster is not None:
            rows += self._cluster_rows()
        return pd.DataFrame(rows, columns=["what", "value", "unit or source"])

    def _cluster_rows(self) -> list[tuple[str, str, str]]:
        side = self.side
        low, high = self.hours_between
        rows = [("goodput", f"{side.goodput.share:.2f}", str(side.goodput))]
        if low < high:
            rows.append(("between", f"{duration(low)} and {duration(high)}", "by these spreads"))
        rows += [
            ("nodes", f"{side.nodes}", f"of {side.billing.gpus_per_node} GPUs"),
            ("GPU-hours", hours_told(self.gpu_hours), "as jobs count GPUs"),
            ("node-hours", hours_told(self.node_hours), ""),
            ("billed", side.billing.told(self.node_hours), side.billing.source),
        ]
        if side.fit is not None:
            there = f"of {side.fit.gpu_memory_gib:g} on each GPU; plan.memory.table has the terms"
            rows.append(("memory", f"{side.fit.memory.needed_gib:.1f} GiB", there))
        if side.host is not None:
            there = f"of {side.host.there:g} on each node, {side.host.when}"
            rows.append(("node memory", f"{side.host.needed:.1f} GiB", there))
        if (energy := side.energy(self.hours)) is not None:
            rows.append(("energy", str(energy), energy.source))
        if self.limits is not None:
            rows.append(("texts", f"read {self.limits.epochs:,.1f} times", self.limits.advice))
        return rows

    @property
    def side(self) -> ClusterSide:
        """What the cluster adds.

        Raises
        ------
        PlanError
            If the plan is of this machine.
        """
        if self.cluster is None:
            raise PlanError(
                f"The plan is of site '{self.site}', which bills nothing.",
                "Node-hours and GPU-hours are those of a cluster.",
                'kb.plan(job, site="meluxina", nodes=2)',
            )
        return self.cluster

    @property
    def _about(self) -> str:
        """What stands before steps and tokens that were estimated."""
        return "about " if self.job.epochs is not None else ""

    @property
    def _at_most(self) -> str:
        """What stands before operations of a model whose head runs on a part of the tokens."""
        return "at most " if self.job.shape.objective == "masked" else ""

    def __str__(self) -> str:
        said = (
            f"{self.job.shape}: {self.parameters:,} parameters, {self._about}{self.steps:,} steps, "
            f"{self._about}{self.tokens:,} tokens: about {duration(self.hours)} "
            f"at {self.rate.tokens_per_s:,.0f} tokens a second ({self.rate.source})."
        )
        if self.cluster is None:
            return said
        nodes = "1 node" if self.cluster.nodes == 1 else f"{self.cluster.nodes} nodes"
        return (
            f"{said} On {nodes} of {self.site}: {hours_told(self.gpu_hours)} GPU-hours, "
            f"{hours_told(self.node_hours)} node-hours, "
            f"billed as {self.cluster.billing.told(self.node_hours)}."
        )


def duration(hours: float) -> str:
    """Return hours as one would say them."""
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    if hours < 2:
        return f"{hours * 60:.1f} min"
    return f"{hours:,.1f} h"
