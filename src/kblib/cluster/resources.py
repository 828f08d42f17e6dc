"""What a run asks of a cluster: checked against the site's facts before anything is queued."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, TypedDict

from kblib.errors import SiteError
from kblib.sites import Cluster
from kblib.sites.facts import overlay

_NODE = re.compile(r"[\w.\[\],-]+")
"""A name, or a range of names as Slurm writes it: ``gn[1-2]``."""
_COUNTS = ("nodes", "ranks_per_node", "gpus_per_node", "cores_per_node")
_MEASURES = {"memory_gib": "GiB", "walltime_hours": "hours"}
_NAMES = ("partition", "account", "qos")


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
        for what in (*_COUNTS, *_MEASURES, *_NAMES):
            _check_kind(what, getattr(self, what))

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> Resources:
        """Return what was asked for by keywords.

        Raises
        ------
        SiteError
            If there is no resource of that name, with the nearest one; or it is of another kind.
        """
        known = list(Asked.__annotations__)
        for name in asked:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                raise SiteError(
                    f"There is no {name}= to be asked of a site.",
                    f"There is: {', '.join(known)}.",
                    f"kb.submit(job, site=..., {near[0]}=...)" if near else "",
                )
        return cls(**asked)

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
            cores_per_node=cluster.node.cores
            if self.cores_per_node is None
            else self.cores_per_node,
            memory_gib=cluster.node.memory_gib if self.memory_gib is None else self.memory_gib,
            walltime_hours=(
                cluster.walltime_hours if self.walltime_hours is None else self.walltime_hours
            ),
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


def _check_kind(what: str, value: object) -> None:
    """Check that a count is a whole number, a measure a number, and a name one word."""
    if value is None and what != "nodes":
        return
    if what in _NAMES:
        right, expected = isinstance(value, str) and len(value.split()) < 2, "A name"
        example = '"NAME"'
    elif what in _COUNTS:
        right, expected, example = isinstance(value, Integral), "A whole number", "2"
    else:
        right, expected, example = isinstance(value, Real), f"A number of {_MEASURES[what]}", "8.5"
    if not right or isinstance(value, bool):
        raise SiteError(
            f"{what}={value!r} was asked for.",
            f"{expected} was expected.",
            f"kb.submit(job, site=..., {what}={example})",
        )


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
