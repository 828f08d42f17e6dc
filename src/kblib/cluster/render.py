"""From resources and a site to the text of a batch script. Nothing else writes one.

The script replaces its shell by the driver (``exec``), so that the signal before the end of the
wall time, ``--signal=B:USR1@N``, reaches the driver itself; without ``B:`` it would reach, and end,
every process of the job.
"""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from kblib.cluster.resources import Resources
from kblib.runs.sharing import UMASK
from kblib.sites import Cluster

_UMASK = [f"umask {UMASK:04o}", f"export SLURM_UMASK={UMASK:04o}"]
"""The shell's own, and that which srun gives to its tasks (srun(1), ENVIRONMENT VARIABLES)."""
_LEAST_NOTICE_S, _MOST_NOTICE_S = 30, 300


@dataclass(frozen=True)
class Script:
    """What a batch script is to do, beside what it asks for.

    Parameters
    ----------
    name
        Of the job; jobs of one name run one after another (``--dependency=singleton``).
    log
        Where it writes, appending.
    command
        What the shell becomes.
    variables
        Set for the command, beside those of the site.
    code
        Folder from which Python takes the library, before any other; None for the installed one.
    exclude
        Nodes that are to be avoided.
    one_after_another
        Whether it waits until no other job of its name is there.
    small
        Whether it goes where the site wants small jobs.
    shared
        Whether a group may read, and not write, what it writes.
    """

    name: str
    log: PurePosixPath
    command: Sequence[str]
    variables: Mapping[str, str] = field(default_factory=dict)
    code: PurePosixPath | None = None
    exclude: Sequence[str] = ()
    one_after_another: bool = True
    small: bool = False
    shared: bool = False


def render(script: Script, cluster: Cluster, asked: Resources) -> str:
    """Return the whole batch script.

    Parameters
    ----------
    script
        What to do.
    cluster
        Where.
    asked
        Resources as `Resources.at` fills them.

    Raises
    ------
    SiteError
        If the site does not have what is asked for.
    """
    asked = asked.at(cluster)
    directives = {"slurm": _slurm, "pbs": _pbs}[cluster.scheduler]
    head = list(directives(script, cluster, asked))
    variables = {**cluster.environment, **script.variables}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    exports += [python_path(script.code)] if script.code else []
    exports += _UMASK if script.shared else []
    parts = [["#!/usr/bin/env bash", *head], [*cluster.setup, *exports], [_exec(script, cluster)]]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def python_of(cluster: Cluster) -> str:
    """Return the Python that jobs of a site run."""
    return cluster.python or sys.executable


def python_path(code: PurePosixPath) -> str:
    """Return the line that puts a folder before all others; what modules have set stays behind."""
    return f"export PYTHONPATH={shlex.quote(str(code))}${{PYTHONPATH:+:$PYTHONPATH}}"


def walltime(hours: float) -> str:
    """Return hours as a scheduler writes them, in whole minutes, rounded down, at least one.

    Examples
    --------
    >>> walltime(7.5), walltime(48)
    ('07:30:00', '48:00:00')
    """
    minutes = max(1, math.floor(hours * 60 + 1e-6))
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def notice_s(hours: float) -> int:
    """Return how many seconds before the wall time the driver is told to write a checkpoint.

    A quarter of a short job, five minutes of a long one. Slurm looks once a minute, so the notice
    may come up to 60 s earlier (sbatch(1), ``--signal``).
    """
    return int(min(_MOST_NOTICE_S, max(_LEAST_NOTICE_S, hours * 3600 / 4)))


def _exec(script: Script, cluster: Cluster) -> str:
    prefix = f"{cluster.prefix} " if cluster.prefix else ""
    return f"exec {prefix}{shlex.join(script.command)}"


def _slurm(script: Script, cluster: Cluster, asked: Resources) -> Iterator[str]:
    for option, value in _slurm_options(script, cluster, asked):
        yield f"#SBATCH --{option}" if value is None else f"#SBATCH --{option}={value}"
    yield from (f"#SBATCH {directive}" for directive in cluster.directives)


def _slurm_options(
    script: Script, cluster: Cluster, asked: Resources
) -> Iterator[tuple[str, str | None]]:
    ranks = asked.ranks_per_node or 1
    hours = asked.walltime_hours or 0.0
    where = {"partition": asked.partition, "account": asked.account, "qos": asked.qos}
    if script.small:
        where |= cluster.small
    yield "job-name", script.name
    yield from ((option, value) for option, value in where.items() if value)
    yield "nodes", str(asked.nodes)
    yield "ntasks-per-node", str(ranks)
    yield "cpus-per-task", str((asked.cores_per_node or ranks) // ranks)
    yield "mem", f"{math.floor((asked.memory_gib or 1) * 1024)}M"
    if asked.gpus_per_node and cluster.gpu_option != "none":
        gres = cluster.gpu_option == "gres"
        yield cluster.gpu_option, f"gpu:{asked.gpus_per_node}" if gres else str(asked.gpus_per_node)
    yield "time", walltime(hours)
    yield "signal", f"B:USR1@{notice_s(hours)}"
    if script.one_after_another:
        yield "dependency", "singleton"
    if exclude := sorted({*script.exclude, *asked.exclude}):
        yield "exclude", ",".join(exclude)
    # A job that is put back keeps its number and its dead node's GPUs (Slurm 22.05); the next
    # job of the name goes on instead.
    yield "no-requeue", None
    yield "open-mode", "append"
    yield "output", str(script.log)


def _pbs(script: Script, cluster: Cluster, asked: Resources) -> Iterator[str]:
    ranks = asked.ranks_per_node or 1
    chunk = f"ncpus={asked.cores_per_node}:mpiprocs={ranks}"
    gpus = f":ngpus={asked.gpus_per_node}" if asked.gpus_per_node else ""
    memory = f":mem={math.floor((asked.memory_gib or 1) * 1024)}mb"
    yield f"#PBS -N {script.name}"
    if asked.partition:
        yield f"#PBS -q {asked.partition}"
    if asked.account:
        yield f"#PBS -A {asked.account}"
    yield f"#PBS -l select={asked.nodes}:{chunk}{gpus}{memory}"
    yield f"#PBS -l walltime={walltime(asked.walltime_hours or 0)}"
    yield "#PBS -r n"
    yield "#PBS -j oe"
    yield f"#PBS -o {script.log}"
    yield from (f"#PBS {directive}" for directive in cluster.directives)
