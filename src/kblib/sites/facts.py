"""What a site file says of a cluster, read and checked.

A cluster's file has the tables ``[slurm]``, ``[node]``, ``[limits]``, ``[small]``, ``[fabric]``,
``[software]`` and ``[billing]``; each names the source and the date of its facts. The user's
overlay adds what is the user's own, such as the account.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kblib import settings
from kblib.errors import SiteError
from kblib.sites.files import Site

GPU_OPTIONS = ("gpus-per-node", "gres", "none")
_ABSENT: Any = object()


@dataclass(frozen=True)
class Node:
    """One of the nodes that train.

    Parameters
    ----------
    count
        How many there are.
    gpus
        GPUs as jobs count them: dies (GCDs) where the scheduler does.
    gpu
        What they are called.
    gpu_memory_gib
        Of one of them.
    cores, memory_gib
        What a job may have of a whole node.
    """

    count: int
    gpus: int
    gpu: str
    gpu_memory_gib: float
    cores: int
    memory_gib: float


@dataclass(frozen=True)
class Cluster:
    """A site with a scheduler: what its file says, overlay included.

    Parameters
    ----------
    site
        The file it was read from.
    scheduler
        ``slurm`` or ``pbs``.
    via
        ``here``, or ``ssh:ALIAS``: how its commands are reached.
    internet
        Whether compute nodes reach the network.
    partition, account, qos
        Sent with each job; empty where the site needs none.
    needs_account
        Whether a job without an account is refused.
    gpu_option
        How GPUs are asked for: ``gpus-per-node``, ``gres`` or ``none``.
    directives
        Further lines of each script, such as ``--exclusive``.
    node
        The nodes that train.
    walltime_hours, most_nodes
        The longest and the widest job.
    small
        Options in place of the above where small jobs, such as the head of a pool, are to run.
    chain_from_nodes
        Whether ``sbatch`` may be called on a compute node.
    interface
        The network between nodes, as the operating system calls it.
    environment
        Variables of each job.
    setup
        Shell lines before anything starts: modules, a container's path.
    python
        The Python that jobs run; empty for the one that submits.
    prefix
        What stands before each command: a container's ``exec``, for instance.
    ssh_config
        For ``ssh:ALIAS``: another configuration of OpenSSH than the user's own; empty for that.
    remote_home
        For ``ssh:ALIAS``: the folder there under which runs lie; empty for kblib's own there.
    """

    site: Site
    scheduler: str
    via: str
    internet: bool
    partition: str
    account: str
    qos: str
    needs_account: bool
    gpu_option: str
    directives: tuple[str, ...]
    node: Node
    walltime_hours: float
    most_nodes: int
    small: Mapping[str, str]
    chain_from_nodes: bool
    interface: str
    environment: Mapping[str, str] = field(hash=False)
    setup: tuple[str, ...]
    python: str
    prefix: str
    ssh_config: str = ""
    remote_home: str = ""

    @property
    def name(self) -> str:
        """The name of the site."""
        return self.site.name


def cluster_of(site: Site) -> Cluster:
    """Return what a site file says of its cluster.

    Raises
    ------
    SiteError
        If the site has no scheduler, or its file lacks a fact, or says something impossible.
    """
    if site.scheduler not in ("slurm", "pbs"):
        raise SiteError(
            f"Site '{site.name}' has the scheduler '{site.scheduler}'.",
            "Nodes and partitions are there where the scheduler is 'slurm' or 'pbs'.",
            "Sites with one: python -m kblib doctor",
        )
    read = _Reader(site)
    node = Node(
        count=read.of("node", "count", int),
        gpus=read.of("node", "gpus", int),
        gpu=read.of("node", "gpu", str),
        gpu_memory_gib=float(read.of("node", "gpu_memory_gib", (int, float))),
        cores=read.of("node", "cores", int),
        memory_gib=float(read.of("node", "memory_gib", (int, float))),
    )
    return Cluster(
        site=site,
        scheduler=site.scheduler,
        via=read.of("", "via", str, "here"),
        internet=read.of("", "internet", bool, False),
        partition=read.of(site.scheduler, "partition", str),
        account=read.of(site.scheduler, "account", str, ""),
        qos=read.of(site.scheduler, "qos", str, ""),
        needs_account=read.of(site.scheduler, "needs_account", bool, False),
        gpu_option=read.one_of(site.scheduler, "gpu_option", GPU_OPTIONS),
        directives=tuple(read.of(site.scheduler, "directives", list, [])),
        node=node,
        walltime_hours=float(read.of("limits", "walltime_hours", (int, float))),
        most_nodes=read.of("limits", "nodes", int, node.count),
        small=_texts(read.of("small", "", dict, {})),
        chain_from_nodes=read.of(site.scheduler, "chain_from_nodes", bool, True),
        interface=read.of("fabric", "interface", str, ""),
        environment=_texts(read.of("fabric", "environment", dict, {})),
        setup=tuple(read.of("software", "setup", list, [])),
        python=read.of("software", "python", str, ""),
        prefix=read.of("software", "prefix", str, ""),
        ssh_config=read.of("ssh", "config", str, ""),
        remote_home=read.of("ssh", "remote_home", str, ""),
    )


def overlay(site: Site) -> str:
    """Return the path of the file where users say what is their own at a site."""
    return str(settings.config_folder() / "sites" / f"{site.name}.toml")


@dataclass(frozen=True)
class _Reader:
    """Takes facts out of a site file, and says which is missing or of the wrong kind."""

    site: Site

    def of(self, table: str, name: str, kind: Any, default: Any = _ABSENT) -> Any:
        facts = self.site.facts if not table else self.site.facts.get(table, {})
        value = facts if not name else facts.get(name, default)
        where = f"under [{table}]" if table else "at its top"
        if value is _ABSENT:
            raise SiteError(
                f"The file of site '{self.site.name}' has no '{name}' {where}.",
                "A job cannot be planned or sent without it.",
                f"Add it to {overlay(self.site)}",
            )
        wrong = isinstance(value, bool) and kind is not bool
        if wrong or not isinstance(value, kind):
            raise SiteError(
                f"The file of site '{self.site.name}' says {name} = {value!r} {where}.",
                f"{_said(kind)} was expected.",
                f"Put it right in {overlay(self.site)}",
            )
        return value

    def one_of(self, table: str, name: str, allowed: tuple[str, ...]) -> str:
        value = str(self.of(table, name, str, allowed[0]))
        if value not in allowed:
            raise SiteError(
                f"The file of site '{self.site.name}' says {name} = {value!r} under [{table}].",
                f"One of {', '.join(allowed)} was expected.",
                f"Put it right in {overlay(self.site)}",
            )
        return value


def _said(kind: Any) -> str:
    names = {int: "A whole number", str: "A text", bool: "true or false", list: "A list"}
    return names.get(kind, "A table" if kind is dict else "A number")


def _texts(table: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in table.items() if key not in ("source", "date")}
