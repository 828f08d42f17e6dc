"""The state of a run: what its driver wrote last, and what an onlooker may conclude from it."""

from __future__ import annotations

import socket
import time
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

import psutil

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
    host, pid, started
        The machine and process of the driver, and when that process began (Unix seconds).
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
    started: float | None = None
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

    def observed(self, now: float | None = None) -> RunState:
        """Return the state an onlooker may believe.

        A driver that is gone has failed, whatever it wrote last.
        """
        silence = (time.time() if now is None else now) - self.heartbeat
        if self.phase is Phase.QUEUED and self.attempt > 0 and silence > NEVER_BEGUN_S:
            return self._lost("It was asked for, but its driver never began.")
        if self.over or self.pid is None:
            return self
        if self.host == socket.gethostname():
            if driver_lives(self.pid, self.started):
                return self
            why = (
                f"Its driver (process {self.pid} on {self.host}) is gone: "
                "it was killed, or the machine restarted."
            )
        else:
            if silence < SILENCE_S:
                return self
            why = f"Nothing has been heard from {self.host} for {silence / 60:.0f} minutes."
        return self._lost(f"{why} It had reached step {self.step}.")

    def _lost(self, why: str) -> RunState:
        return replace(self, phase=Phase.FAILED, why=why, exit_code=86)


def driver_lives(pid: int, started: float | None) -> bool:
    """Say whether process `pid` runs on this machine and is the one that began at `started`."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # A process id is used again after a while; the start time tells the two apart.
        return started is None or abs(process.create_time() - started) < 1.0
    except psutil.NoSuchProcess:
        return False
