"""What a run asks of a cluster: checked against the site's facts before anything is queued."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from kblib.errors import SiteError
from kblib.sites import Cluster
from kblib.sites.facts import overlay

_NODE = re.compile(r"[\w.\[\],-]+")
"""A name, or a range of names as Slurm writes it: ``gn[1-2]``."""


class Asked(TypedDict, total=False):
    """The fields of `Resources`, to be given one by one."""

    nodes: int
    ranks_per_node: int
    gpus_per_node: int
    cores_per_node: int
    memory_gib: float
    walltime_hours: float
    partition: str
    account: str
    qos: str
    exclude: Sequence[str]


@dataclass(frozen=True)
class Resources:
    """Nodes and time of a run.

    Parameters
    ----------
    nodes
        How many, all alike.
    ranks_per_node
        Processes that train on each; by default one a GPU, or one.
    gpus_per_node
        By default all that a node has.
    cores_per_node, memory_gib
        Of each node; by default all that a job may have.
    walltime_hours
        How long one job may last; a run is continued in the next one.
    partition, account, qos
        By default what the site file and its overlay say.
    exclude
        Names of nodes to keep away from, such as those that `preflight` has found slow.
    """

    nodes: int = 1
    ranks_per_node: int | None = None
    gpus_per_node: int | None = None
    cores_per_node: int | None = None
    memory_gib: float | None = None
    walltime_hours: float | None = None
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    exclude: Sequence[str] = ()

    def __post_init__(self) -> None:
        if isinstance(self.exclude, str) or not all(_NODE.fullmatch(one) for one in self.exclude):
            raise SiteError(
                f"exclude={self.exclude!r} was asked for.",
                "A list of names of nodes was expected.",
                'kb.submit(job, site=..., exclude=["gn2"])',
            )
        object.__setattr__(self, "exclude", tuple(self.exclude))

    def at(self, cluster: Cluster) -> Resources:
        """Return the same with the site's own in every place that was left open.

        Raises
        ------
        SiteError
            If a number is more than the site has, or what it demands is missing.
        """
        gpus = cluster.node.gpus if self.gpus_per_node is None else self.gpus_per_node
        filled = replace(
            self,
            gpus_per_node=gpus,
            ranks_per_node=max(1, gpus) if self.ranks_per_node is None else self.ranks_per_node,
            cores_per_node=self.cores_per_node or cluster.node.cores,
            memory_gib=self.memory_gib or cluster.node.memory_gib,
            walltime_hours=self.walltime_hours or cluster.walltime_hours,
            partition=self.partition or cluster.partition,
            account=self.account or cluster.account,
            qos=self.qos or cluster.qos,
        )
        _check(filled, cluster)
        return filled

    @property
    def ranks(self) -> int:
        """Ranks on all nodes; of resources that `at` has filled."""
        return self.nodes * (self.ranks_per_node or 1)


def _check(asked: Resources, cluster: Cluster) -> None:
    node, name = cluster.node, cluster.name
    most = {
        "nodes": (asked.nodes, cluster.most_nodes, "nodes for one job"),
        "gpus_per_node": (asked.gpus_per_node, node.gpus, f"GPUs ({node.gpu}) on a node"),
        "cores_per_node": (asked.cores_per_node, node.cores, "cores on a node"),
        "memory_gib": (asked.memory_gib, node.memory_gib, "GiB on a node"),
        "walltime_hours": (asked.walltime_hours, cluster.walltime_hours, "hours for one job"),
    }
    for what, (wanted, there, unit) in most.items():
        least = 0 if what == "gpus_per_node" else 1e-9
        if wanted is None or not least <= wanted <= there:
            raise SiteError(
                f"{what}={wanted:g} was asked of site '{name}'.",
                f"It has {there:g} {unit}.",
                f'kb.submit(job, site="{name}", {what}={there:g})',
            )
    if (asked.cores_per_node or 0) < (asked.ranks_per_node or 0) or (asked.ranks_per_node or 0) < 1:
        raise SiteError(
            f"ranks_per_node={asked.ranks_per_node} was asked of site '{name}'.",
            f"From 1 to {asked.cores_per_node}, one core each at least, was expected.",
            f'kb.submit(job, site="{name}", ranks_per_node={max(1, asked.gpus_per_node or 0)})',
        )
    if cluster.needs_account and not asked.account:
        raise SiteError(
            f"The file of site '{name}' has no 'account' under [{cluster.scheduler}].",
            "This cluster refuses jobs without one.",
            f'Add to {overlay(cluster.site)}: [{cluster.scheduler}] account = "your-project"   '
            "(your projects: sacctmgr show user $USER withassoc)",
        )
