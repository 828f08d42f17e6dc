"""The driver, with ranks that do as they are told instead of training."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kblib import files, settings
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE, STOPPED
from kblib.jobs.processes import rank_environments
from kblib.runs import Phase, RunFolder, RunState, lock
from kblib.sites import this_machine

RANK = """
import json, os, pathlib, signal, sys, time

def main(arguments):
    run, attempt, rank = pathlib.Path(arguments[0]), int(arguments[1]), os.environ["RANK"]
    deed = json.loads((run / "config.json").read_text())["deeds"][int(rank)]
    if deed == "stop when asked":
        signal.signal(signal.SIGTERM, lambda *_: os._exit(85))
    if deed.startswith("step"):
        while len(list(run.glob("rank-*-is-here"))) < int(os.environ["WORLD_SIZE"]) - 1:
            time.sleep(0.01)
        line = {"attempt": attempt, "step": int(deed[5:]), "loss": 1.0, "steps": 9}
        with open(run / "metrics.jsonl", "a") as journal:
            journal.write(json.dumps(line) + "\\n")
    if deed.startswith("write"):
        told = {"attempt": attempt, "type": "X", "message": deed[6:]}
        (run / "failure.json").write_text(json.dumps(told))
        return 1
    (run / f"rank-{rank}-is-here").touch()
    if deed.isdigit():
        return int(deed)
    if deed in signal.Signals.__members__:
        while len(list(run.glob("rank-*-is-here"))) < int(os.environ["WORLD_SIZE"]):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.Signals[deed])
    time.sleep(600)
"""


class Driven:
    """A run whose ranks do the deeds that its config names, and the driver's process."""

    def __init__(self, run: RunFolder, modules: Path, attempt: int = 1) -> None:
        self.run = run
        run.write_state(RunState(Phase.QUEUED, attempt=attempt, heartbeat=time.time()))
        path = [str(modules), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, path))}
        command = [sys.executable, "-m", "kblib.jobs.driver", str(run.path)]
        command.append(str(attempt))
        self.log = modules / "log.txt"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, env=environment, stderr=log)

    def until_all_are_here(self) -> None:
        end = time.monotonic() + 30
        while len(list(self.run.path.glob("rank-*-is-here"))) < self.run.config()["ranks"]:
            assert time.monotonic() < end, "the ranks did not start"
            time.sleep(0.01)


@pytest.fixture
def drive(tmp_home: Path, tmp_path: Path) -> Iterator[object]:
    """Give a function that starts a driver over ranks with these deeds."""
    (tmp_path / "told_rank.py").write_text(RANK)
    started: list[Driven] = []

    def drive(*deeds: str, **settled: float) -> Driven:
        config = {"module": "told_rank", "ranks": len(deeds), "deeds": deeds, **settled}
        run = RunFolder.create(settings.runs_folder() / "told", config)
        run.begin_attempt(0, {})
        started.append(Driven(run, tmp_path))
        return started[-1]

    yield drive
    for one in started:
        if one.process.poll() is None:
            for rank in psutil.Process(one.process.pid).children():
                rank.kill()
            one.process.kill()
            one.process.wait()


# rank_environments


def test_each_rank_is_told_its_number_and_how_many_there_are() -> None:
    environments = rank_environments(3, {"HOME": "/home/selma"})
    assert [one["RANK"] for one in environments] == ["0", "1", "2"]
    assert [one["LOCAL_RANK"] for one in environments] == ["0", "1", "2"]
    assert {one["WORLD_SIZE"] for one in environments} == {"3"}
    assert {one["HOME"] for one in environments} == {"/home/selma"}


