"""The batch script of a job, before anything is sent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Unpack

from kblib import settings, sites
from kblib.cluster import gang, remote
from kblib.cluster.access import is_elsewhere
from kblib.cluster.pool_scripts import worker_script
from kblib.cluster.resources import Asked, Resources
from kblib.jobs.batch import BatchTask
from kblib.jobs.finetune_job import Finetune
from kblib.jobs.specs import Pretrain, check_ranks
from kblib.runs import RunFolder
from kblib.sites import Cluster


def job_script(
    job: Pretrain | Finetune | BatchTask, *, site: str, **resources: Unpack[Asked]
) -> str:
    """Return the batch script that `submit` would send; nothing is sent, and nothing written.

    Of a `BatchTask` it is that of a worker; where the head listens is known once it is there.

    A site that is reached by ssh is asked for it: only there is known where things lie.

    Parameters
    ----------
    site
        A site with a scheduler.
    **resources
        The fields of `Resources`, such as ``nodes=24, walltime_hours=12``.

    Raises
    ------
    SiteError
        If the site is unknown, does not have what is asked for, or is not reached.
    JobError
        If the batch does not divide among the ranks.
    """
    cluster = sites.cluster_of(sites.load_site(site))
    asked = Resources.of(resources).at(cluster)
    name = f"{job.label}-{job.key[:8]}"
    batch = isinstance(job, BatchTask)
    if not isinstance(job, BatchTask):
        check_ranks(job, asked.ranks)
    if is_elsewhere(cluster):
        return remote.script_before(name, cluster, asdict(asked), batch=batch)
    return script_before(name, cluster, asked, batch=batch)


def script_before(name: str, cluster: Cluster, asked: Resources, *, batch: bool) -> str:
    """Return the batch script that a new run of a name would get on this machine."""
    if not batch:
        return gang.script_before(name, cluster, asked)
    run, variables = RunFolder(settings.runs_folder() / name), gang.variables_of(cluster)
    return worker_script(run, cluster, asked, "ADDRESS_OF_THE_HEAD", "worker-0", variables)
