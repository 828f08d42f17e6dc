"""The GPU-hours a run may take, and those it has taken."""

from __future__ import annotations

import math
import time
from typing import Any

from kblib import files
from kblib.errors import IntegrityError, JobError, RunError
from kblib.runs.folder import RunFolder


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


def spent_gpu_hours(run: RunFolder, *, before: int | None = None) -> float:
    """Return the GPU-hours of a run's attempts, from their beginning to their last word.

    A rank has one GPU; on a machine without, it counts as if it had one. Waiting for another run
    costs nothing.

    Parameters
    ----------
    before
        Only of the attempts before this one.
    """
    records = [one for one in run.attempt_records() if before is None or one["attempt"] < before]
    heard: dict[int, float] = {}
    for line in run.metrics():
        if "time" in line:
            heard[int(line.get("attempt", 0))] = float(line["time"])
    return int(run.config()["ranks"]) * sum(_seconds(one, heard) for one in records) / 3600


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


def begun(attempt: dict[str, Any]) -> float:
    """Return when an attempt had its ranks' machines for itself (Unix seconds)."""
    return float(attempt.get("begun", attempt["submitted"]))


def _seconds(attempt: dict[str, Any], heard: dict[int, float]) -> float:
    first = begun(attempt)
    last = attempt.get("ended") or heard.get(int(attempt["attempt"])) or first
    return max(0.0, float(last) - first)


def _more(budget: float) -> str:
    return f"{2 * budget:g}"
