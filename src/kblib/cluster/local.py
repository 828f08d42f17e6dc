"""Starting an attempt on this machine, detached from whoever asks."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, RunState, sharing
from kblib.runs.state import NEVER_BEGUN_S

_LOOK_S = 0.05


def start_attempt(run: RunFolder) -> None:
    """Start the driver of the next attempt in a session of its own; return when it has begun.

    If somebody else claims the attempt at the same moment, theirs is the one that runs, and this
    call waits for it.

    Raises
    ------
    RunError
        If nothing begins within a minute.
    """
    before = run.written_state()
    about = {"site": "local", "host": socket.gethostname()}
    number = run.begin_attempt(before.attempt, about)
    if number is not None:
        queued = RunState(Phase.QUEUED, attempt=number, step=before.step, steps=before.steps)
        run.write_state(replace(queued, heartbeat=time.time()))
        _start_driver(run, number)
    _wait_until_begun(run, before.attempt)


def _start_driver(run: RunFolder, number: int) -> None:
    driver = run.config().get("driver", "kblib.jobs.driver")
    with open(run.log_file, "ab") as log:
        driver = subprocess.Popen(
            [sys.executable, "-m", driver, str(run.path), str(number)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=run.path,
            umask=sharing.UMASK if run.is_shared else -1,
        )
    # The thread takes the exit code in time, so that no zombie stays behind in a long-lived kernel.
    threading.Thread(target=driver.wait, daemon=True).start()


def _wait_until_begun(run: RunFolder, last: int) -> None:
    end = time.monotonic() + NEVER_BEGUN_S
    while time.monotonic() < end:
        state = run.written_state()
        waits = state.pid is not None  # its driver is there, and waits for another run
        if state.attempt > last and (state.phase is not Phase.QUEUED or waits):
            return
        time.sleep(_LOOK_S)
    raise RunError(
        f"Run '{run.name}' was asked for, but did not begin within {NEVER_BEGUN_S:.0f} s.",
        f"The end of log.txt:\n\n{run.log(12)}\n",
        f"Try again with kb.Run.open('{run.name}').resume()",
    )