@pytest.mark.parametrize("world_size", [1, 2, 1000])
def test_cores_are_shared_among_the_ranks(world_size: int) -> None:
    threads = {one["OMP_NUM_THREADS"] for one in rank_environments(world_size, {})}
    assert threads == {str(max(1, this_machine().cores // world_size))}


def test_threads_that_the_user_has_set_stay() -> None:
    assert rank_environments(1, {"OMP_NUM_THREADS": "7"})[0]["OMP_NUM_THREADS"] == "7"


def test_environment_of_the_caller_is_left_as_it_was() -> None:
    base = {"RANK": "5"}
    rank_environments(2, base)
    assert base == {"RANK": "5"}


# Endings


def test_ranks_that_are_done_make_a_run_done(drive) -> None:
    driven = drive("0", "0")
    assert driven.process.wait(30) == DONE
    state = driven.run.state()
    assert (state.phase, state.why, state.exit_code) == (Phase.DONE, "", DONE)


def test_ending_is_written_into_the_record_of_the_attempt(drive) -> None:
    driven = drive("0")
    driven.process.wait(30)
    record = files.read_json(driven.run.attempts / "0001.json")
    assert (record["exit_code"], record["why"]) == (DONE, "")
    assert record["submitted"] <= record["ended"] <= time.time()


def test_failure_is_told_in_the_words_of_the_rank(drive) -> None:
    driven = drive("write The disk is full.")
    assert driven.process.wait(30) == FAILED
    state = driven.run.state()
    assert (state.phase, state.why) == (Phase.FAILED, "The disk is full.")


def test_rank_that_fails_without_a_word_points_to_the_log(drive) -> None:
    driven = drive("3")
    assert driven.process.wait(30) == FAILED
    assert driven.run.state().why == "A rank ended without a word; log.txt may tell."


def test_failure_of_an_earlier_attempt_is_not_told_again(drive) -> None:
    driven = drive("5")
    driven.process.wait(30)
    driven.run.write_failure(1, "X", "of yesterday")
    driven.run.begin_attempt(1, {})
    again = Driven(driven.run, driven.run.path.parents[2], attempt=2)
    again.process.wait(30)
    assert "of yesterday" not in driven.run.state().why


def test_peers_of_a_failed_rank_are_ended(drive) -> None:
    driven = drive("sleep", "write It broke.")
    assert driven.process.wait(30) == FAILED
    assert driven.run.state().why == "It broke."


def test_killed_rank_is_infrastructure(drive) -> None:
    driven = drive("SIGKILL", "sleep")
    assert driven.process.wait(30) == INFRASTRUCTURE
    assert driven.run.state().why == "Rank 0 was killed from outside (SIGKILL)."


def test_crashed_rank_is_a_fault_of_ours(drive) -> None:
    driven = drive("SIGSEGV", "sleep")
    assert driven.process.wait(30) == FAILED
    assert driven.run.state().why == "Rank 0 crashed (SIGSEGV)."


def test_second_driver_does_not_begin_beside_the_first(drive) -> None:
    driven = drive("stop when asked")
    driven.until_all_are_here()
    state = driven.run.written_state()
    handle = lock.take(driven.run.lock_file, patience_s=0)
    assert handle is None
    assert driven.run.state() == state


# Hanging


def test_ranks_that_hang_tell_where_and_are_ended(drive) -> None:
    driven = drive("step 3", "sleep", hang_min=0.02)
    assert driven.process.wait(60) == INFRASTRUCTURE
    assert driven.run.state().why == "No step for 0.02 minutes; where each rank was is in log.txt."
    told = driven.log.read_text()
    assert told.count("told_rank.py") == 2


def test_ranks_that_prepare_or_score_are_given_time(drive) -> None:
    """Before the first step of an attempt and after its last there is more to wait for."""
    driven = drive("step 9", "sleep", hang_min=0.001)
    driven.until_all_are_here()
    time.sleep(3)
    assert driven.process.poll() is None


# Stopping


def test_request_to_stop_reaches_every_rank(drive) -> None:
    driven = drive("stop when asked", "stop when asked")
    driven.until_all_are_here()
    driven.run.ask_to_stop("selma")
    assert driven.process.wait(30) == STOPPED
    state = driven.run.state()
    assert (state.phase, state.why) == (Phase.STOPPED, "Stopped on request.")


def test_signal_to_the_driver_stops_the_ranks(drive) -> None:
    """Slurm, a shutdown, or `kill` tell the driver; the ranks hear it from there."""
    driven = drive("stop when asked")
    driven.until_all_are_here()
    driven.process.send_signal(signal.SIGTERM)
    assert driven.process.wait(30) == STOPPED


def test_request_to_stop_while_ranks_still_start_is_no_failure(drive) -> None:
    driven = drive("sleep")
    driven.until_all_are_here()
    driven.run.ask_to_stop("selma")
    assert driven.process.wait(30) == STOPPED
    assert driven.run.state().phase is Phase.STOPPED


def test_request_of_an_earlier_attempt_does_not_stop_this_one(tmp_home: Path, drive) -> None:
    driven = drive("0")
    driven.process.wait(30)
    driven.run.ask_to_stop("selma")
    driven.run.begin_attempt(1, {})
    again = Driven(driven.run, driven.run.path.parents[2], attempt=2)
    assert again.process.wait(30) == DONE
    assert driven.run.state().phase is Phase.DONE


def test_driver_is_seen_alive_while_it_works(drive) -> None:
    driven = drive("sleep")
    driven.until_all_are_here()
    state = driven.run.state()
    assert state.phase is Phase.RUNNING
    assert (state.pid, state.host) == (driven.process.pid, socket.gethostname())
