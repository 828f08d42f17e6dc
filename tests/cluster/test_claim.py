"""How a job takes a run, without Slurm."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from kblib import settings
from kblib.cluster import gang
from kblib.cluster.claim import claim
from kblib.cluster.slurm_answers import SlurmJob, SlurmNode
from kblib.cluster.tls import make_keys
from kblib.jobs.exit_codes import DONE
from kblib.runs import Phase, RunFolder, lock
from kblib.runs.lock import take
from kblib.sites import cluster_of, load_site


@pytest.fixture
def run(tmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    """Give a run whose first job begins; its scheduler is asked nothing."""
    cluster = replace(cluster_of(load_site("emulator")), chain_from_nodes=False)
    monkeypatch.setattr(gang, "cluster_of_run", lambda run: cluster)
    monkeypatch.setattr(gang, "drop_waiting", lambda run, *, own: None)
    taken: list[int] = []
    monkeypatch.setattr(lock, "take", lambda path, **_: taken.append(take(path, patience_s=1)) or 1)
    yield RunFolder.create(settings.runs_folder() / "films", {"site": "emulator"})
    for handle in taken:  # a job would hold it to its end
        os.close(handle)


def test_job_claims_the_next_attempt(run: RunFolder) -> None:
    assert claim(run, "7").attempt == 1
    assert (run.written_state().phase, run.written_state().attempt) == (Phase.QUEUED, 1)
    assert run.asked_to_stop(1) is None


def test_stop_asked_while_the_job_was_starting_is_heard(run: RunFolder) -> None:
    run.ask_to_stop("anna")
    assert claim(run, "7").attempt == 1
    assert run.asked_to_stop(1) == "anna"


def test_job_of_a_run_that_is_over_has_nothing_to_do(run: RunFolder) -> None:
    run.write_state(replace(run.written_state(), phase=Phase.DONE))
    found = claim(run, "8")
    assert (found.attempt, found.exit_code) == (None, DONE)


class Slurm:
    """Stands for a scheduler that tells how the last job ended."""

    def __init__(self, state: str, end: datetime | None = None) -> None:
        self.state = state
        self.end = end

    def job(self, number: str) -> SlurmJob:
        return SlurmJob(number, "films", self.state, "", nodes="gn1", end=self.end)

    def nodes(self, *_: str) -> list[SlurmNode]:
        return []


@pytest.mark.parametrize(
    ("state", "goes_on"), [("OUT_OF_MEMORY", False), ("NODE_FAIL", True), ("TIMEOUT", True)]
)
def test_job_goes_on_after_a_driver_that_was_lost_unless_memory_was_wanting(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, state: str, goes_on: bool
) -> None:
    monkeypatch.setattr(gang, "slurm_of", lambda run: Slurm(state))
    make_keys(run)
    run.begin_attempt(0, {"job": "7", "nodes": "gn1"})
    run.write_state(replace(run.written_state(), phase=Phase.RUNNING, attempt=1))
    found = claim(run, "8")
    assert found.attempt == (2 if goes_on else None)
    assert run.written_state().phase is (Phase.QUEUED if goes_on else Phase.FAILED)
    assert state in run.attempt_records()[0]["why"]
    assert run.tls.exists() is goes_on
    if not goes_on:
        assert "OUT_OF_MEMORY" in run.written_state().why
        assert found.exit_code == DONE


@pytest.mark.parametrize(
    ("told_s", "counts_s"),
    [
        pytest.param(-7200.0, 10800.0, id="two hours ago"),
        pytest.param(-9e9, 0.0, id="before it began"),
        pytest.param(9e6, 18000.0, id="in another time zone"),
        pytest.param(None, 18000.0, id="unknown"),
    ],
)
def test_hours_of_a_lost_job_end_when_it_did_however_long_the_next_one_waited(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch, told_s: float | None, counts_s: float
) -> None:
    now = 2_000_000_000.0
    end = None if told_s is None else datetime.fromtimestamp(now + told_s)
    monkeypatch.setattr(gang, "slurm_of", lambda run: Slurm("NODE_FAIL", end))
    monkeypatch.setattr(time, "time", lambda: now - 18000)
    run.begin_attempt(0, {"job": "7", "nodes": "gn1"})
    monkeypatch.setattr(time, "time", lambda: now)
    run.write_state(replace(run.written_state(), phase=Phase.RUNNING, attempt=1))
    claim(run, "8")
    first = run.attempt_records()[0]
    assert first["ended"] - first["submitted"] == counts_s
