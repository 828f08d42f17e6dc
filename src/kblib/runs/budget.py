"""The GPU-hours a run may take in all."""

from __future__ import annotations

import math
import time
from typing import Any

from kblib import files
from kblib.errors import IntegrityError, JobError, RunError
from kblib.runs.folder import RunFolder
from kblib.runs.hours import spent_gpu_hours


def set_budget(run: RunFolder, gpu_hours: float) -> None:
    """Set how many GPU-hours a run may take in all; a new one takes the place of the old.

    Raises
    ------
    JobError
        If it is no number above 0.
    """
    asked: Any = gpu_hours
    is_number = isinstance(asked, int | float) and not isinstance(asked, bool)
    if not is_number or not 0 < gpu_hours < math.inf:
        raise JobError(
            f"budget_gpu_hours={gpu_hours!r} was asked for.",
            "Hours, more than 0, were expected.",
            "kb.submit(job, budget_gpu_hours=100)",
        )
    files.write_json(run.budget_file, {"gpu_hours": float(gpu_hours), "set": time.time()})


def budget_of(run: RunFolder) -> float | None:
    """Return the GPU-hours a run may take; None if nobody has set a limit."""
    try:
        return float(files.read_json(run.budget_file)["gpu_hours"])
    except IntegrityError:
        return None


def used_up(budget: float, spent: float, kept: str) -> str:
    """Return why a run stops whose budget is used up, what is kept of it, and how it goes on."""
    return (
        f"Its budget of {budget:.4g} GPU-hours is used up: {spent:.4g} were spent. {kept} "
        f"To go on: run.resume(budget_gpu_hours={_more(budget)})"
    )


def refuse_spent(run: RunFolder) -> None:
    """Refuse to go on with a run whose budget is used up.

    Raises
    ------
    RunError
        Saying what was spent, and how to allow more.
    """
    budget = budget_of(run)
    spent = spent_gpu_hours(run) if budget else 0.0
    if budget and spent >= budget:
        raise RunError(
            f"Run '{run.name}' has taken {spent:.4g} GPU-hours of its {budget:.4g}.",
            "Its budget is used up; everything that was saved is there.",
            f"kb.Run.open('{run.name}').resume(budget_gpu_hours={_more(budget)})",
        )


def _more(budget: float) -> str:
    return f"{2 * budget:g}"
