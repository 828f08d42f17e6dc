"""What Slurm says of a cluster's limits, read: partitions, nodes, accounts, qualities of service.

Formats: ``scontrol show partition``, sinfo(1), sacctmgr(1), of Slurm 20.11 to 24.05.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

from kblib.cluster.slurm_answers import fields

_GPU = re.compile(r"gpu(?::([^:,()\s]+(?=:)))?:(\d+)")
_UNITS_MB = {"": 1.0, "K": 1 / 1024, "M": 1.0, "G": 1024.0, "T": 1024.0**2}


@dataclass(frozen=True)
class Partition:
    """A partition and the most that it gives to one job; infinite where it says no limit.

    Parameters
    ----------
    name, state
        UP, DOWN, DRAIN or INACTIVE.
    nodes
        How many it has.
    job_nodes, job_hours, node_memory_mb
        The most of one job: nodes, hours, and memory on each node.
    accounts, qos
        Who may use it; empty where all may.
    own_qos
        A quality of service whose limits hold for every job in it; empty if there is none.
    """

    name: str
    state: str
    nodes: int
    job_nodes: float
    job_hours: float
    node_memory_mb: float
    accounts: tuple[str, ...] = ()
    qos: tuple[str, ...] = ()
    own_qos: str = ""


@dataclass(frozen=True)
class NodeKind:
    """Nodes that are alike: how many, their cores, memory, GPUs and Slurm's name for those."""

    count: int
    cores: int
    memory_mb: int
    gpus: int
    gpu: str


@dataclass(frozen=True)
class Association:
    """An account that a user may charge, in a partition or in all, and the qualities of service."""

    account: str
    partition: str
    qos: tuple[str, ...]


@dataclass(frozen=True)
class Qos:
    """A quality of service and the most that it gives to one job."""

    name: str
    job_hours: float
    job_nodes: float


def partitions_of(answer: str) -> list[Partition]:
    """Read ``scontrol --oneliner show partition``."""
    return [_partition(fields(line)) for line in answer.splitlines() if "PartitionName=" in line]


def _partition(found: dict[str, str]) -> Partition:
    return Partition(
        name=found["PartitionName"],
        state=found.get("State", ""),
        nodes=int(found.get("TotalNodes", "0")),
        job_nodes=_number(found.get("MaxNodes", "")),
        job_hours=hours_of(found.get("MaxTime", "")),
        node_memory_mb=_number(found.get("MaxMemPerNode", "")),
        accounts=_names(found.get("AllowAccounts", "ALL")),
        qos=_names(found.get("AllowQos", "ALL")),
        own_qos=",".join(_names(found.get("QoS", ""))),
    )


NODES_FORMAT = "%N|%z|%m|%G"


def node_kinds_of(answer: str) -> list[NodeKind]:
    """Read ``sinfo --noheader --Node --format=...``; the kind with most nodes comes first."""
    rows = {line.split("|", 1)[0]: line.split("|", 1)[1] for line in answer.splitlines() if line}
    kinds = Counter(rows.values())
    return [_kind(text, count) for text, count in kinds.most_common()]


def _kind(text: str, count: int) -> NodeKind:
    shape, memory, gres = text.split("|")
    sockets, cores, _ = (int(part.rstrip("+")) for part in shape.split(":"))
    # Jobs of some sites count the parts of a GPU (MIG): each kind is a resource of its own.
    found = [(name or "", int(number)) for name, number in _GPU.findall(gres)]
    gpu = max(found, key=lambda one: one[1], default=("", 0))
    return NodeKind(count, sockets * cores, int(memory.rstrip("+")), gpu[1], gpu[0])


ASSOCIATIONS_FORMAT = "account,partition,qos"


def associations_of(answer: str) -> list[Association]:
    """Read ``sacctmgr --noheader --parsable2 show associations format=...``."""
    rows = (line.split("|") for line in answer.splitlines() if line.count("|") == 2)
    return [
        Association(account, partition, tuple(part for part in qos.split(",") if part))
        for account, partition, qos in rows
    ]


QOS_FORMAT = "name,maxwall,maxtres"


def qos_of(answer: str) -> list[Qos]:
    """Read ``sacctmgr --noheader --parsable2 show qos format=...``."""
    rows = (line.split("|") for line in answer.splitlines() if line.count("|") == 2)
    return [Qos(name, hours_of(wall), _of_tres(tres, "node")) for name, wall, tres in rows]


def hours_of(text: str) -> float:
    """Return a time as Slurm writes it in hours; infinite where there is no limit.

    Examples
    --------
    >>> hours_of("2-00:00:00"), hours_of("12:30:00"), hours_of("30:00"), hours_of("UNLIMITED")
    (48.0, 12.5, 0.5, inf)
    """
    days, _, clock = text.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts):
        return math.inf
    numbers = [int(part) for part in parts]
    if days:  # days-hours[:minutes[:seconds]]
        hours, minutes, seconds = [*numbers, 0, 0][:3]
        return int(days) * 24 + hours + minutes / 60 + seconds / 3600
    if len(numbers) == 1:  # minutes
        return numbers[0] / 60
    hours, minutes, seconds = [0, *numbers][-3:]
    return hours + minutes / 60 + seconds / 3600


def _number(text: str) -> float:
    """Return a number, perhaps with a unit of memory; infinite where there is no limit."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", text)
    return float(found[1]) * _UNITS_MB[found[2]] if found else math.inf


def _names(text: str) -> tuple[str, ...]:
    return () if text in ("ALL", "N/A", "(null)", "") else tuple(text.split(","))


def _of_tres(text: str, what: str) -> float:
    """Return how much of something a list allows: ``cpu=64,node=1``."""
    parts = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    return _number(parts.get(what, ""))
