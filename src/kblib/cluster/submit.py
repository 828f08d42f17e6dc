"""Submit: the same job twice is the same run."""

from __future__ import annotations

import os
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Unpack

import kblib
from kblib import settings, sites
from kblib.cluster import remote
from kblib.cluster.access import SSH
from kblib.cluster.attach import reason_for_none
from kblib.cluster.pool_request import pool_request
from kblib.cluster.resources import Asked, Resources
from kblib.cluster.run import Run
from kblib.errors import JobError, KblibError, RunError, SiteError
from kblib.jobs.batch import BatchTask
from kblib.jobs.finetune_job import Finetune
from kblib.jobs.specs import Pretrain, check_ranks, require_training_part
from kblib.jobs.watchdog import HANG_MIN, minutes
from kblib.models.training_split import PARTS
from kblib.runs import Phase, RunFolder
from kblib.runs.sharing import check_share
from kblib.sites import Site

_MODULES = {
    "pretrain": "kblib.jobs.pretrain",
    "finetune": "kblib.jobs.finetune",
    "batch": "kblib.jobs.shard_work",
}


def submit(
    job: Pretrain | Finetune | BatchTask,
    *,
    site: str = "local",
    ranks: int | None = None,
    workers: int | None = None,
    fresh: bool = False,
    hang_min: float = HANG_MIN,
    dask: bool = True,
    share: str | None = None,
    budget_gpu_hours: float | None = None,
    after: Run | None = None,
    **resources: Unpack[Asked],
) -> Run:
    """Send a job to a site and return its run at once.

    The run needs neither this kernel nor this tab.

    Submitting an equal job again attaches to its run; one that was stopped goes on. One that failed
    is not started again unasked: open it and `resume`, or start anew with `fresh=True`.

    Parameters
    ----------
    job
        What is asked.
    site
        Where. ``"local"`` is this machine.
    ranks
        On this machine: processes that train together; by default one a GPU, or one.
    workers
        Of a `BatchTask`: how many there are at most, on a cluster each a job of one node; by
        default 4, on this machine one a GPU or a core. There are as many as can work.
    **resources
        On a cluster: the fields of `Resources`, such as ``nodes=24, walltime_hours=12``. A run that
        was stopped takes those that are given now; its number of ranks stays.
    fresh
        Whether to start a new run although an equal job has one.
    hang_min
        Minutes without a step after which ranks count as hung: each writes into the log where it
        is, then they are ended, and on a cluster the next job goes on. Of a `BatchTask`: minutes
        that one shard may take.
    budget_gpu_hours
        GPU-hours the run may take in all, earlier attempts included: those of all GPUs that it
        holds, used or not; where it holds none, a rank or a worker counts as one. When they are
        used up it saves what it has and stops; `Run.resume` may allow more.
    after
        On this machine: a run to wait for; this one begins when that one is over. On a cluster the
        scheduler's queue sees to that.
    dask
        On a cluster: whether Dask stands beside the ranks, for `Run.client` and `Run.telemetry`.
    share
        ``"group"``: who is in the group of the folder of runs may look at the run, and do nothing
        else; its keys stay closed. By default nobody but you may.

    Raises
    ------
    JobError
        If it is no job, the batch does not divide among the ranks, or a training is to have
        workers.
    MissingPartError
        If what trains, or shares out, is not installed.
    RunError
        If an equal job failed before, runs on another number of ranks, or is shared otherwise.
    SettingsError
        If the group does not get as far as the folder of runs.
    SiteError
        If the site is unknown, does not have what is asked for, or refuses the job.
    """
    _refuse_what_is_no_job(job)
    place = sites.load_site(site)
    settings.writable_home()
    if isinstance(job, BatchTask):
        asked = pool_request(job, place, ranks=ranks, workers=workers, resources=resources)
    else:
        _refuse_workers(workers)
        asked = _training_request(job, place, ranks, dask=dask, resources=resources)
    asked["hang_min"] = minutes(hang_min)
    config = {"site": site, **asked, **_waiting_for(after, place), **_shared(share, place)}
    run = Run(_folder_for(job, config, fresh=fresh))
    batch = isinstance(job, BatchTask)
    chosen = workers is not None if batch else ranks is not None or bool(resources)
    _check_same_place(run, config, chosen=chosen)
    if budget_gpu_hours is not None:
        remote.allow(RunFolder(run.folder), budget_gpu_hours)
    state = run.state
    if state.phase is Phase.FAILED:
        raise run.failure()
    never_begun = state.phase is Phase.QUEUED and state.attempt == 0 and not _is_queued(run)
    if state.phase is Phase.STOPPED and resources:
        RunFolder(run.folder).ask_for(asked)
    if state.phase is Phase.STOPPED or never_begun:
        begin_run(run, new=never_begun)
    return run


def _training_request(
    job: Pretrain | Finetune,
    place: Site,
    ranks: int | None,
    *,
    dask: bool,
    resources: Asked,
) -> dict[str, Any]:
    """Return what the run folder says of the ranks of a training, and of the nodes for them."""
    require_training_part(job.engine)
    if isinstance(job, Pretrain):
        _refuse_few_texts(job)
    asked: dict[str, Any] = {}
    if place.scheduler == "none":
        _refuse_resources(place.name, resources)
        world = max(1, sites.this_machine().gpus) if ranks is None else ranks
    else:
        _refuse_ranks(place.name, ranks)
        filled = Resources.of(resources).at(sites.cluster_of(place))
        world, asked = filled.ranks, {"resources": asdict(filled), "no_dask": reason_for_none(dask)}
    check_ranks(job, world)
    return {"ranks": world, **asked}


