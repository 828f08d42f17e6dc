"""A run that waits for another one on this machine: the runs of a sweep take turns."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path

from kblib.errors import IntegrityError
from kblib.jobs.exit_codes import STOPPED
from kblib.runs import Phase, RunFolder

_LOOK_S = 0.5
_BEAT_S = 5.0


def wait_for_turn(run: RunFolder, attempt: int) -> bool:
    """Wait, as the driver of a run, until the run that it names is over.

    Return False, and leave the run stopped, if it is asked to stop before. A run that is gone, or
    names none, is not waited for.
    """
    after = run.config().get("after")
    if after is None:
        return True
    other, asked = RunFolder(Path(after)), _Asked()
    beat = 0.0
    while _is_under_way(other):
        if asked.by_signal or run.asked_to_stop(attempt):
            why = f"Stopped on request while it waited for run '{other.name}'."
            run.end_attempt(attempt, begun=time.time(), ended=time.time(), why=why)
            _write(run, Phase.STOPPED, why)
            return False
        if time.monotonic() - beat > _BEAT_S:
            beat = time.monotonic()
            _write(run, Phase.QUEUED, f"It waits for run '{other.name}'.")
        time.sleep(_LOOK_S)
    run.end_attempt(attempt, begun=time.time())
    return True


class _Asked:
    def __init__(self) -> None:
        self.by_signal = False
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, *_: object) -> None:
        self.by_signal = True


def _is_under_way(run: RunFolder) -> bool:
    try:
        return not run.state().over
    except IntegrityError:
        return False


def _write(run: RunFolder, phase: Phase, why: str) -> None:
    state = replace(run.written_state(), phase=phase, why=why, heartbeat=time.time())
    code = STOPPED if phase is Phase.STOPPED else None
    run.write_state(replace(state, host=socket.gethostname(), pid=os.getpid(), exit_code=code))
