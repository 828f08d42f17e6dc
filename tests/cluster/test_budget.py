"""A budget of GPU-hours, used up for real: the run stops, and goes on when it is let."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kblib.cluster import submit
from kblib.errors import RunError
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase
from tests.watching import PATIENCE_S, until


def test_run_stops_when_its_budget_is_used_up_and_goes_on_with_more(long_job: Pretrain) -> None:
    job = replace(long_job, name="budget", steps=100_000, save_every=50_000)
    run = submit(job, budget_gpu_hours=1e-6)
    until(lambda: run.state.over)
    state = run.state
    assert state.phase is Phase.STOPPED
    assert state.why.startswith("Its budget of 1e-06 GPU-hours is used up: ")
    assert "A checkpoint was saved. To go on: run.resume(budget_gpu_hours=2e-06)" in state.why
    saved = run.folder / "checkpoints"
    assert [path.name for path in saved.iterdir()] == [f"step-{state.step:08d}"]
    with pytest.raises(RunError, match="Its budget is used up"):
        submit(job)
    assert run.gpu_hours() > 1e-6
    run.resume(budget_gpu_hours=100)
    until(lambda: run.state.step > state.step)
    run.cancel().wait(PATIENCE_S)
    assert run.state.why == "Stopped on request."
    assert list(run.metrics()["step"]) == list(range(1, run.state.step + 1))
