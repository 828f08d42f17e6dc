from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace

import psutil
import pytest

from kblib.runs.state import NEVER_BEGUN_S, SILENCE_S, Phase, RunState, driver_lives

HERE = socket.gethostname()


@pytest.fixture
def driver() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that waits, as a driver's stand-in."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def driven_by(pid: int, **changes: object) -> RunState:
    state = RunState(
        Phase.RUNNING,
        step=7,
        steps=100,
        host=HERE,
        pid=pid,
        started=psutil.Process(pid).create_time(),
        heartbeat=time.time(),
    )
    return replace(state, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("phase", "over"),
    [("queued", False), ("running", False), ("stopped", True), ("done", True), ("failed", True)],
)
def test_phases_that_are_over(phase: str, over: bool) -> None:
    assert RunState(Phase(phase)).over is over


def test_state_comes_back_from_plain_data(driver: subprocess.Popen[bytes]) -> None:
    state = driven_by(driver.pid)
    content = state.to_dict()
    assert content["phase"] == "running"
    assert RunState.from_dict(content) == state


def test_field_of_a_later_version_is_passed_over() -> None:
    assert RunState.from_dict({"phase": "done", "mood": "good"}) == RunState(Phase.DONE)


def test_living_driver_is_believed(driver: subprocess.Popen[bytes]) -> None:
    state = driven_by(driver.pid, heartbeat=0.0)
    assert state.observed() == state


def test_killed_driver_means_failed(driver: subprocess.Popen[bytes]) -> None:
    state = driven_by(driver.pid)
    driver.kill()
    driver.wait()
    assert state.observed() == replace(
        state,
        phase=Phase.FAILED,
        exit_code=86,
        why=f"Its driver (process {driver.pid} on {HERE}) is gone: it was killed, "
        "or the machine restarted. It had reached step 7.",
    )


def test_driver_that_nobody_has_waited_for_is_gone(driver: subprocess.Popen[bytes]) -> None:
    state = driven_by(driver.pid)
    driver.kill()
    os.waitid(os.P_PID, driver.pid, os.WEXITED | os.WNOWAIT)  # it stays a zombie
    assert psutil.Process(driver.pid).status() == psutil.STATUS_ZOMBIE
    assert state.observed().phase is Phase.FAILED


def test_stopped_process_is_not_gone(driver: subprocess.Popen[bytes]) -> None:
    driver.send_signal(signal.SIGSTOP)
    assert driver_lives(driver.pid, psutil.Process(driver.pid).create_time())


def test_process_number_used_again_is_not_the_driver(driver: subprocess.Popen[bytes]) -> None:
    began = psutil.Process(driver.pid).create_time()
    assert driver_lives(driver.pid, began)
    assert not driver_lives(driver.pid, began - 3600)


def test_driver_of_unknown_start_is_known_by_its_number(
    driver: subprocess.Popen[bytes],
) -> None:
    assert driver_lives(driver.pid, None)


def test_driver_elsewhere_is_believed_while_it_is_heard() -> None:
    state = RunState(Phase.RUNNING, host="node17", pid=1, heartbeat=1000.0)
    assert state.observed(now=1000.0 + SILENCE_S - 1) == state


def test_driver_elsewhere_that_is_silent_has_failed() -> None:
    state = RunState(Phase.RUNNING, step=3, host="node17", pid=1, heartbeat=1000.0)
    seen = state.observed(now=1000.0 + 5 * 60)
    assert seen.phase is Phase.FAILED
    assert seen.why == (
        "Nothing has been heard from node17 for 5 minutes. It had reached step 3."
    )


@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.DONE, Phase.FAILED])
def test_run_that_is_over_stays_what_it_is(phase: Phase) -> None:
    state = RunState(phase, why="said", host=HERE, pid=2**22 + 1, started=0.0)
    assert state.observed() == state


def test_queued_run_that_nobody_has_started_waits() -> None:
    state = RunState(Phase.QUEUED, attempt=0)
    assert state.observed(now=1e12) == state


def test_queued_run_whose_driver_never_began_has_failed() -> None:
    state = RunState(Phase.QUEUED, attempt=1, heartbeat=1000.0)
    assert state.observed(now=1000.0 + NEVER_BEGUN_S - 1) == state
    seen = state.observed(now=1000.0 + NEVER_BEGUN_S + 1)
    assert (seen.phase, seen.exit_code) == (Phase.FAILED, 86)
    assert seen.why == "It was asked for, but its driver never began."
