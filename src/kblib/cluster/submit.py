"""Submit: the same job twice is the same run."""

from __future__ import annotations

import platform
import time
from typing import Any

import kblib
from kblib import settings, sites
from kblib.cluster.local import start_attempt
from kblib.cluster.run import Run
from kblib.errors import SiteError
from kblib.jobs.specs import Pretrain
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
    RunError
        If an equal job failed before.
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
    folder = _folder_for(
        job, site=site, ranks=ranks or max(1, sites.this_machine().gpus), fresh=fresh
    )
    run = Run(folder)
    phase = run.state.phase
    if phase is Phase.FAILED:
        raise run.failure()
    if phase is Phase.STOPPED or (phase is Phase.QUEUED and run.state.attempt == 0):
        start_attempt(folder)
    return run


def _folder_for(job: Pretrain, *, site: str, ranks: int, fresh: bool) -> RunFolder:
    """Return the run folder of a job, made if it is not there."""
    base = settings.runs_folder() / f"{job.label}-{job.key[:8]}"
    taken = sorted(
        base.parent.glob(f"{base.name}-r[0-9]*"), key=lambda path: int(path.name.rsplit("-r", 1)[1])
    )
    newest = taken[-1] if taken else base
    if (newest / "config.json").is_file() and not fresh:
        return RunFolder(newest)
    path = base
    if fresh and (base / "config.json").is_file():
        last = int(taken[-1].name.rsplit("-r", 1)[1]) if taken else 1
        path = base.with_name(f"{base.name}-r{last + 1}")
    saved = job.with_saved_corpus()
    try:
        return RunFolder.create(path, _config(saved, site, ranks))
    except FileExistsError:
        return RunFolder(path)


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
