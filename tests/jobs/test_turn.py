"""Runs of a sweep take turns: each waits until the one before it is over."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kblib.jobs.turn import wait_for_turn
from kblib.runs import Phase, RunFolder, RunState, lock
from kblib.runs.hours import begun

PATIENCE_S = 60.0


@pytest.fixture
def other(tmp_path: Path) -> Iterator[RunFolder]:
    """Give a run under way: this process holds its lock, as its driver would."""
    run = RunFolder.create(tmp_path / "other", {"ranks": 1})
    state = RunState(Phase.RUNNING, host=socket.gethostname(), pid=os.getpid())
    run.write_state(replace(state, heartbeat=time.time()))
    handle = lock.take(run.lock_file, patience_s=1)
    yield run
    os.close(handle)


@pytest.fixture
def waiting(tmp_path: Path, other: RunFolder) -> Iterator[RunFolder]:
    run = RunFolder.create(tmp_path / "waiting", {"ranks": 1, "after": str(other.path)})
    run.begin_attempt(0, {})
    run.write_state(RunState(Phase.QUEUED, attempt=1, heartbeat=time.time()))
    before = signal.getsignal(signal.SIGTERM)
    yield run
    signal.signal(signal.SIGTERM, before)


def when_it_waits(run: RunFolder, strike: Callable[[], object]) -> threading.Thread:
    """Strike, in a thread, as soon as a run says that it waits."""

    def look() -> None:
        end = time.monotonic() + PATIENCE_S
        while not run.written_state().why and time.monotonic() < end:
            time.sleep(0.01)
        strike()

    thread = threading.Thread(target=look)
    thread.start()
    return thread


def test_run_begins_when_the_other_is_over(waiting: RunFolder, other: RunFolder) -> None:
    seen: list[RunState] = []

    def end_the_other() -> None:
        seen.append(waiting.written_state())
        other.write_state(replace(other.written_state(), phase=Phase.DONE))

    thread = when_it_waits(waiting, end_the_other)
    assert wait_for_turn(waiting, 1)
    thread.join()
    assert (seen[0].phase, seen[0].why) == (Phase.QUEUED, "It waits for run 'other'.")
    assert seen[0].pid == os.getpid()
    (record,) = waiting.attempt_records()
    assert begun(record) > record["submitted"]


def test_run_that_is_cancelled_while_it_waits_is_stopped(
    waiting: RunFolder, other: RunFolder
) -> None:
    thread = when_it_waits(waiting, lambda: waiting.ask_to_stop("selma"))
    assert not wait_for_turn(waiting, 1)
    thread.join()
    state = waiting.written_state()
    assert state.phase is Phase.STOPPED
    assert state.why == "Stopped on request while it waited for run 'other'."
    assert other.written_state().phase is Phase.RUNNING


def test_signal_ends_the_waiting(waiting: RunFolder) -> None:
    thread = when_it_waits(waiting, lambda: os.kill(os.getpid(), signal.SIGTERM))
    assert not wait_for_turn(waiting, 1)
    thread.join()


def test_run_that_is_gone_is_not_waited_for(waiting: RunFolder, other: RunFolder) -> None:
    other.state_file.unlink()
    assert wait_for_turn(waiting, 1)


def test_run_that_names_no_other_does_not_wait(tmp_path: Path) -> None:
    assert wait_for_turn(RunFolder.create(tmp_path / "run", {"ranks": 1}), 1)
