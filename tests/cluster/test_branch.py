"""Branches and comparisons, on runs that were really carried out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from kblib import files
from kblib.cluster import Run
from kblib.cluster.branch import branch_folder
from kblib.cluster.comparison import compare
from kblib.errors import IntegrityError, JobError, RunError
from kblib.runs import Phase, RunFolder
from tests.jobs.attempts import attempt
from tests.watching import PATIENCE_S, losses


@pytest.fixture(scope="module")
def parent(uninterrupted: Run) -> RunFolder:
    return RunFolder(uninterrupted.folder)


def test_branch_without_a_change_follows_its_parent_to_the_bit(uninterrupted: Run) -> None:
    branch = uninterrupted.branch(step=50).wait(PATIENCE_S)
    assert branch.name != uninterrupted.name
    assert branch.state.phase is Phase.DONE
    assert losses(branch) == losses(uninterrupted)
    assert set(branch.metrics()["attempt"]) == {0, 1}
    assert uninterrupted.branch(step=50).name == branch.name
    found = compare(uninterrupted, branch)
    assert found.step == 60
    assert found.differences.empty
    assert found.table.set_index("measure").loc["eval_loss", "difference"] == 0


def test_branch_has_the_checkpoint_the_curve_and_the_changed_job(parent: RunFolder) -> None:
    folder = branch_folder(parent, 50, {"learning_rate": 1e-5, "steps": 80})
    assert folder.checkpoint_steps() == [50]
    files.check_folder(folder.checkpoint(50), contents=True)
    assert max(line["step"] for line in folder.metrics()) == 50
    config = folder.config()
    assert config["branch"] == {"run": parent.name, "step": 50}
    assert (config["job"]["learning_rate"], config["job"]["steps"]) == (1e-5, 80)
    assert parent.checkpoint_steps() == [50, 60]
    assert branch_folder(parent, 50, {"learning_rate": 1e-5, "steps": 80}).path == folder.path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"corpus": None}, "A branch was asked for with another corpus. Its checkpoint belongs to"),
        ({"seed": 2}, "A branch was asked for with another seed."),
        ({"test": 0.2}, "A branch was asked for with another test."),
        ({"steps": 60}, "A branch from step 60 was asked for with steps=60."),
        ({"learning": 1}, "A branch was asked for with learning: "),
        ({"learning_rate": -1}, "Pretrain got learning_rate=-1."),
    ],
)
def test_change_that_does_not_fit_is_refused(
    parent: RunFolder, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(JobError) as caught:
        branch_folder(parent, None, changes)
    assert str(caught.value).startswith(said)


def test_branch_from_a_step_without_a_checkpoint_names_those_there_are(parent: RunFolder) -> None:
    with pytest.raises(RunError) as caught:
        branch_folder(parent, 40, {})
    assert str(caught.value).startswith(
        f"Run '{parent.name}' has not the checkpoint of step 40; there are: 50, 60."
    )


def test_damaged_checkpoint_is_no_place_to_branch_from(
    parent: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = RunFolder(tmp_path / "copy")
    shutil.copytree(parent.path, copy.path)
    part = next(copy.checkpoint(50).glob("*.safetensors"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="has been changed or damaged"):
        branch_folder(copy, 50, {"steps": 80})
    assert not list(tmp_path.glob("short-*"))


# Comparing


def test_comparison_shows_what_was_asked_otherwise_and_what_came_of_it(
    uninterrupted: Run, parent: RunFolder, films: Any
) -> None:
    folder = branch_folder(parent, 50, {"learning_rate": 1e-4, "monitor": {"all": films}})
    attempt(folder)
    other = Run(folder)
    found = compare(uninterrupted.name, other)
    first, second = found.names
    asked = found.differences.set_index("setting")
    assert set(asked.index) == {"learning_rate", "monitor.all"}
    assert asked.loc["learning_rate", second] == 1e-4
    ends = [run.metrics().set_index("step").loc[60] for run in (uninterrupted, other)]
    rows = found.table.set_index("measure")
    for name in ("loss", "eval_loss"):
        assert rows.loc[name, first] == ends[0][name]
        assert rows.loc[name, "difference"] == ends[1][name] - ends[0][name]
    assert found.curves["loss", first].loc[1] == found.curves["loss", second].loc[1]


def test_run_is_not_compared_with_itself(uninterrupted: Run) -> None:
    with pytest.raises(RunError, match="was to be compared with itself"):
        compare(uninterrupted, uninterrupted.name)


def test_runs_never_evaluated_together_are_told(uninterrupted: Run, parent: RunFolder) -> None:
    folder = branch_folder(parent, 50, {"weight_decay": 0.5})
    folder.metrics_file.write_text("")
    with pytest.raises(RunError, match="never evaluated at the same step"):
        compare(uninterrupted, Run(folder))
