"""Batches of models that stand beside another one: it goes where they go, and is looked at."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kblib.cluster.job_parts import models_in
from kblib.corpora import Corpus
from kblib.errors import IntegrityError, ModelError
from kblib.fewshot.classifier import FewShotClassifier
from kblib.finetuning.here import finetune
from kblib.finetuning.model import FinetunedModel
from kblib.jobs import predict_shard
from kblib.jobs.predict import BatchPredict
from kblib.zeroshot.classifier import ZeroShotClassifier
from tests.finetuning.labelled import sentences, tiny_model


@pytest.fixture
def shelf(tmp_path: Path, tmp_home: Path) -> Path:
    """Give a folder with a tiny model in it."""
    tiny_model(tmp_path / "shelf", "bert")
    return tmp_path / "shelf" / "tiny-bert"


@pytest.fixture
def corpus() -> Corpus:
    return Corpus.from_texts(["Laget vann.", "Flickan såg regnet.", "Kungen reser."], name="cues")


def moved(model: Path, to: Path) -> Path:
    """Put a model where another machine would have it; here it is gone."""
    to.parent.mkdir(parents=True)
    shutil.move(model, to)
    predict_shard.opened.cache_clear()
    return to


@pytest.mark.parametrize("kind", ["few-shot", "lora"])
def test_model_answers_where_its_base_lies_elsewhere(
    kind: str, shelf: Path, corpus: Corpus, tmp_path: Path
) -> None:
    if kind == "lora":
        saved = tmp_path / "topics"
        finetune(sentences(), str(shelf), folder=saved, steps=1, batch_size=8)
    else:
        saved = FewShotClassifier.train(sentences().train, shelf).save(tmp_path / "topics")
    job = BatchPredict(saved, corpus)
    assert list(models_in(job.to_dict())) == [("topics", str(saved)), ("tiny-bert", str(shelf))]
    here = predict_shard.predict(job.shard(0), **job.arguments)
    there = moved(shelf, tmp_path / "there" / "1a2b" / "tiny-bert")
    arguments = {**job.arguments, "beside": str(there)}
    assert predict_shard.predict(job.shard(0), **arguments).equals(here)


def test_adapter_without_its_base_is_refused_before_anything_is_sent(
    shelf: Path, corpus: Corpus, tmp_path: Path
) -> None:
    finetune(sentences(), str(shelf), folder=tmp_path / "topics", steps=1, batch_size=8)
    moved(shelf, tmp_path / "gone" / "elsewhere")
    with pytest.raises(ModelError, match="stands beside the model 'tiny-bert', which is not here"):
        BatchPredict(tmp_path / "topics", corpus)


def test_classifier_without_its_encoder_is_refused_before_anything_is_sent(
    shelf: Path, corpus: Corpus, tmp_path: Path
) -> None:
    saved = FewShotClassifier.train(sentences().train, shelf).save(tmp_path / "topics")
    moved(shelf, tmp_path / "gone" / "elsewhere")
    with pytest.raises(ModelError, match=r"The encoder 'tiny-bert' of the classifier in .* is not"):
        BatchPredict(saved, corpus)


def test_damaged_encoder_is_not_opened(shelf: Path, tmp_path: Path) -> None:
    saved = FewShotClassifier.train(sentences().train, shelf).save(tmp_path / "topics")
    damage(shelf / "model.safetensors")
    with pytest.raises(IntegrityError, match="has been changed or damaged"):
        FewShotClassifier.open(saved)


def test_damaged_model_of_a_judge_is_not_asked(shelf: Path, corpus: Corpus) -> None:
    judge = ZeroShotClassifier(shelf, ["Laget", "Kungen"], method="masked")
    job = BatchPredict(judge, corpus)
    damage(shelf / "model.safetensors")
    predict_shard.opened_judge.cache_clear()
    with pytest.raises(IntegrityError, match="has been changed or damaged"):
        predict_shard.predict(job.shard(0), **job.arguments)


def test_result_of_a_run_is_called_as_the_run_is(shelf: Path, corpus: Corpus, tmp_path) -> None:
    result = tmp_path / "runs" / "topics-1a2b" / "result" / "model"
    result.parent.mkdir(parents=True)
    model = finetune(sentences(), str(shelf), folder=result, steps=1, batch_size=8)
    assert model.name == FinetunedModel.open(result).name == "topics-1a2b"
    job = BatchPredict(result, corpus)
    assert predict_shard.predict(job.shard(0), **job.arguments)["model"][0] == "topics-1a2b"
    unsaved = finetune(sentences(), str(shelf), steps=1, batch_size=8)
    assert unsaved.name == "tiny-bert-sentences-lora"


def damage(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-4, 2)
        file.write(b"\x00\x00\x00\x01")
