"""Small sweeps: what is submitted, in which order, and what the table says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kblib.cluster import Run
from kblib.cluster import sweep as module
from kblib.cluster.sweep import Sweep, sweep
from kblib.errors import JobError
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase, RunFolder, RunState, journal
from tests.watching import PATIENCE_S


@pytest.fixture
def told(tmp_home: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Pretrain, Run | None]]:
    """Take what is submitted instead of starting it."""
    found: list[tuple[Pretrain, Run | None]] = []

    def take(job: Pretrain, *, site: str, after: Run | None) -> Run:
        path = tmp_home / "runs" / f"run-{len(found)}"
        run = RunFolder.create(path, {"job": job.to_dict(), "site": site, "ranks": 1})
        run.write_state(RunState(Phase.DONE, step=10))
        found.append((job, after))
        return Run(run)

    monkeypatch.setattr(module, "submit", take)
    return found


def test_each_value_is_a_run_that_waits_for_the_one_before(told: list[Any], job: Pretrain) -> None:
    found = sweep(job, learning_rate=[1e-3, 1e-4], weight_decay=(0.0, 0.1))
    asked = [(one.learning_rate, one.weight_decay) for one, _ in told]
    assert asked == [(1e-3, 0.0), (1e-3, 0.1), (1e-4, 0.0), (1e-4, 0.1)]
    names = [after.name if after else None for _, after in told]
    assert names == [None, "run-0", "run-1", "run-2"]
    assert [run.name for run in found.runs] == ["run-0", "run-1", "run-2", "run-3"]


def test_table_has_changes_and_newest_losses(told: list[Any], job: Pretrain) -> None:
    found = sweep(job, learning_rate=[1e-3, 1e-4, 1e-5])
    for number, losses in enumerate([(3.0, 2.9), (3.5, 2.5), ()]):
        for step, loss in enumerate(losses, start=1):
            line = {"step": step, "loss": loss, "eval_loss": loss + 1, "attempt": 1}
            journal.append(found.runs[number].folder / "metrics.jsonl", line)
    table = found.table
    assert table["learning_rate"].tolist() == [1e-3, 1e-4, 1e-5]
    assert table["eval_loss"].tolist()[:2] == [3.9, 3.5]
    assert table["eval_loss"].isna().tolist() == [False, False, True]
    assert found.best.name == "run-1"
    assert "run-2" in repr(found)


def test_best_of_what_was_not_evaluated_is_asked_for_in_vain(
    told: list[Any], job: Pretrain
) -> None:
    with pytest.raises(JobError, match="No run of this sweep was evaluated yet"):
        _ = sweep(job, learning_rate=[1e-3]).best


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "A sweep over 0 runs was asked for. 1 to 24 were expected."),
        ({"learning_rate": []}, "A sweep over 0 runs was asked for."),
        ({"learning_rate": [1e-3] * 5, "seed": [1] * 5}, "A sweep over 25 runs was asked for."),
        ({"learning_rate": 1e-3}, "A sweep got learning_rate=0.001. A list of values to try was"),
        ({"name": "abc"}, "A sweep got name='abc'."),
        ({"rate": [1]}, "A sweep over rate was asked for. Fields of kb.Pretrain were expected."),
        ({"learning_rate": [1e-3, -1]}, "Pretrain got learning_rate=-1."),
    ],
)
def test_sweep_that_cannot_be_is_refused_before_anything_runs(
    told: list[Any], job: Pretrain, values: dict[str, Any], said: str
) -> None:
    with pytest.raises(JobError) as caught:
        sweep(job, **values)
    assert str(caught.value).startswith(said)
    assert told == []


@pytest.mark.slow
def test_runs_of_a_sweep_go_on_by_themselves_one_after_another(job: Pretrain) -> None:
    found = sweep(replace(job, steps=20, name="swept"), learning_rate=[1e-3, 1e-4])
    assert isinstance(found, Sweep)
    assert found.wait(PATIENCE_S).table["phase"].tolist() == ["done", "done"]
    first, second = (RunFolder(run.folder).attempt_records()[0] for run in found.runs)
    assert second["begun"] >= first["ended"]
