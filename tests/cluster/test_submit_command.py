"""``python -m kblib submit``: from a file of plain JSON to a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from kblib import __main__
from kblib.cluster import Run, job_script, submit
from kblib.corpora import Corpus
from kblib.jobs.batch import BatchTask
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import list_runs
from tests.watching import PATIENCE_S

Said = pytest.CaptureFixture[str]


@pytest.fixture
def task(tmp_home: Path) -> BatchTask:
    return BatchTask("polars:DataFrame", [{"word": ["sol"]}, {"word": ["snö"]}], name="words")


@pytest.fixture
def training(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=3, seq_len=16, batch_size=8)


def test_job_is_sent_and_waited_for(task: BatchTask, tmp_path: Path, capsys: Said) -> None:
    path = task.save(tmp_path / "job.json")
    assert __main__.main(["submit", str(path), "--workers", "1", "--wait"]) == 0
    said = capsys.readouterr().out.splitlines()
    (folder,) = list_runs()
    assert said[1] == f"  Look: python -m kblib status {folder.name}"
    assert said[2] == f"Run '{folder.name}': done, 2 of 2 shards"
    assert list(Run(folder).result().table["word"]) == ["sol", "snö"]
    assert submit(task).name == folder.name

    assert __main__.main(["submit", folder.name]) == 0  # a run, by its name
    assert capsys.readouterr().out.startswith(f"Run '{folder.name}': done, 2 of 2 shards\n")
    assert len(list_runs()) == 1

    assert __main__.main(["submit", str(folder.path), "--fresh", "--workers", "1"]) == 0
    again = next(run for run in list_runs() if run.name != folder.name)
    assert again.name == f"{folder.name}-r2"
    Run(again).wait(PATIENCE_S)


def test_script_is_shown_and_nothing_is_sent(
    training: Pretrain, tmp_path: Path, capsys: Said
) -> None:
    path = training.save(tmp_path / "job.json")
    words = [
        "--site",
        "example-slurm",
        "--nodes",
        "2",
        "--account",
        "p200",
        "--ranks-per-node",
        "2",
    ]
    assert __main__.main(["submit", str(path), *words, "--show"]) == 0
    asked = {"nodes": 2, "account": "p200", "ranks_per_node": 2}
    assert capsys.readouterr().out == job_script(training, site="example-slurm", **asked) + "\n"
    assert not list_runs()


def test_what_a_site_does_not_have_is_refused(
    training: Pretrain, tmp_path: Path, capsys: Said
) -> None:
    path = training.save(tmp_path / "job.json")
    assert __main__.main(["submit", str(path), "--nodes", "2"]) == 1
    assert "nodes was asked of site 'local'" in capsys.readouterr().err
    assert not list_runs()


def test_file_that_is_no_job_is_told(tmp_home: Path, tmp_path: Path, capsys: Said) -> None:
    assert __main__.main(["submit", str(tmp_path / "none.json")]) == 1
    assert capsys.readouterr().err.startswith(f"JobError: There is no {tmp_path / 'none.json'}.")
