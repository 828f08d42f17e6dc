"""Submit: the same job twice is the same run."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import kblib
from kblib import settings, sites
from kblib.cluster.run import Run
from kblib.errors import RunError, SiteError
from kblib.jobs.specs import Pretrain, check_ranks, require_training_part
from kblib.runs import Phase, RunFolder

_MODULES = {"pretrain": "kblib.jobs.pretrain"}


def submit(
    job: Pretrain, *, site: str = "local", ranks: int | None = None, fresh: bool = False
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
        Processes that train together; by default one a GPU, or one.
    fresh
        Whether to start a new run although an equal job has one.

    Raises
    ------
    JobError
        If the batch does not divide among the ranks.
    MissingPartError
        If what trains is not installed.
    RunError
        If an equal job failed before, or runs on another number of ranks.
    SiteError
        If the site is unknown, or its scheduler is not one that is served here.
    """
    place = sites.load_site(site)
    if place.scheduler != "none":
        raise SiteError(
            f"Site '{site}' has the scheduler '{place.scheduler}'.",
            "This version starts runs on machines without one.",
            'kb.submit(job, site="local")',
        )
    require_training_part()
    settings.writable_home()
    world = max(1, sites.this_machine().gpus) if ranks is None else ranks
    check_ranks(job, world)
    run = Run(_folder_for(job, site=site, ranks=world, fresh=fresh))
    if ranks is not None and run.config["ranks"] != ranks:
        raise RunError(
            f"Run '{run.name}' of this job has {run.config['ranks']} ranks, not {ranks}.",
            "A run keeps its ranks.",
            f"kb.submit(job, ranks={ranks}, fresh=True)",
        )
    phase = run.state.phase
    if phase is Phase.FAILED:
        raise run.failure()
    if phase is Phase.STOPPED or (phase is Phase.QUEUED and run.state.attempt == 0):
        run.begin()
    return run


def _folder_for(job: Pretrain, *, site: str, ranks: int, fresh: bool) -> RunFolder:
    """Return the newest run folder of a job; a new one if there is none, or if asked."""
    base = settings.runs_folder() / f"{job.label}-{job.key[:8]}"
    numbers = [1] if (base / "config.json").is_file() else []
    numbers += [
        int(path.name.rsplit("-r", 1)[1]) for path in base.parent.glob(f"{base.name}-r[0-9]*")
    ]
    if numbers and not fresh:
        return RunFolder(_numbered(base, max(numbers)))
    path = _numbered(base, max(numbers, default=0) + 1)
    try:
        return RunFolder.create(path, _config(job.with_saved_corpus(), site, ranks))
    except FileExistsError:
        return RunFolder(path)


def _numbered(base: Path, number: int) -> Path:
    return base if number == 1 else base.with_name(f"{base.name}-r{number}")


def _config(job: Pretrain, site: str, ranks: int) -> dict[str, Any]:
    content = job.to_dict()
    return {
        "job": content,
        "module": _MODULES[content["kind"]],
        "site": site,
        "ranks": ranks,
        "submitted": time.time(),
        "versions": {"kbnotebooks": kblib.__version__, "python": platform.python_version()},
    }
