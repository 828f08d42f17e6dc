"""What is believed of a silent run: of one's own, of somebody else's, of one that is elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from kblib import files
from kblib.cluster import Run, gang, mirror
from kblib.cluster.slurm_answers import SlurmJob
from kblib.cluster.watch import FRESH_S, forget, observed
from kblib.errors import SiteError
from kblib.runs import Phase, RunFolder, RunState

SILENT_S = 4 * FRESH_S


@dataclass
class Queue:
    """Stands for a scheduler that has forgotten all jobs, or shows one."""

    jobs: list[SlurmJob] = field(default_factory=list)
    asked_for: list[str | None] = field(default_factory=list)

    def queue(self, *_: str, owner: str | None = None) -> list[SlurmJob]:
        self.asked_for.append(owner)
        return self.jobs

    def job(self, _: str) -> None:
        return None

    @property
    def shell(self) -> None:
        return None


def written_at(run: RunFolder, state: RunState) -> RunState:
    """Write a state as it was written at another time, and return it."""
    run.write_state(state)
    return state


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """Give the scheduler that every run here asks."""
    queue = Queue()
    monkeypatch.setattr(gang, "slurm_of", lambda _: queue)
    return queue


@pytest.fixture
def silent(tmp_path: Path) -> RunFolder:
    """Give a run that trained, and was last heard a minute ago."""
    run = RunFolder.create(tmp_path / "run", {"site": "emulator", "resources": {}})
    run.script_file.write_text("#!/bin/sh\n")
    run.write_state(RunState(Phase.RUNNING, step=5, heartbeat=time.time() - SILENT_S))
    forget(run)
    return run


def test_a_silent_run_without_a_job_has_failed(silent: RunFolder, queue: Queue) -> None:
    assert observed(silent, silent.written_state()).phase is Phase.FAILED
    assert queue.asked_for == [None]


def test_a_run_that_is_being_sent_has_not_failed_and_keeps_its_keys(
    silent: RunFolder, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sending takes minutes where a corpus is read, or a container is slow to start."""
    silent.write_state(RunState(Phase.STOPPED, step=5, attempt=1, heartbeat=time.time()))
    seen: list[RunState] = []

    def stage(run: RunFolder, *_: object) -> None:
        written = replace(run.written_state(), heartbeat=time.time() - SILENT_S)
        seen.append(observed(run, written_at(run, written)))
        raise SiteError("The Python of the site does not start.")

    monkeypatch.setattr(gang, "stage", stage)
    kept = silent.tls
    monkeypatch.setattr("kblib.cluster.begin.make_keys", lambda run: kept.mkdir())
    removed: list[bool] = []
    monkeypatch.setattr("kblib.cluster.watch.remove_keys", lambda run: removed.append(True))
    with pytest.raises(SiteError, match="does not start"):
        Run(silent).begin()
    assert (seen[0].phase, removed) == (Phase.QUEUED, [])
    assert seen[0].why == "What it needs is looked at before it is sent."
    assert silent.written_state().phase is Phase.STOPPED


def test_a_run_that_is_sent_from_a_machine_whose_locks_are_not_seen_has_not_failed(
    silent: RunFolder, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[RunState] = []

    def stage(run: RunFolder, *_: object) -> None:
        seen.append(observed(run, run.written_state()))
        raise SiteError("The Python of the site does not start.")

    silent.write_state(RunState(Phase.QUEUED, attempt=1, heartbeat=time.time() - SILENT_S))
    monkeypatch.setattr(gang, "stage", stage)
    with pytest.raises(SiteError, match="does not start"):
        gang.begin(silent)
    assert seen[0].phase is Phase.QUEUED
    assert seen[0].why.startswith("It was not sent to the scheduler")


def test_a_silent_run_of_somebody_else_is_not_judged(
    silent: RunFolder, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunFolder, "is_of_another_user", True)
    monkeypatch.setattr(RunFolder, "is_foreign", True)
    monkeypatch.setattr(RunFolder, "owner", "anna")
    state = observed(silent, silent.written_state())
    assert (state.phase, state.step) == (Phase.RUNNING, 5)
    assert state.why == "Last heard of 1 min ago; the scheduler tells only anna of this run."
    assert queue.asked_for == ["anna"]


def test_what_the_scheduler_tells_of_somebody_elses_run_is_shown(
    silent: RunFolder, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RunFolder, "is_of_another_user", True)
    queue.jobs = [SlurmJob("7", silent.name, "PENDING", "Priority")]
    state = observed(silent, silent.written_state())
    assert state.phase is Phase.QUEUED
    assert state.why.startswith("Job 7 waits: ")


def test_a_silent_run_elsewhere_is_looked_at_before_it_is_judged(
    silent: RunFolder, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_json(silent.mirror_file, {"path": "/there", "looked": time.time()})

    def look(run: RunFolder, *, at_once: bool = False) -> None:
        assert at_once
        run.write_state(RunState(Phase.DONE, step=9, heartbeat=time.time()))

    monkeypatch.setattr(mirror, "refresh", look)
    assert observed(silent, silent.written_state()).phase is Phase.DONE


def test_a_silent_run_elsewhere_that_is_not_reached_is_not_judged(
    silent: RunFolder, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreached(_: RunFolder) -> None:
        raise SiteError("'far' was not reached. The host does not answer.")

    files.write_json(silent.mirror_file, {"path": "/there", "looked": time.time() - 7500})
    monkeypatch.setattr(mirror, "connection_of", unreached)
    state = observed(silent, silent.written_state())
    assert state.phase is Phase.RUNNING
    assert state.why == ("Known 2 h 5 min ago: 'far' was not reached. The host does not answer.")
