"""What an attempt at a run has cost so far, and the end of its budget."""

from __future__ import annotations

import time

from kblib.runs import RunFolder
from kblib.runs.budget import budget_of, used_up
from kblib.runs.hours import begun, counted, spent_gpu_hours


class Spending:
    """Counts the GPU-hours of a run, and asks it to stop when its budget is gone.

    Parameters
    ----------
    run, attempt
        The run, and which carrying-out of it this is.
    """

    def __init__(self, run: RunFolder, attempt: int) -> None:
        self.run = run
        self.attempt = attempt
        config = run.config()
        self.ranks = int(config["ranks"])
        self.counted = counted(config)
        self.budget = budget_of(run)
        self._before = spent_gpu_hours(run, before=attempt)
        own = [one for one in run.attempt_records() if one["attempt"] == attempt]
        self._begun = begun(own[0]) if own else time.time()
        self._asked = False

    @property
    def gpu_hours(self) -> float:
        """GPU-hours of the run so far, earlier attempts included."""
        return self._before + self.counted * max(0.0, time.time() - self._begun) / 3600

    def stop_if_spent(self) -> None:
        """Ask the driver to stop, once, when the budget is used up."""
        if self.budget is None or self._asked or self.gpu_hours < self.budget:
            return
        self._asked = True
        self.run.ask_to_stop(
            "its budget",
            why=used_up(self.budget, self.gpu_hours, "A checkpoint was saved."),
        )
