"""Starting an attempt on this machine, detached from whoever asks."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace

from kblib.runs import Phase, RunFolder, RunState

_START_S = 30.0


def start_attempt(run: RunFolder) -> None:
    """Start the driver of the next attempt in a session of its own.

    Return when it has written its first state.

    If somebody else claims the attempt at the same moment, theirs is the one that runs.
    """
    before = run.state()
    number = run.begin_attempt(before.attempt, {"site": "local", "host": socket.gethostname()})
    if number is None:
        return
    queued = RunState(Phase.QUEUED, attempt=number, step=before.step, steps=before.steps)
    run.write_state(replace(queued, heartbeat=time.time()))
    with open(run.log_file, "ab") as log:
        driver = subprocess.Popen(
            [sys.executable, "-m", "kblib.jobs.driver", str(run.path), str(number)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=run.path,
        )
    # The thread takes the exit code in time, so that no zombie stays behind in a long-lived kernel.
    threading.Thread(target=driver.wait, daemon=True).start()
    _wait_for_first_state(run, driver, number)


def _wait_for_first_state(run: RunFolder, driver: subprocess.Popen[bytes], number: int) -> None:
    end = time.monotonic() + _START_S
    while run.state().phase is Phase.QUEUED and time.monotonic() < end:
        if driver.poll() is not None:
            break
        time.sleep(0.05)
    state = run.state()
    if state.phase is Phase.QUEUED and state.attempt == number:
        why = "The driver did not start; the last lines of log.txt may tell."
        run.write_state(replace(state, phase=Phase.FAILED, why=why, exit_code=1))
