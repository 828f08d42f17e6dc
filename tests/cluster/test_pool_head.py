"""When the head of a pool gives up, without Slurm."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kblib.cluster import pool_head
from kblib.cluster.pool_head import SlurmPoolHead
from kblib.jobs.exit_codes import INFRASTRUCTURE, STOPPED
from kblib.runs import RunFolder
from kblib.runs.shards import ShardFiles


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    monkeypatch.setattr(pool_head, "check_staged", lambda run: None)
    shards = list(range(9))
    config = {"job": {"kind": "batch", "shards": shards}, "pool": {"shards": 9, "workers": 1}}
    return RunFolder.create(tmp_path / "run", config)


def lose(run: RunFolder, *steps: int, code: int = INFRASTRUCTURE) -> None:
    """Let heads be lost, each with so many shards done by then."""
    for step in steps:
        number = len(run.attempt_records()) + 1
        run.begin_attempt(number - 1, {"job": str(number)})
        run.end_attempt(number, ended=time.time(), exit_code=code, why="lost", step=step)
        commit(run, step)


def commit(run: RunFolder, n: int) -> None:
    for number in range(n):
        ShardFiles(run).commit(number, lambda path: path.write_text("done"))


def why_next_stops(run: RunFolder) -> str:
    """Let the next head begin; return why it stops at once, or nothing."""
    number = len(run.attempt_records()) + 1
    run.begin_attempt(number - 1, {"job": str(number)})
    head = SlurmPoolHead(run, number, str(number))
    head._begin()
    return head.stops


def test_three_heads_without_a_result_are_enough(run: RunFolder) -> None:
    lose(run, 0, 0, 0)
    assert why_next_stops(run).startswith("3 heads in a row were lost without one more result;")


def test_head_that_brought_results_does_not_count(run: RunFolder) -> None:
    lose(run, 4, 4, 4)  # the first of them did four
    assert why_next_stops(run) == ""


def test_results_before_do_not_help(run: RunFolder) -> None:
    lose(run, 4, 4, 4, 4)
    assert why_next_stops(run) != ""


def test_workers_go_on_without_a_head(run: RunFolder) -> None:
    lose(run, 0, 0, 0)
    commit(run, 1)
    assert why_next_stops(run) == ""


def test_wall_time_without_a_result_is_waiting(run: RunFolder) -> None:
    lose(run, 0, 0)
    lose(run, 0, code=STOPPED)
    assert why_next_stops(run) == ""


def test_heads_before_the_run_was_sent_again_do_not_count(run: RunFolder) -> None:
    lose(run, 0, 0, 0)
    run.write_sent_jobs("11", "12")
    lose(run, 0, 0)
    assert why_next_stops(run) == ""
