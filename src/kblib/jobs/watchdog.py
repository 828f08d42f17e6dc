"""A watchdog: ranks that live and make no step hold a whole allocation for nothing."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

from kblib.errors import JobError

HANG_MIN = 30.0
"""Minutes without a step; an evaluation or a checkpoint of a large model takes some of them."""
_BEFORE_AND_AFTER_MIN = 150.0
"""Before the first step rank 0 may tokenize for two hours, after the last it scores the result."""


def minutes(hang_min: float) -> float:
    """Return how long a silence is borne, if it is a length of time.

    Raises
    ------
    JobError
        If it is none.
    """
    asked: Any = hang_min
    is_number = isinstance(asked, int | float) and not isinstance(asked, bool)
    if not is_number or not 0 < hang_min < math.inf:
        raise JobError(
            f"hang_min={hang_min!r} was asked for.",
            "Minutes, more than 0, were expected.",
            f"kb.submit(job, hang_min={HANG_MIN:g})",
        )
    return float(hang_min)


class Watchdog:
    """Says when the ranks of an attempt have done nothing for too long.

    Parameters
    ----------
    attempt
        Only its records count; the journal holds those of earlier ones as well.
    limit_min
        Minutes between two steps that are too many. Before the first step and after the last the
        ranks have more.
    now
        When it is set (monotonic seconds).
    """

    def __init__(self, attempt: int, limit_min: float, now: float | None = None) -> None:
        self.attempt = attempt
        self.limit_min = limit_min
        self._steps_in_all: int | None = None
        self._step = 0
        self._moved = time.monotonic() if now is None else now

    def hear(self, records: Iterable[Mapping[str, Any]], now: float | None = None) -> None:
        """Take note of new records of the journal; any of this attempt is a sign of life."""
        for record in records:
            if record.get("attempt") != self.attempt:
                continue
            self._moved = time.monotonic() if now is None else now
            self._steps_in_all = record.get("steps", self._steps_in_all)
            if "loss" in record:
                self._step = record["step"]

    @property
    def has_seen_a_step(self) -> bool:
        """Whether the ranks of this attempt have begun to train."""
        return self._step > 0

    @property
    def patience_min(self) -> float:
        """How many minutes of silence are borne now."""
        between = self._step > 0 and self._step != self._steps_in_all
        return self.limit_min if between else max(self.limit_min, _BEFORE_AND_AFTER_MIN)

    def barks(self, now: float | None = None) -> bool:
        """Say whether the ranks hang."""
        silence_s = (time.monotonic() if now is None else now) - self._moved
        return silence_s > self.patience_min * 60
