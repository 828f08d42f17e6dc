"""Compare a site file with the cluster: what differs, and the line that puts it right.

Site files tell the facts of a day. What ``sinfo``, ``scontrol`` and ``sacctmgr`` say today is laid
beside them; a fact that is wrong can cost a day in a queue.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kblib import sites
from kblib.cluster import environment
from kblib.cluster.access import Shell, shell_of
from kblib.cluster.render import python_of
from kblib.cluster.site_limits import Live, live_limits
from kblib.cluster.slurm_limits import Association, Partition
from kblib.errors import KblibError, SiteError
from kblib.sites import Cluster
from kblib.sites.facts import overlay

_ENOUGH = 0.8
"""A file may offer less of a node than there is: sites keep cores and memory for the system."""


@dataclass(frozen=True)
class Compared:
    """One fact of a site file beside what the cluster says.

    Parameters
    ----------
    what
        Which fact.
    found
        What was seen, in words.
    verdict
        ``ok``, ``differs`` or ``unknown``.
    table, line
        Where in the overlay which line puts it right; empty if there is nothing to put right.
    """

    what: str
    found: str
    verdict: str = "ok"
    table: str = ""
    line: str = ""

    def __str__(self) -> str:
        first = f"{self.verdict:8} {self.what:22} {self.found}"
        return f"{first}\n{'':31} [{self.table}] {self.line}" if self.line else first


def compare_site(name: str) -> list[Compared]:
    """Compare the file of a site, overlay included, with what its cluster says.

    Raises
    ------
    SiteError
        If the site is unknown or has no Slurm, or Slurm does not answer.
    """
    cluster = sites.cluster_of(sites.load_site(name))
    if cluster.scheduler != "slurm":
        raise SiteError(
            f"Site '{name}' has the scheduler '{cluster.scheduler}'.",
            "Only what Slurm says of itself can be compared.",
            "Compare by hand: qstat -Qf; pbsnodes -a",
        )
    shell = shell_of(cluster)
    live = live_limits(shell, cluster)
    return [
        Compared("scheduler", live.version),
        *_of_partition(cluster, live),
        *_of_accounts(cluster, live),
        _python(cluster, shell),
    ]


def overlay_of(name: str, compared: list[Compared]) -> str:
    """Return the lines that put a site file right, as a text for the user's overlay; or nothing."""
    tables: dict[str, list[str]] = {}
    for one in compared:
        if one.line:
            tables.setdefault(one.table, []).append(one.line)
    if not tables:
        return ""
    blocks = "\n\n".join("\n".join([f"[{table}]", *lines]) for table, lines in tables.items())
    return f"Into {overlay(sites.load_site(name))}:\n\n{blocks}"


def _of_partition(cluster: Cluster, live: Live) -> Iterator[Compared]:
    there = {one.name: one for one in live.partitions}
    partition = there.get(cluster.partition)
    if partition is None:
        known = ", ".join(there) or "none"
        found = f"site file: {cluster.partition}; the cluster has: {known}"
        line = f'partition = "{_likeliest(live)}"' if there else ""
        yield Compared("partition", found, "differs", "slurm", line)
        return
    verdict = "ok" if partition.state == "UP" else "differs"
    yield Compared("partition", f"{partition.name}, {partition.state.lower()}", verdict)
    yield from _limits(cluster, live, partition)
    yield from _nodes(cluster, live, partition)
    small = cluster.small.get("partition", cluster.partition)
    if small not in there:
        yield Compared(
            "small jobs",
            f"site file: partition {small}; the cluster has: {', '.join(there)}",
            "differs",
            "small",
            f'partition = "{cluster.partition}"',
        )


def _partition(cluster: Cluster, live: Live) -> Partition:
    """Return the site's partition; one that demands nothing, where there is none of its name."""
    there = (one for one in live.partitions if one.name == cluster.partition)
    return next(there, Partition(cluster.partition, "", 0, math.inf, math.inf, math.inf))


def _likeliest(live: Live) -> str:
    """Return the partition with most nodes: likelier than not the one that trains."""
    return max(live.partitions, key=lambda one: one.nodes).name


def _limits(cluster: Cluster, live: Live, partition: Partition) -> Iterator[Compared]:
    """Compare the longest and the widest job; partition and qualities of service limit them."""
    named = (live.qos_named(name) for name in (cluster.qos, partition.own_qos))
    qos = [one for one in named if one is not None]
    hours = min([partition.job_hours, *(one.job_hours for one in qos)])
    nodes = min([partition.job_nodes, partition.nodes, *(one.job_nodes for one in qos)])
    yield _at_most("wall time, h", cluster.walltime_hours, hours, "limits", "walltime_hours")
    yield _at_most("nodes of one job", cluster.most_nodes, nodes, "limits", "nodes")


