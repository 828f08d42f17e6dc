"""What the workers of a batch have taken so far, against what the run may take."""

from __future__ import annotations

import time

from kblib.runs import RunFolder
from kblib.runs.budget import budget_of, used_up
from kblib.runs.hours import gpus_of_a_worker, spent_gpu_hours


class PoolBudget:
    """Adds up the GPU-hours of workers, and asks to stop when the budget is gone.

    Parameters
    ----------
    run, attempt
        The run, and which carrying-out of it this is.
    """

    def __init__(self, run: RunFolder, attempt: int) -> None:
        self.run = run
        self.budget = budget_of(run)
        self.gpu_hours = spent_gpu_hours(run, before=attempt)
        self._gpus = gpus_of_a_worker(run.config())
        self._counted = time.monotonic()
        self._asked = False

    def count(self, workers: int) -> None:
        """Count the time since the last call for so many workers (processes)."""
        now = time.monotonic()
        self.gpu_hours += workers * self._gpus * (now - self._counted) / 3600
        self._counted = now

    def stop_if_spent(self) -> None:
        """Ask the head to stop, once, when the budget is used up."""
        if self.budget is None or self._asked or self.gpu_hours < self.budget:
            return
        self._asked = True
        why = used_up(self.budget, self.gpu_hours, "The results so far are kept.")
        self.run.ask_to_stop("its budget", why=why)
