"""A gang: one job on several nodes, all at once, and the job behind it that goes on.

At submit two jobs of one name are queued; the second waits until the first is over
(``--dependency=singleton``). Each that begins queues the next, so that a run goes on after a wall
time, a lost node, or a lost head, and nobody needs to be there. When all is done, or something of
ours is wrong, what still waits is taken out of the queue.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from kblib import files, settings, sites
from kblib.cluster.access import shell_of
from kblib.cluster.render import Script, python_of, render
from kblib.cluster.resources import Resources
from kblib.cluster.slurm import Slurm
from kblib.cluster.snapshot import place_of
from kblib.cluster.staging import stage
from kblib.errors import KblibError, RunError, SiteError
from kblib.runs import RunFolder
from kblib.sites import Cluster, Site

DRIVER = "kblib.cluster.gang_driver"


def script_of(run: RunFolder) -> str:
    """Return the batch script of a run; nodes that were lost under it are excluded."""
    config = run.config()
    cluster = cluster_of_run(run)
    script = _script(run, cluster, config.get("driver", DRIVER))
    script = replace(script, small="pool" in config)  # the head of a pool
    return render(script, cluster, Resources(**config["resources"]))


def _script(run: RunFolder, cluster: Cluster, driver: str = DRIVER) -> Script:
    code = place_of(run)
    return Script(
        name=run.name,
        log=PurePosixPath(run.log_file),
        command=[python_of(cluster), "-m", driver, str(run.path)],
        variables=variables_of(cluster),
        code=PurePosixPath(code) if code else None,
        exclude=sorted(run.bad_nodes()),
        shared=run.is_shared,
    )


def script_before(name: str, cluster: Cluster, asked: Resources) -> str:
    """Return the batch script that a new run of a name would get; nothing is written."""
    return render(_script(RunFolder(settings.runs_folder() / name), cluster), cluster, asked)


def begin(run: RunFolder) -> list[str]:
    """Queue the next job of a run and the one behind it; return their numbers.

    Raises
    ------
    SiteError
        If the scheduler refuses the job or does not answer, or the site's Python cannot carry it
        out. Nothing is queued then.
    IntegrityError
        If something that the job needs is missing or damaged.
    """
    slurm = slurm_of(run)
    run.cancel_file.unlink(missing_ok=True)  # what was asked of the jobs before is done
    run.script_file.unlink(missing_ok=True)  # its being there says that a job was sent
    stage(run, cluster_of_run(run), slurm.shell)
    script = script_of(run)
    try:
        queued = [slurm.submit(script) for _ in range(2)]
    except SiteError:
        _take_back(run, slurm)
        raise
    files.write_atomic(run.script_file, script.encode())
    run.write_sent_jobs(*queued)
    return queued


def _take_back(run: RunFolder, slurm: Slurm) -> None:
    """End every job of a run: one of which sbatch gave no answer may be there all the same."""
    with suppress(KblibError):  # it is told already why
        if jobs := slurm.queue(run.name):
            slurm.cancel(*(job.id for job in jobs))


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
    """Return the scheduler of a run's site.

    Raises
    ------
    SiteError
        If it is none that jobs are sent to.
    """
    cluster = cluster_of_run(run)
    if cluster.scheduler != "slurm":
        raise SiteError(
            f"Site '{cluster.name}' has the scheduler '{cluster.scheduler}'.",
            "Jobs are sent to Slurm only; for others the script is shown, to be sent by hand.",
            f'kb.job_script(job, site="{cluster.name}")',
        )
    return Slurm(shell_of(cluster))


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
    return cluster_of_config(config)


def cluster_of_config(config: Mapping[str, Any]) -> Cluster:
    """Return the cluster that a run's config names: as whoever sent it there by ssh knows it."""
    site, facts = str(config["site"]), config.get("facts")
    known = Site(site, facts["scheduler"], facts) if facts else sites.load_site(site)
    return sites.cluster_of(known)


def variables_of(cluster: Cluster) -> dict[str, str]:
    """Return what jobs are told: a copy of the library does not know where its checkout was."""
    places = (str(folder) for folder in settings.model_folders())
    interface = {"GLOO_SOCKET_IFNAME": cluster.interface} if cluster.interface else {}
    return {
        settings.HOME_VARIABLE: str(settings.home()),
        settings.MODELS_VARIABLE: os.pathsep.join(places),
        **({} if cluster.internet else {"HF_HUB_OFFLINE": "1"}),
        **interface,
    }
