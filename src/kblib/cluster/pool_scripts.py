"""The two batch scripts of a pool: its head, a small job, and its workers, of one node each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from kblib.cluster.render import Script, notice_s, python_of, render
from kblib.cluster.resources import Resources
from kblib.cluster.snapshot import place_of
from kblib.runs import RunFolder
from kblib.sites import Cluster

WORKER = "kblib.cluster.pool_worker"
_LEAVES_EARLIER_S = 30
"""A worker ends by itself so long before Slurm gives it notice: it takes no shard with it."""


def worker_name(run: RunFolder) -> str:
    """Return what Slurm calls the workers of a run; its heads are called as the run is."""
    return f"{run.name}.worker"


def worker_script(
    run: RunFolder,
    cluster: Cluster,
    asked: Resources,
    address: str,
    name: str,
    variables: dict[str, str],
) -> str:
    """Return the batch script of a worker.

    Parameters
    ----------
    asked
        Of a node: resources as `Resources.at` fills them.
    address
        Where the head's scheduler listens.
    name
        What Dask calls the worker.
    variables
        Set for it, beside those of the site.
    """
    words = worker_command(
        run,
        address,
        name,
        processes=asked.ranks_per_node,
        lifetime=lifetime_s(asked),
        interface=cluster.interface or None,
    )
    code = place_of(run)
    script = Script(
        name=worker_name(run),
        log=PurePosixPath(run.log_file),
        command=[python_of(cluster), *words],
        variables=variables,
        code=PurePosixPath(code) if code else None,
        exclude=sorted(run.bad_nodes()),
        one_after_another=False,
        shared=run.is_shared,
    )
    # One task holds the node; the processes share it out among themselves.
    return render(script, cluster, replace(asked, ranks_per_node=1))


def worker_command(run: RunFolder, address: str, name: str, **options: object) -> Sequence[str]:
    """Return the words behind ``python`` that start a worker; options that are None stay out."""
    given = [f"--{key}={value}" for key, value in options.items() if value is not None]
    return ["-m", WORKER, str(run.path), address, name, *given]


def lifetime_s(asked: Resources) -> float:
    """Return how long a worker works before it leaves by itself (s)."""
    hours = asked.walltime_hours or 0.0
    notice = notice_s(hours)
    return max(30.0, hours * 3600 - 60 - notice - _LEAVES_EARLIER_S)
