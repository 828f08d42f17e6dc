"""A finetuning as a run: several seeds, stopped and taken up again, asked as a batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.finetuning.model import FinetunedModel
from kblib.jobs import predict_shard
from kblib.jobs.exit_codes import DONE, STOPPED
from kblib.jobs.finetune import Finetuning
from kblib.jobs.finetune_here import finetune
from kblib.jobs.finetune_job import Finetune
from kblib.jobs.predict import BatchPredict
from kblib.jobs.rank import Ranks
from kblib.runs import RunFolder
from tests.finetuning.labelled import KINDS, names, numbers, pairs, sentences, tiny_model

QUICK: dict[str, Any] = {"steps": 6, "eval_every": 2, "batch_size": 8, "patience": None}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_model(tmp_path_factory.mktemp("tiny"), "bert"))


def new_run(path: Path, job: Finetune) -> RunFolder:
    saved = job.with_saved_corpus().to_dict()
    return RunFolder.create(path, {"job": saved, "site": "local", "ranks": 1})


def attempt(run: RunFolder, stop: Callable[[], bool] = lambda: False) -> int:
    number = len(run.attempt_records()) + 1
    run.begin_attempt(number - 1, {})
    return Finetuning(run, number, Ranks(0, 1, torch.device("cpu"))).carry_out(stop)


def after(asked: int) -> Callable[[], bool]:
    """Say yes when asked for that many times."""
    left = [asked]

    def stop() -> bool:
        left[0] -= 1
        return left[0] < 0

    return stop


def curve(run: RunFolder) -> dict[int, tuple[Any, ...]]:
    found: dict[int, tuple[Any, ...]] = {}
    for line in run.metrics():
        told = tuple(line[name] for name in ("loss", "eval_loss", "eval_score") if name in line)
        if told:
            found[line["step"]] = (*found.get(line["step"], ()), *told)[-3:]
    return found


def rounded(value: Any) -> Any:
    """Round what equal texts, asked about once, change in the last digits."""
    if isinstance(value, list):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def test_disturbed_run_ends_with_the_bits_of_an_undisturbed_one(
    tiny: str, tmp_home: Path, tmp_path: Path
) -> None:
    job = Finetune(sentences(), tiny, seeds=(1, 2), **QUICK)
    whole, struck = (new_run(tmp_path / name, job) for name in ("whole", "struck"))
    assert attempt(whole) == DONE
    assert attempt(struck, after(3)) == STOPPED
    assert attempt(struck, after(6)) == STOPPED
    assert attempt(struck) == DONE
    assert curve(struck) == curve(whole)
    assert max(curve(whole)) == 12
    one, other = (FinetunedModel.open(run.model) for run in (whole, struck))
    texts = job.material.test
    assert one.predict(texts).equals(other.predict(texts))
    assert one.seeds.equals(other.seeds)
    assert one.seeds["seed"].tolist() == [1, 2]
    kept = {path.name for path in struck.result.iterdir() if path.name.startswith("seed-")}
    assert kept == {"seed-00001", "seed-00002"}


def test_run_says_what_it_does(tiny: str, tmp_home: Path, tmp_path: Path) -> None:
    run = new_run(tmp_path / "run", Finetune(sentences(), tiny, **QUICK))
    attempt(run)
    first, *_ = run.metrics()
    assert (first["event"], first["steps"], first["seed"]) == ("started", 6, 1)
    steps = [line for line in run.metrics() if "loss" in line]
    assert [line["step"] for line in steps] == [1, 2, 3, 4, 5, 6]
    assert all(line["attempt"] == 1 and line["gpu_hours"] >= 0 for line in steps)
    assert steps[-1]["seconds_left"] == 0
    scores = [line for line in run.metrics() if "eval_score" in line]
    assert [line["step"] for line in scores] == [2, 4, 6]


def test_seed_that_stops_early_gives_way_to_the_next(
    tiny: str, tmp_home: Path, tmp_path: Path
) -> None:
    stalled = {**QUICK, "learning_rate": 1e-9, "patience": 1, "eval_every": 1}
    run = new_run(tmp_path / "run", Finetune(sentences(), tiny, seeds=(3, 4), **stalled))
    assert attempt(run, after(1)) == STOPPED
    assert attempt(run) == DONE
    steps = {line["step"] for line in run.metrics() if "loss" in line}
    assert max(steps) < 12
    assert {line["seed"] for line in run.metrics() if "loss" in line} == {3, 4}


@pytest.mark.parametrize("kind", KINDS)
def test_scores_have_intervals_over_groups(kind: str, tiny: str) -> None:
    parts = KINDS[kind](160)
    model = finetune(parts, tiny, **{**QUICK, "steps": 3})
    scores = model.scores
    main = {"numbers": "spearman", "names": "span_f1"}.get(kind, "macro_f1")
    low, high = scores["intervals"][main]
    assert low <= scores["test"][main] <= high
    assert scores["intervals_of"]["unit"] == parts.by
    assert scores["intervals_of"]["units"] == parts.test.rows[parts.by].n_unique() >= 10
    for name, (start, end) in scores["intervals"].items():
        assert start - 1e-9 <= scores["test"][name] <= end + 1e-9, name
    assert (kind == "numbers") == (scores["by_label"] == [])
    card = (model.folder / "README.md").read_text()
    assert f"| {main} |" in card


@pytest.mark.parametrize(
    ("kind", "task"), [("sentences", "labels"), ("numbers", "scale"), ("names", "words")]
)
def test_finetuned_model_is_asked_about_a_corpus(kind: str, task: str, tiny: str) -> None:
    parts = KINDS[kind]()
    model = finetune(parts, tiny, **QUICK)
    corpus = parts.test.corpus
    job = BatchPredict(model.folder, corpus)
    assert job.task == task
    table = predict_shard.predict(job.shard(0), **job.arguments)
    alone = model.answers(list(corpus.texts()))
    column = {"labels": "label", "scale": "value", "words": "words"}[task]
    assert table["id"].to_list() == corpus.table["id"].tolist()
    assert rounded(table[column].to_list()) == rounded(alone[column].to_list())
    assert (table["model"] == model.folder.name).all()


def test_pairs_are_asked_about_as_pairs(tiny: str) -> None:
    model = finetune(pairs(), tiny, **QUICK)
    corpus = pairs().test.corpus
    twice = Corpus.from_texts(
        ["Kungen reser.", "Kungen reser."], text_pair=["Ja.", "Kungen reser i dag."]
    )
    for texts in (corpus, twice):
        job = BatchPredict(model.folder, texts)
        table = predict_shard.predict(job.shard(0), **job.arguments)
        alone = model.predict(texts)
        assert table["score_same"].to_list() == pytest.approx(alone["score_same"].tolist())
    assert table["score_same"][0] != table["score_same"][1]
    with pytest.raises(JobError, match="has no column text_pair"):
        BatchPredict(model.folder, sentences().test.corpus)


def test_word_labels_come_with_characters(tiny: str) -> None:
    model = finetune(names(), tiny, **QUICK)
    corpus = Corpus.from_texts(["I dag reser Olle till Malmö."])
    job = BatchPredict(model.folder, corpus)
    (words,) = predict_shard.predict(job.shard(0), **job.arguments)["words"].to_list()
    text = corpus[0].text
    assert [text[word["start"] : word["end"]] for word in words] == [w["word"] for w in words]
    assert [word["word"] for word in words][-2:] == ["Malmö", "."]
    with pytest.raises(JobError, match="task='fill' was asked of it"):
        BatchPredict(model.folder, corpus, task="fill")


def test_numbers_are_no_labels(tiny: str) -> None:
    model = finetune(numbers(), tiny, **QUICK)
    with pytest.raises(JobError, match="This one can do: scale"):
        BatchPredict(model.folder, numbers().test.corpus, task="labels")
