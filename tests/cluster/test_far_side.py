"""What the library on a cluster does for a machine that reaches it by ssh, asked without a way."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import kblib
from kblib import files, settings
from kblib.cluster import Run, far_side
from kblib.corpora import Corpus
from kblib.runs import Phase, RunFolder, RunState


def test_run_that_was_made_and_never_begun_takes_what_is_asked_now(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection went after ``make``; the second time another account is given."""
    first = {"resources": {"account": "a-1"}, "pool": {"workers": 2, "resources": {"nodes": 1}}}
    run = RunFolder.create(settings.runs_folder() / "b-1", first)
    monkeypatch.setattr(Run, "state", RunState(Phase.QUEUED, attempt=0))
    monkeypatch.setattr(Run, "begin", lambda _: run.script_file.touch())
    asked = {"name": "b-1", "new": False, "budget_gpu_hours": None}
    second = {"resources": {"account": "a-2"}, "pool": {"workers": 9, "resources": {"nodes": 2}}}
    far_side.begin({**asked, **second})
    assert run.config() == {**second, "pool": {"workers": 2, "resources": {"nodes": 2}}}
    far_side.begin({**asked, **first})  # it is queued: its jobs were sent with what was asked
    assert run.config()["resources"] == {"account": "a-2"}


def test_models_and_corpora_are_asked_for_until_they_are_there(
    tmp_home: Path, films: Corpus
) -> None:
    there = settings.home()
    corpus = films.save()
    assert corpus.folder is not None
    said = {"name": "films", "fingerprint": corpus.fingerprint, "folder": "/laptop/films-1"}
    model = {"name": "mine", "fingerprint": "f" * 64, "folder": "1a2b/mine"}
    hub = {"name": "KB/bert-base-swedish-cased", "fingerprint": None, "folder": None}
    config = {"job": {"corpus": said, "continue_from": model, "tokenizer": hub}, "submitted": 1.0}
    asked = {
        "name": "r-1",
        "version": kblib.__version__,
        "config": config,
        "corpora": {"films-1": "c" * 64},
        "models": {"1a2b/mine": "d" * 64},
    }
    made = far_side.make(asked)
    assert made["missing"] == {"corpora": ["films-1"], "models": ["1a2b/mine"]}
    assert made["folders"] == {"corpora": str(there / "corpora"), "models": str(there / "models")}
    job = RunFolder(Path(made["path"])).config()["job"]
    assert job["corpus"]["folder"] == str(there / "corpora" / "films-1")
    assert job["continue_from"]["folder"] == str(there / "models" / "1a2b" / "mine")
    assert job["tokenizer"] == hub

    digest = files.sha256(corpus.folder / files.MANIFEST)
    shutil.copytree(corpus.folder, there / "models" / "1a2b" / "mine")  # any sealed folder
    again = far_side.make({**asked, "models": {"1a2b/mine": digest}})
    assert (again["missing"]["models"], again["new"]) == ([], False)


def test_what_a_model_stands_beside_lies_there_too(tmp_home: Path) -> None:
    arguments = {"model": "1a2b/topics", "beside": "3c4d/mine", "task": "labels"}
    job = {"function": "kblib.jobs.predict_shard:predict", "arguments": arguments}
    models = {"1a2b/topics": "a" * 64, "3c4d/mine": "b" * 64}
    asked = {"name": "r-2", "version": kblib.__version__, "config": {"job": job}}
    made = far_side.make({**asked, "corpora": {}, "models": models})
    assert made["missing"]["models"] == list(models)
    there = settings.home() / "models"
    assert RunFolder(Path(made["path"])).config()["job"]["arguments"] == {
        "model": str(there / "1a2b" / "topics"),
        "beside": str(there / "3c4d" / "mine"),
        "task": "labels",
    }
