"""What a batch asks of a site: workers of one node each, and a head where small jobs run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from kblib import sites
from kblib.cluster.resources import Resources
from kblib.cluster.tls import require_dask
from kblib.errors import JobError, SiteError
from kblib.jobs.batch import BatchTask
from kblib.sites import Cluster, Site

HEAD = "kblib.cluster.pool_head"
USUAL_WORKERS = 4
_HEAD_HOURS = 6.0
"""MeluXina's limit for small jobs (docs.lxp.lu, QOS dev); the next head goes on."""
_HEAD_CORES, _HEAD_MEMORY_GIB = 2, 4.0
"""A head hands out and takes in: one core computes for Dask, one for what the head itself does."""


def pool_request(
    task: BatchTask,
    place: Site,
    *,
    ranks: int | None,
    workers: int | None,
    resources: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what the run folder says of a pool.

    Raises
    ------
    JobError
        If the number of workers is none, or ranks were asked for.
    MissingPartError
        If Dask is not installed.
    SiteError
        If the site does not have what is asked for, or no job there may start another.
    """
    require_dask()
    if ranks is not None:
        raise JobError(
            f"ranks={ranks} was asked for a BatchTask.",
            "Ranks train together; the shards of a batch are shared out among workers.",
            f'kb.submit(task, site="{place.name}", workers={max(1, ranks)})',
        )
    _check_workers(workers, place)
    pool: dict[str, Any] = {"shards": task.n_shards}
    if place.scheduler == "none":
        _refuse_resources(place, resources)
        machine = sites.this_machine()
        pool["workers"] = min(workers or machine.gpus or machine.cores, task.n_shards)
        return {"driver": HEAD, "pool": pool}
    _refuse_nodes(place, resources)
    cluster = sites.cluster_of(place)
    _check_site(cluster)
    pool["resources"] = asdict(Resources.of(resources).at(cluster))
    pool["workers"] = min(workers or USUAL_WORKERS, task.n_shards, cluster.node.count)
    return {"driver": HEAD, "pool": pool, "resources": asdict(_head(cluster, resources))}


def _head(cluster: Cluster, resources: Mapping[str, Any]) -> Resources:
    return Resources(
        nodes=1,
        ranks_per_node=1,
        gpus_per_node=0,
        cores_per_node=min(_HEAD_CORES, cluster.node.cores),
        memory_gib=min(_HEAD_MEMORY_GIB, cluster.node.memory_gib),
        walltime_hours=min(_HEAD_HOURS, cluster.walltime_hours),
        account=resources.get("account"),
    ).at(cluster)


def _check_workers(workers: object, place: Site) -> None:
    if workers is None:
        return
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise JobError(
            f"workers={workers!r} was asked for.",
            "A whole number of workers was expected, 1 at least.",
            f'kb.submit(task, site="{place.name}", workers={USUAL_WORKERS})',
        )


def _check_site(cluster: Cluster) -> None:
    if cluster.scheduler != "slurm":
        raise SiteError(
            f"Site '{cluster.name}' has the scheduler '{cluster.scheduler}'.",
            "Workers are asked for where the scheduler is 'slurm'.",
            "python -m kblib doctor",
        )
    if not cluster.chain_from_nodes:
        raise SiteError(
            f"Jobs of site '{cluster.name}' may not submit others (chain_from_nodes = false).",
            "The head of a pool is a job, and asks for its workers from there.",
            'Where the work fits on one node: kb.submit(task, site="local") in a job of your own.',
        )


def _refuse_resources(place: Site, resources: Mapping[str, Any]) -> None:
    if resources:
        raise SiteError(
            f"{', '.join(resources)} was asked of site '{place.name}'.",
            "This machine has no nodes to choose; it takes workers.",
            f'kb.submit(task, site="{place.name}", workers=2)',
        )


def _refuse_nodes(place: Site, resources: Mapping[str, Any]) -> None:
    if "nodes" in resources:
        nodes = resources["nodes"]
        raise SiteError(
            f"nodes={nodes} was asked of site '{place.name}' for a BatchTask.",
            "Each worker is a job of one node; there are as many as can work.",
            f'kb.submit(task, site="{place.name}", workers={nodes})',
        )
