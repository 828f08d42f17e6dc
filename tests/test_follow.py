from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from kblib import follow, settings
from kblib.cluster import Run
from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, RunState, journal


@pytest.fixture
def folder(tmp_home: Path) -> RunFolder:
    """Give a run that nobody drives: its state is what the test says."""
    run = RunFolder.create(settings.runs_folder() / "films", {"job": {}})
    run.write_state(RunState(Phase.RUNNING, steps=1200, heartbeat=time.time()))
    return run


def step(number: int) -> dict[str, float]:
    return {"step": number, "loss": 7.125, "tokens_per_s": 12_345.6, "seconds_left": 61.4}


def test_progress_is_told_until_the_run_is_over(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def meanwhile(_: float) -> None:
        folder.write_state(replace(folder.state(), phase=Phase.DONE))

    journal.append(folder.metrics_file, {"event": "started", "step": 0})
    journal.append(folder.metrics_file, step(1))
    journal.append(folder.metrics_file, step(1001))
    journal.append(folder.metrics_file, {"step": 1001, "eval_loss": 3.0})
    monkeypatch.setattr(time, "sleep", meanwhile)
    told: list[str] = []
    follow.follow(Run(folder), told.append)
    assert [line.strip() for line in told] == [
        "step 1,001 of 1,200: loss 7.12, 12,346 tokens a second, 61 s left"
    ]


def test_lines_come_no_faster_than_they_can_be_read(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred looks within ten seconds, each with a new step: one line."""
    looks = iter(range(1, 101))

    def meanwhile(_: float) -> None:
        number = next(looks)
        journal.append(folder.metrics_file, step(number))
        if number == 100:
            folder.write_state(replace(folder.state(), phase=Phase.DONE))

    monkeypatch.setattr(time, "sleep", meanwhile)
    told: list[str] = []
    follow.follow(Run(folder), told.append)
    assert len(told) == 1


def test_run_that_is_over_tells_nothing(folder: RunFolder) -> None:
    folder.write_state(RunState(Phase.DONE))
    told: list[str] = []
    follow.follow(Run(folder), told.append)
    assert told == []


def test_failed_run_raises_why(folder: RunFolder) -> None:
    folder.write_state(RunState(Phase.FAILED, "The disk is full.", step=3))
    with pytest.raises(RunError, match=r"Run 'films' failed at step 3: The disk is full\."):
        follow.follow(Run(folder), print)


def test_stopped_run_raises_with_the_command_to_go_on(folder: RunFolder) -> None:
    folder.write_state(RunState(Phase.STOPPED, step=3, steps=1200))
    with pytest.raises(RunError) as caught:
        follow.follow(Run(folder), print)
    assert str(caught.value) == (
        "Run 'films' was stopped at step 3 of 1200. A result is there only at the end.\n"
        "  Go on with: python -m kblib resume films"
    )
