"""The configuration files of an emulated cluster, as text.

What each line is for: slurm.conf(5), gres.conf(5), cgroup.conf(5), slurmdbd.conf(5) of Slurm 22.05.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from .hardware import Hardware

CLUSTER = "emulator"
_SRUN_PORTS = 60


@dataclass(frozen=True)
class Ports:
    """A block of free ports on loopback: controller, nodes, srun's range, accounting, database."""

    first: int
    nodes: int

    @classmethod
    def needed(cls, nodes: int) -> int:
        """Return how many ports a cluster of so many nodes takes."""
        return nodes + _SRUN_PORTS + 3

    @property
    def controller(self) -> int:
        """Where slurmctld listens."""
        return self.first

    def node(self, number: int) -> int:
        """Where the slurmd of node `number` (from 1) listens."""
        return self.first + number

    @property
    def srun(self) -> str:
        """The ports srun may open, as Slurm writes a range."""
        start = self.first + self.nodes + 1
        return f"{start}-{start + _SRUN_PORTS - 1}"

    @property
    def accounting(self) -> int:
        """Where slurmdbd listens."""
        return self.first + self.nodes + _SRUN_PORTS + 1

    @property
    def database(self) -> int:
        """Where the database listens."""
        return self.accounting + 1


def slurm_conf(folder: Path, hardware: Hardware, ports: Ports, *, accounting: bool) -> str:
    """Return slurm.conf."""
    return "\n".join(
        [
            *_daemons(folder, ports),
            *_made_up_hardware(),
            *_scheduling(),
            *_faults(hardware),
            *(_accounting(folder, ports) if accounting else _without_accounting(folder)),
            *_nodes(hardware, ports),
            "",
        ]
    )


def _daemons(folder: Path, ports: Ports) -> list[str]:
    return [
        f"ClusterName={CLUSTER}",
        f"SlurmctldHost={socket.gethostname().split('.')[0]}(127.0.0.1)",
        "SlurmUser=root",
        "SlurmdUser=root",
        "AuthType=auth/munge",
        # The life of a credential is also how long a requeued job waits: 120 s by default.
        f"AuthInfo=socket={folder}/run/munge.sock,cred_expire=10",
        "CredType=cred/munge",
        f"SlurmctldPort={ports.controller}",
        f"SlurmctldPidFile={folder}/run/slurmctld.pid",
        f"SlurmctldLogFile={folder}/log/slurmctld.log",
        f"StateSaveLocation={folder}/state",
        f"SlurmdPidFile={folder}/run/slurmd.%n.pid",
        f"SlurmdLogFile={folder}/log/slurmd.%n.log",
        f"SlurmdSpoolDir={folder}/spool/%n",
        f"SrunPortRange={ports.srun}",
    ]


def _made_up_hardware() -> list[str]:
    return [
        "SlurmdParameters=config_overrides",  # believe this file, not the machine
        "ProctrackType=proctrack/linuxproc",  # no cgroups: they may not be ours to make
        "TaskPlugin=task/none",
        "JobAcctGatherType=jobacct_gather/linux",
        "JobAcctGatherFrequency=task=5",
        "SwitchType=switch/none",
        "MpiDefault=none",
        "GresTypes=gpu",
    ]


def _scheduling() -> list[str]:
    return [
        "SchedulerType=sched/backfill",
        "SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=100000",
        "SelectType=select/cons_tres",
        "SelectTypeParameters=CR_Core_Memory",
        "PriorityType=priority/basic",
        "JobRequeue=1",
        "MinJobAge=3600",  # scontrol shows a job for an hour after its end
    ]


def _faults(hardware: Hardware) -> list[str]:
    return [
        f"SlurmdTimeout={hardware.node_timeout_s}",
        "SlurmctldTimeout=10",
        "MessageTimeout=5",
        "InactiveLimit=0",
        "KillWait=5",
        "OverTimeLimit=0",
        "CompleteWait=0",
        "UnkillableStepTimeout=20",
        "ReturnToService=2",
    ]


def _without_accounting(folder: Path) -> list[str]:
    return [
        "JobCompType=jobcomp/filetxt",
        f"JobCompLoc={folder}/log/jobcomp.txt",
        "AccountingStorageType=accounting_storage/none",
    ]


def _accounting(folder: Path, ports: Ports) -> list[str]:
    return [
        "AccountingStorageType=accounting_storage/slurmdbd",
        "AccountingStorageHost=127.0.0.1",
        f"AccountingStoragePort={ports.accounting}",
        f"AccountingStoragePass={folder}/run/munge.sock",
        "AccountingStorageEnforce=associations,limits,qos,safe",
        "AccountingStorageTRES=gres/gpu",
        "JobCompType=jobcomp/none",
    ]


def _nodes(hardware: Hardware, ports: Ports) -> list[str]:
    gres = f" Gres=gpu:a100:{hardware.gpus}" if hardware.gpus else ""
    nodes = [
        f"NodeName={name} NodeHostname={name} NodeAddr=127.0.0.1 Port={ports.node(number)} "
        f"Sockets=2 CoresPerSocket={hardware.cpus // 2} ThreadsPerCore=1 "
        f"RealMemory={hardware.memory_mb}{gres} State=UNKNOWN"
        for number, name in enumerate(hardware.names, start=1)
    ]
    everywhere = hardware.name_range
    return [
        *nodes,
        f"PartitionName=gpu Nodes={everywhere} Default=YES MaxTime=2-0 DefaultTime=00:30:00",
        f"PartitionName=dev Nodes={everywhere} PriorityTier=10 MaxTime=5 DefaultTime=2",
    ]


def gres_conf(folder: Path, hardware: Hardware) -> str:
    """Return gres.conf: the devices that stand for GPUs."""
    if not hardware.gpus:
        return "AutoDetect=off\n"
    devices = f"{folder}/dev/nvidia[0-{hardware.gpus - 1}]"
    return f"AutoDetect=off\nNodeName={hardware.name_range} Name=gpu Type=a100 File={devices}\n"


def cgroup_conf() -> str:
    """Return cgroup.conf: no control groups at all."""
    return "CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n"


def slurmdbd_conf(folder: Path, ports: Ports, password: str) -> str:
    """Return slurmdbd.conf; it holds the password of the database, so only its owner may read."""
    return f"""\
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.sock
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort={ports.accounting}
SlurmUser=root
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={ports.database}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct_db
"""
