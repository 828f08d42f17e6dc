"""The state of a run: what its driver wrote last, and what an onlooker may conclude from it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

SILENCE_S = 120.0
"""After so many seconds without a heartbeat from another machine a run counts as lost."""
NEVER_BEGUN_S = 60.0
"""A driver that was asked for and has not written after so many seconds was never started."""


class Phase(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    STOPPED = "stopped"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class RunState:
    """One line of truth about a run, rewritten as a whole.

    Parameters
    ----------
    phase
        Where the run is.
    why
        Why it is there, in a sentence; empty while all is well.
    step, steps
        Optimiser steps done and planned; `steps` is None until it is known.
    attempt
        Which carrying-out of the run this is, from 1.
    host, pid
        The machine and process of the driver.
    heartbeat
        When the driver last wrote (Unix seconds).
    exit_code
        What the driver returned: 0 done, 85 stopped at a checkpoint, 86 infrastructure, else an
        error of ours.
    """

    phase: Phase
    why: str = ""
    step: int = 0
    steps: int | None = None
    attempt: int = 1
    host: str = ""
    pid: int | None = None
    heartbeat: float = 0.0
    exit_code: int | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.phase in (Phase.STOPPED, Phase.DONE, Phase.FAILED)

    def to_dict(self) -> dict[str, Any]:
        """Return the state as it is written to disk."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> RunState:
        """Read a state from disk; fields of later versions are passed over."""
        known = {field.name for field in fields(cls)}
        values = {name: value for name, value in content.items() if name in known}
        return cls(**{**values, "phase": Phase(values["phase"])})

    def observed(self, *, here: bool, driver_lives: bool | None, now: float) -> RunState:
        """Return the state an onlooker may believe: a driver that is gone has failed.

        Parameters
        ----------
        here
            Whether the onlooker is on the driver's machine.
        driver_lives
            Whether the run's lock is held on this machine; None where the disk cannot tell.
        now
            The time (Unix seconds).
        """
        silence = now - self.heartbeat
        if self.over:
            return self
        if self.phase is Phase.QUEUED:
            return self._queued(silence, lives=here and bool(driver_lives))
        if here and driver_lives is not None:
            if driver_lives:
                return self
            why = f"Its driver (process {self.pid} on {self.host}) is gone: "
            return self._lost(why + "it was killed, or the machine restarted.")
        if silence < SILENCE_S:
            return self
        return self._lost(
            f"Nothing has been heard from {self.host} for {silence / 60:.0f} minutes."
        )

    def _queued(self, silence: float, *, lives: bool) -> RunState:
        if silence < NEVER_BEGUN_S or lives:
            return self
        if self.attempt == 0:
            return replace(self, phase=Phase.STOPPED, why="It was submitted, but never begun.")
        return self._lost("It was asked for, but its driver never began.")

    def _lost(self, why: str) -> RunState:
        reached = f" It had reached step {self.step}." if self.step else ""
        return replace(self, phase=Phase.FAILED, why=why + reached, exit_code=86)
