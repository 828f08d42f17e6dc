"""``python -m kblib submit``: a job that was written down is sent from a shell."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from kblib import settings
from kblib.cluster.resources import Asked
from kblib.cluster.run import Run
from kblib.cluster.show_script import job_script
from kblib.cluster.submit import submit
from kblib.jobs.written import open_job


def answer(arguments: argparse.Namespace) -> Iterator[str]:
    """Send each job, or show what would be sent; yield what the command prints.

    Raises
    ------
    KblibError
        If a file holds no job, or the site refuses it. Jobs before it in the line are sent then.
    """
    asked = _resources(arguments)
    runs: list[Run] = []
    for path in arguments.jobs:
        job = open_job(_place(path))
        if arguments.show:
            yield job_script(job, site=arguments.site, **asked)
            continue
        run = submit(
            job,
            site=arguments.site,
            ranks=arguments.ranks,
            workers=arguments.workers,
            fresh=arguments.fresh,
            share=arguments.share,
            budget_gpu_hours=arguments.budget_gpu_hours,
            **asked,
        )
        runs.append(run)
        yield f"{run!r}\n  Look: python -m kblib status {run.name}"
    for run in runs if arguments.wait else ():
        yield repr(run.wait())


def _resources(arguments: argparse.Namespace) -> Asked:
    """Return what was asked of a cluster; what was not asked is left to the site."""
    given = {name: getattr(arguments, name) for name in Asked.__annotations__}
    return cast(Asked, {name: value for name, value in given.items() if value is not None})


def _place(path: str) -> Path:
    """Return the file or folder that is meant: a run may be given by its name."""
    run = settings.runs_folder() / path
    return run if not Path(path).exists() and run.is_dir() else Path(path)
