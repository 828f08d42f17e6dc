"""A gang: one job on several nodes, all at once, and the job behind it that goes on.

At submit two jobs of one name are queued; the second waits until the first is over
(``--dependency=singleton``). Each that begins queues the next, so that a run goes on after a wall
time, a lost node, or a lost head, and nobody needs to be there. When all is done, or something of
ours is wrong, what still waits is taken out of the queue.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Unpack

from kblib import files, settings, sites
from kblib.cluster.access import shell_of
from kblib.cluster.render import Script, python_of, render
from kblib.cluster.resources import Asked, Resources
from kblib.cluster.slurm import Slurm
from kblib.errors import RunError, SiteError
from kblib.jobs.specs import Pretrain, check_ranks
from kblib.runs import RunFolder
from kblib.sites import Cluster

DRIVER = "kblib.cluster.gang_driver"


def script_of(run: RunFolder) -> str:
    """Return the batch script of a run; nodes that were lost under it are excluded."""
    config = run.config()
    cluster = cluster_of_run(run)
    return render(_script(run, cluster), cluster, Resources(**config["resources"]))


def _script(run: RunFolder, cluster: Cluster) -> Script:
    return Script(
        name=run.name,
        log=PurePosixPath(run.log_file),
        command=[python_of(cluster), "-m", DRIVER, str(run.path)],
        variables=_variables(cluster),
        exclude=sorted(run.bad_nodes()),
    )


def job_script(job: Pretrain, *, site: str, **resources: Unpack[Asked]) -> str:
    """Return the batch script that `submit` would send; nothing is sent, and nothing written.

    Parameters
    ----------
    site
        A site with a scheduler.
    **resources
        The fields of `Resources`, such as ``nodes=24, walltime_hours=12``.

    Raises
    ------
    SiteError
        If the site is unknown, or does not have what is asked for.
    JobError
        If the batch does not divide among the ranks.
    """
    cluster = sites.cluster_of(sites.load_site(site))
    asked = Resources(**resources).at(cluster)
    check_ranks(job, asked.ranks)
    folder = settings.runs_folder() / f"{job.label}-{job.key[:8]}"
    return render(_script(RunFolder(folder), cluster), cluster, asked)


def begin(run: RunFolder) -> list[str]:
    """Queue the next job of a run and the one behind it; return their numbers.

    Raises
    ------
    SiteError
        If the scheduler refuses the job or does not answer. Nothing is queued then.
    """
    slurm = slurm_of(run)
    script = script_of(run)
    files.write_atomic(run.script_file, script.encode())
    first = slurm.submit(script)
    try:
        return [first, slurm.submit(script)]
    except SiteError:
        slurm.cancel(first)
        raise


def queue_next(run: RunFolder, *, own: str) -> None:
    """Queue one more job of a run, unless one waits already."""
    slurm = slurm_of(run)
    if not [job for job in slurm.queue(run.name) if job.waits and job.id != own]:
        script = script_of(run)
        files.write_atomic(run.script_file, script.encode())
        slurm.submit(script)


def drop_waiting(run: RunFolder, *, own: str = "") -> None:
    """Take the jobs of a run that have not begun out of the queue."""
    slurm = slurm_of(run)
    waiting = [job.id for job in slurm.queue(run.name) if job.waits and job.id != own]
    if waiting:
        slurm.cancel(*waiting)


def slurm_of(run: RunFolder) -> Slurm:
    """Return the scheduler of a run's site."""
    return Slurm(shell_of(cluster_of_run(run)))


def cluster_of_run(run: RunFolder) -> Cluster:
    """Return the cluster that a run was sent to.

    Raises
    ------
    RunError
        If the run belongs to this machine alone.
    """
    config = run.config()
    if "resources" not in config:
        raise RunError(f"Run '{run.name}' is no run of a cluster.", f"Its site: {config['site']}.")
    return sites.cluster_of(sites.load_site(str(config["site"])))


def _variables(cluster: Cluster) -> dict[str, str]:
    interface = cluster.interface
    return {"GLOO_SOCKET_IFNAME": interface} if interface else {}
