"""Recorded answers of several versions of Slurm about limits."""

from __future__ import annotations

import math

import pytest

from kblib.cluster import slurm_limits as limits
from kblib.cluster.slurm_limits import Association, NodeKind, Partition, Qos

PARTITION_22 = (
    "PartitionName=gpu AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES "
    "QoS=N/A DefaultTime=00:30:00 DisableRootJobs=NO MaxNodes=UNLIMITED MaxTime=2-00:00:00 "
    "MinNodes=0 Nodes=gn[1-4] PriorityTier=1 State=UP TotalCPUs=256 TotalNodes=4 "
    "DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED TRES=cpu=256,mem=2000000M,node=4,gres/gpu=16"
)
PARTITION_24 = (
    "PartitionName=boost_usr_prod AllowGroups=ALL AllowAccounts=euhpc_a,euhpc_b "
    "AllowQos=normal,boost_qos_dbg Default=NO QoS=partition_boost MaxNodes=64 MaxTime=1-00:00:00 "
    "State=DRAIN TotalNodes=3456 MaxMemPerNode=494000 ResumeTimeout=GLOBAL OverTimeLimit=NONE"
)
PARTITION_20 = (
    "PartitionName=old State=UP TotalNodes=2 MaxTime=UNLIMITED MaxNodes=2 MaxMemPerNode=1T"
)


def test_partitions_are_read() -> None:
    assert limits.partitions_of(f"{PARTITION_22}\n{PARTITION_24}\n{PARTITION_20}") == [
        Partition("gpu", "UP", 4, math.inf, 48.0, math.inf),
        Partition(
            "boost_usr_prod",
            "DRAIN",
            3456,
            64,
            24.0,
            494_000,
            ("euhpc_a", "euhpc_b"),
            ("normal", "boost_qos_dbg"),
            "partition_boost",
        ),
        Partition("old", "UP", 2, 2, math.inf, 1024 * 1024),
    ]


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("gn1|2:32:1|500000|gpu:a100:4", NodeKind(1, 64, 500_000, 4, "a100")),
        ("mel2001|2:32:2|491520|gpu:a100:4(S:1,3,5,7)", NodeKind(1, 64, 491_520, 4, "a100")),
        ("nid1|8:8:2|491520|gpu:mi250:8(S:0-7)", NodeKind(1, 64, 491_520, 8, "mi250")),
        ("lrdn1|1:32:1|494000|gpu:4,tmpfs:3080000M", NodeKind(1, 32, 494_000, 4, "")),
        ("n1|2:8+:1|60000+|(null)", NodeKind(1, 16, 60_000, 0, "")),
        (
            "m1|1:8:1|1000|gpu:1g.5gb:7,gpu:a100:1",
            NodeKind(1, 8, 1000, 7, "1g.5gb"),
        ),
    ],
)
def test_nodes_are_read(row: str, kind: NodeKind) -> None:
    assert limits.node_kinds_of(row) == [kind]


def test_commonest_kind_comes_first_and_a_node_of_two_lines_counts_once() -> None:
    rows = "a1|1:4:1|10|(null)\na2|1:8:1|20|(null)\na3|1:8:1|20|(null)\na3|1:8:1|20|(null)"
    assert [(kind.count, kind.cores) for kind in limits.node_kinds_of(rows)] == [(2, 8), (1, 4)]


def test_accounts_are_read() -> None:
    assert limits.associations_of("project||normal,short\nroot|gpu|\n") == [
        Association("project", "", ("normal", "short")),
        Association("root", "gpu", ()),
    ]


def test_qualities_of_service_are_read() -> None:
    assert limits.qos_of("normal||\nshort|00:05:00|node=1\nlong|6-00:00:00|cpu=4,gres/gpu=8") == [
        Qos("normal", math.inf, math.inf),
        Qos("short", 5 / 60, 1),
        Qos("long", 144.0, math.inf),
    ]


@pytest.mark.parametrize(
    ("text", "hours"),
    [
        ("1-12", 36.0),
        ("1-12:30", 36.5),
        ("7-00:00:00", 168.0),
        ("90", 1.5),
        ("05:30", 5.5 / 60),
        ("24:00:00", 24.0),
        ("", math.inf),
        ("INFINITE", math.inf),
    ],
)
def test_times_are_read(text: str, hours: float) -> None:
    assert limits.hours_of(text) == pytest.approx(hours)