def _nodes(cluster: Cluster, live: Live, partition: Partition) -> Iterator[Compared]:
    """Compare the nodes: how many, and what the commonest of them has."""
    node, kinds = cluster.node, live.kinds
    yield _same("nodes", node.count, partition.nodes, "node", "count")
    if not kinds:
        yield Compared("a node", "sinfo tells of none in this partition", "unknown")
        return
    commonest = kinds[0]
    others = f" (of {len(kinds)} kinds the commonest)" if len(kinds) > 1 else ""
    memory_gib = min(commonest.memory_mb, partition.node_memory_mb) / 1024
    yield _same(f"GPUs of a node{others}", node.gpus, commonest.gpus, "node", "gpus")
    yield _gpu(node.gpu, commonest.gpu, commonest.gpus)
    yield _at_most("cores of a node", node.cores, commonest.cores, "node", "cores", _ENOUGH)
    yield _at_most("GiB of a node", node.memory_gib, memory_gib, "node", "memory_gib", _ENOUGH)


def _gpu(told: str, live: str, gpus: int) -> Compared:
    if not gpus:
        return Compared("kind of GPU", "none on these nodes", "differs" if told else "ok")
    if not live:
        return Compared("kind of GPU", f"site file: {told}; Slurm has no name for it", "unknown")
    plain = "".join(letter for letter in told.lower() if letter.isalnum())
    if "".join(letter for letter in live.lower() if letter.isalnum()) in plain:
        return Compared("kind of GPU", f"{told} ({live})")
    found = f"site file: {told}; cluster: {live}. Look up its memory as well: gpu_memory_gib"
    return Compared("kind of GPU", found, "differs", "node", f'gpu = "{live}"')


def _of_accounts(cluster: Cluster, live: Live) -> Iterator[Compared]:
    if live.associations is None:
        yield Compared("accounts", f"not compared: {live.no_accounts}", "unknown")
        if cluster.qos and (takes := _partition(cluster, live).qos):
            yield _qos(cluster, takes, f"{cluster.partition} takes: {', '.join(takes)}")
        return
    mine = [one for one in live.associations if one.partition in ("", cluster.partition)]
    yield _account(cluster, live, mine)
    yield _qos_of_account(cluster, live, mine)


def _account(cluster: Cluster, live: Live, mine: list[Association]) -> Compared:
    names = list(dict.fromkeys(one.account for one in mine))
    allowed = _partition(cluster, live).accounts
    usable = [name for name in names if not allowed or name in allowed]
    listed = ", ".join(usable) or "none"
    if cluster.account in usable:
        return Compared("account", cluster.account)
    if not cluster.account and not cluster.needs_account:
        return Compared("account", f"none is needed; yours: {listed}")
    told = cluster.account or "none"
    line = f'account = "{usable[0]}"' if usable else ""
    return Compared("account", f"site file: {told}; yours: {listed}", "differs", "slurm", line)


def _qos_of_account(cluster: Cluster, live: Live, mine: list[Association]) -> Compared:
    """Compare the quality of service with those of the account, or of all, in the partition."""
    of_account = [one for one in mine if one.account == cluster.account] or mine
    names = list(dict.fromkeys(name for one in of_account for name in one.qos))
    takes = _partition(cluster, live).qos
    seen = f"yours: {', '.join(names) or 'none'}"
    if takes:  # in its order: what most jobs use comes first
        seen += f"; {cluster.partition} takes: {', '.join(takes)}"
        names = [name for name in takes if name in names]
    return _qos(cluster, names, seen)


def _qos(cluster: Cluster, usable: Sequence[str], seen: str) -> Compared:
    if not cluster.qos:
        return Compared("quality of service", f"none is named; {seen}")
    if cluster.qos in usable:
        return Compared("quality of service", cluster.qos)
    line = f'qos = "{usable[0] if usable else ""}"'
    found = f"site file: {cluster.qos}; {seen}"
    return Compared("quality of service", found, "differs", "slurm", line)


def _python(cluster: Cluster, shell: Shell) -> Compared:
    try:
        environment.check_python(
            cluster, shell, code=None, packages=(*environment.CORE, *environment.TRAINING)
        )
    except KblibError as error:
        # Which one it should be nobody can ask: a line to be filled in, and harmless until it is.
        line = '# python = "/a/disk/that/nodes/see/bin/python"'
        return Compared("Python of jobs", error.happened, "differs", "software", line)
    return Compared("Python of jobs", python_of(cluster))


def _same(what: str, told: float, live: float, table: str, name: str) -> Compared:
    if told == live:
        return Compared(what, f"{told:g}")
    found = f"site file: {told:g}; cluster: {live:g}"
    return Compared(what, found, "differs", table, f"{name} = {live:g}")


def _at_most(
    what: str, told: float, live: float, table: str, name: str, enough: float = 1.0
) -> Compared:
    """Compare a most: more than there is would be refused, much less would be left unused."""
    if live == math.inf:
        return Compared(what, f"{told:g} (the cluster sets no limit)")
    if enough * live <= told <= live:
        return Compared(what, f"{told:g}" if told == live else f"{told:g} of {live:.4g}")
    found = f"site file: {told:g}; cluster: {live:.4g}"
    return Compared(what, found, "differs", table, f"{name} = {math.floor(live * 100) / 100:g}")