def _waiting_for(after: Run | None, place: Site) -> dict[str, str]:
    """Return what the run folder says of the run to wait for."""
    if after is None or place.scheduler != "none":
        return {}
    return {"after": str(after.folder)}


def _shared(share: str | None, place: Site) -> dict[str, str]:
    """Return what the run folder says of who may look; on this machine it is checked at once."""
    if not str(place.facts.get("via", "")).startswith(SSH):
        check_share(share)
    return {} if share is None else {"share": share}


def begin_run(run: Run, *, new: bool) -> None:
    """Start the next attempt; a run that was refused before it ever began leaves nothing behind."""
    try:
        run.begin()
    except KblibError:
        # An equal submit that was refused a moment ago may have taken it away.
        if new and run.folder.is_dir() and "resources" in run.config:
            shutil.rmtree(run.folder, ignore_errors=True)
        raise


def _is_queued(run: Run) -> bool:
    """Say whether the first job of a cluster's run is in the queue already."""
    return "resources" in run.config and (run.folder / "script.sh").exists()


def _refuse_what_is_no_job(job: object) -> None:
    if not isinstance(job, Pretrain | Finetune | BatchTask):
        raise JobError(
            f"submit got a {type(job).__name__}.",
            "A job was expected: what is to be done, with which texts.",
            "kb.submit(kb.Pretrain(corpus, kb.ModelShape(4, 4, 256), minutes=2))",
        )


def _refuse_few_texts(job: Pretrain) -> None:
    """Say now what the run would say when it splits its texts, on a cluster after the queue."""
    for source in job.sources:
        if len(source.corpus) < len(PARTS):
            raise JobError(
                f"Pretrain got corpus '{source.corpus.name}' with {len(source.corpus)} texts.",
                f"At least {len(PARTS)} were expected: one each for {', '.join(PARTS)}.",
                "corpus.dropped() lists what filters took out, corpus.left_out what was not read.",
            )


def _refuse_resources(site: str, resources: Mapping[str, Any]) -> None:
    if resources:
        raise SiteError(
            f"{', '.join(resources)} was asked of site '{site}'.",
            "This machine has no nodes to choose; it takes ranks.",
            f'kb.submit(job, site="{site}", ranks=2)',
        )


def _refuse_workers(workers: int | None) -> None:
    if workers is not None:
        raise JobError(
            f"workers={workers} was asked for a training.",
            "Its ranks work together, all the time; workers come and go, for a BatchTask.",
            f"kb.submit(job, ranks={workers})",
        )


def _refuse_ranks(site: str, ranks: int | None) -> None:
    if ranks is not None:
        raise SiteError(
            f"ranks={ranks} was asked of site '{site}'.",
            "A cluster takes nodes, and ranks on each of them.",
            f'kb.submit(job, site="{site}", nodes=2, ranks_per_node=4)',
        )


def _check_same_place(run: Run, config: Mapping[str, Any], *, chosen: bool) -> None:
    """Refuse to attach to a run that was sent elsewhere, or has another number of ranks."""
    known = run.config
    if known["site"] != config["site"]:
        raise RunError(
            f"Run '{run.name}' of this job is on site '{known['site']}'.",
            f"Site '{config['site']}' was asked for; a run stays where it is.",
            f'kb.submit(job, site="{config["site"]}", fresh=True)',
        )
    if "share" in config and known.get("share") != config["share"]:
        raise RunError(
            f"Run '{run.name}' of this job is private.",
            "A run keeps who may look at it.",
            f'kb.submit(job, site="{config["site"]}", share="{config["share"]}", fresh=True)',
        )
    if chosen and "pool" in known and known["pool"]["workers"] != config["pool"]["workers"]:
        raise RunError(
            f"Run '{run.name}' of this task has {known['pool']['workers']} workers at most, "
            f"not {config['pool']['workers']}.",
            "A run keeps its workers; without a number this attaches to it.",
            f'kb.submit(task, site="{config["site"]}")',
        )
    if chosen and known.get("ranks") != config.get("ranks"):
        raise RunError(
            f"Run '{run.name}' of this job has {known['ranks']} ranks, not {config['ranks']}.",
            "A run keeps its ranks.",
            f"kb.submit(job, ranks={config['ranks']}, fresh=True)",
        )


def _folder_for(
    job: Pretrain | Finetune | BatchTask, config: Mapping[str, Any], *, fresh: bool
) -> RunFolder:
    """Return the newest run folder of a job; a new one if there is none, or if asked."""
    base = settings.runs_folder() / f"{job.label}-{job.key[:8]}"
    taken = {1: base} if base.exists() else {}
    again = base.parent.glob(f"{base.name}-r[0-9]*")
    taken |= {int(path.name.rsplit("-r", 1)[1]): path for path in again}
    # In a folder of a project others' runs stand beside one's own; private ones are passed over.
    readable = [number for number, path in taken.items() if os.access(path, os.R_OK | os.X_OK)]
    if readable and not fresh:
        return RunFolder(_numbered(base, max(readable)))
    path = _numbered(base, max(taken, default=0) + 1)
    try:
        return RunFolder.create(path, {**_config(job.with_saved_corpus()), **config})
    except FileExistsError:
        return RunFolder(path)


def _numbered(base: Path, number: int) -> Path:
    return base if number == 1 else base.with_name(f"{base.name}-r{number}")


def _config(job: Pretrain | Finetune | BatchTask) -> dict[str, Any]:
    content = job.to_dict()
    return {
        "job": content,
        "module": _MODULES[content["kind"]],
        "submitted": time.time(),
        "versions": {"kbnotebooks": kblib.__version__, "python": platform.python_version()},
    }
