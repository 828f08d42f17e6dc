"""The way of an embedded model into its folder; runs are made by hand, nothing is trained."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kblib import embedded, settings
from kblib.cluster import Run
from kblib.corpora import Corpus
from kblib.errors import ModelError, RunError
from kblib.files import check_folder, read_json, sealed_folder, write_json
from kblib.jobs.prepare import split_parts
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import Phase, RunFolder, RunState


@pytest.fixture
def job(
    films: Corpus, tiny_shape: ModelShape, tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Pretrain:
    """Give the job of the only embedded model, which is installed below the home."""
    job = Pretrain(films, tiny_shape, epochs=6, seq_len=16, batch_size=8, name="kb-tiny")
    monkeypatch.setattr(embedded, "EMBEDDED", {"kb-tiny": lambda: job})
    monkeypatch.setattr(settings, "checkout", lambda: None)
    return job


@pytest.fixture
def target(tmp_home: Path) -> Path:
    return tmp_home / "models" / "kb-tiny"


def save_model(folder: Path, job: Pretrain, **recipe: Any) -> None:
    said = {**job.to_dict(), **recipe}
    with sealed_folder(folder, {"kind": "model"}, replace=True) as aside:
        write_json(aside / "recipe.json", {"job": json.loads(json.dumps(said))})
        (aside / "config.json").write_text("{}")


def run_of(job: Pretrain, **state: Any) -> RunFolder:
    """Make the run of a job, in the state that is said."""
    path = settings.runs_folder() / f"{job.label}-{job.key[:8]}"
    run = RunFolder.create(path, {"job": job.to_dict(), "ranks": 1, "site": "local"})
    run.write_state(RunState(**{"phase": Phase.DONE, "heartbeat": time.time(), **state}))
    return run


def attaching(run: RunFolder) -> Callable[..., Run]:
    return lambda _: Run(run)


def never(*_: object) -> Run:
    raise AssertionError("a run was asked for")


def test_model_of_a_finished_run_is_copied_into_place(
    job: Pretrain, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(job)
    save_model(run.path / "result" / "model", job)
    monkeypatch.setattr(embedded, "submit", attaching(run))
    told: list[str] = []
    assert embedded.make_models(told.append) == [target]
    assert told == [f"kb-tiny: run '{run.name}'", f"kb-tiny: {target}"]
    check_folder(target, contents=True)
    assert [path.name for path in target.parent.iterdir()] == ["kb-tiny"]


def test_model_of_the_same_job_is_not_made_again(
    job: Pretrain, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(target, job)
    monkeypatch.setattr(embedded, "submit", never)
    told: list[str] = []
    embedded.make_models(told.append)
    assert told == [
        f"kb-tiny: {target} is there already, made by this very job; delete it to train anew."
    ]


def test_recipe_of_an_earlier_version_counts(
    job: Pretrain, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had whole epochs and no content of the corpus."""
    corpus = {"name": "films", "fingerprint": job.corpus.fingerprint}
    save_model(target, job, corpus=corpus, epochs=6)
    recipe = read_json(target / "recipe.json")
    del recipe["job"]["random_rate"]
    with sealed_folder(target, {"kind": "model"}, replace=True) as aside:
        write_json(aside / "recipe.json", recipe)
    monkeypatch.setattr(embedded, "submit", never)
    assert embedded.make_models(print) == [target]


@pytest.mark.parametrize("other", [{"seed": 2}, {"epochs": 7.0}, {"learning_rate": 1e-3}])
def test_model_of_another_job_gives_way(
    job: Pretrain, target: Path, monkeypatch: pytest.MonkeyPatch, other: dict[str, Any]
) -> None:
    save_model(target, replace(job, **other))
    run = run_of(job)
    save_model(run.path / "result" / "model", job)
    monkeypatch.setattr(embedded, "submit", attaching(run))
    embedded.make_models(lambda _: None)
    assert read_json(target / "recipe.json")["job"]["seed"] == 1
    assert read_json(target / "recipe.json")["job"]["epochs"] == 6.0


def test_damaged_model_is_made_again(
    job: Pretrain, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(target, job)
    (target / "config.json").unlink()
    run = run_of(job)
    save_model(run.path / "result" / "model", job)
    monkeypatch.setattr(embedded, "submit", attaching(run))
    embedded.make_models(lambda _: None)
    check_folder(target, contents=True)


def test_run_that_was_killed_goes_on(job: Pretrain, monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(job, phase=Phase.FAILED, why="The machine restarted.", exit_code=86)
    resumed: list[str] = []
    monkeypatch.setattr(Run, "resume", lambda self: resumed.append(self.name) or self)
    monkeypatch.setattr(embedded, "submit", never)
    assert embedded._begun(job).name == run.name
    assert resumed == [run.name]


def test_run_that_failed_by_itself_is_not_started_again(job: Pretrain) -> None:
    run_of(job, phase=Phase.FAILED, why="The loss is not a number.", exit_code=1)
    with pytest.raises(RunError, match="The loss is not a number"):
        embedded.make_models(lambda _: None)


def test_run_that_was_stopped_leaves_the_old_model(
    job: Pretrain, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(target, replace(job, seed=2))
    run = run_of(job, phase=Phase.STOPPED, step=3)
    monkeypatch.setattr(embedded, "submit", attaching(run))
    with pytest.raises(RunError, match=f"python -m kblib resume {run.name}"):
        embedded.make_models(lambda _: None)
    assert read_json(target / "recipe.json")["job"]["seed"] == 2


def test_unknown_model_is_refused_with_those_there_are(job: Pretrain) -> None:
    with pytest.raises(ModelError) as caught:
        embedded.make_models(print, ["kb-tony"])
    assert str(caught.value) == (
        "No embedded model is called 'kb-tony'. There are: kb-tiny.\n"
        "  python -m kblib models kb-tiny"
    )


def test_mini_masked_keeps_its_own_warm_up(films: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "load_sample", lambda _: films)
    monkeypatch.setattr(embedded, "newsreel_filters", tuple)
    job = embedded.mini_masked()
    assert (job.warmup_steps, job.epochs, job.name) == (200, 6.0, "kb-mini-masked")


def test_mini_causal_reads_the_split_of_mini_masked(
    films: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "load_sample", lambda _: films)
    monkeypatch.setattr(embedded, "newsreel_filters", tuple)
    causal, masked = embedded.mini_causal(), embedded.mini_masked()
    for theirs, ours in zip(split_parts(masked), split_parts(causal), strict=True):
        assert theirs.fingerprint == ours.fingerprint
    stored_bytes = 2 * causal.shape.parameters()
    assert stored_bytes < 30e6


def test_adapters_of_an_embedded_base_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(embedded, "_make_adapter", lambda recipe, _: made.append(recipe.name))
    embedded.make_models(lambda _: None, ["kb-mini-masked-1940s"])
    assert made == ["kb-mini-masked-1940s"]


def test_adapters_are_of_the_decades_with_enough_speech() -> None:
    assert [recipe.period for recipe in embedded.PERIODS] == ["1930s", "1940s", "1950s"]
    assert {(recipe.base, recipe.medium) for recipe in embedded.PERIODS} == {
        ("kb-mini-masked", "speech")
    }
