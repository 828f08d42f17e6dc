"""Training that goes on from a saved model: its shape, weights and tokenizer, and who it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import tokenizers
import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedModel

from kblib import settings
from kblib.corpora import Corpus
from kblib.errors import JobError, ModelError
from kblib.jobs.prepare import prepare
from kblib.jobs.pretrain import Pretraining
from kblib.jobs.rank import Ranks
from kblib.jobs.specs import Pretrain
from kblib.models.build import build_model
from kblib.models.origin import name_of_origin
from kblib.models.shape import ARCHITECTURES, ModelShape
from kblib.runs import RunFolder
from kblib.tokens.subwords import Tokenizer
from kblib.training.batches import BlockBatches
from kblib.training.objective import objective_for

MakeOrigin = Callable[[str], Path]


@pytest.fixture(scope="module")
def origin(films: Corpus, tmp_path_factory: pytest.TempPathFactory) -> MakeOrigin:
    """Give a function that saves a small model of a layout with transformers' own means."""
    made: dict[str, Path] = {}

    def make(architecture: str) -> Path:
        if architecture not in made:
            shape = shape_of(architecture)
            kind = "wordpiece" if shape.objective == "masked" else "bpe"
            folder = tmp_path_factory.mktemp(architecture) / "origin"
            build_model(shape, dropout=0.0, seed=5).save_pretrained(folder)
            Tokenizer.train(films, kind=kind, vocab_size=280).save(folder)
            made[architecture] = folder
        return made[architecture]

    return make


def shape_of(architecture: str) -> ModelShape:
    return ModelShape(2, 2, 32, architecture=architecture, vocab_size=300, seq_len=32)  # type: ignore[arg-type]


def job_from(films: Corpus, folder: Path, **changes: object) -> Pretrain:
    numbers = {"steps": 2, "seq_len": 16, "batch_size": 4, "test": 0.1, "valid": 0.1}
    return Pretrain(films, continue_from=str(folder), **numbers | changes)  # type: ignore[arg-type]


def carried_out(job: Pretrain) -> RunFolder:
    """Carry out a job in this process, as one rank does."""
    job = job.with_saved_corpus()
    config = {"job": job.to_dict(), "site": "local", "ranks": 1}
    run = RunFolder.create(settings.runs_folder() / job.label, config)
    Pretraining(run, 1, Ranks(0, 1, torch.device("cpu"))).carry_out(lambda: False)  # type: ignore[arg-type]
    return run


def plain(folder: Path) -> tuple[PreTrainedModel, list[str]]:
    """Open a model with nothing but transformers; return it and the keys it misses."""
    masked = json.loads((folder / "config.json").read_text())["model_type"] in (
        "bert",
        "modernbert",
    )
    model_class = AutoModelForMaskedLM if masked else AutoModelForCausalLM
    model, told = model_class.from_pretrained(folder, output_loading_info=True)
    return model.eval(), sorted(told["missing_keys"])


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_shape_is_read_off_the_model(films: Corpus, origin: MakeOrigin, architecture: str) -> None:
    assert job_from(films, origin(architecture)).shape == shape_of(architecture)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_training_begins_with_the_weights_and_ends_in_a_whole_model(
    films: Corpus, origin: MakeOrigin, architecture: str, tmp_home: Path
) -> None:
    job = job_from(films, origin(architecture), dtype="fp32")
    run = carried_out(job)
    losses = [line["loss"] for line in run.metrics() if "loss" in line]
    before, missing = plain(origin(architecture))
    assert missing == []
    assert losses[0] == pytest.approx(first_loss(job, before), abs=1e-5)
    after, missing = plain(run.model)
    assert "trained further from origin" in (run.model / "README.md").read_text()
    assert missing == []
    weights = dict(after.named_parameters())
    changed = [n for n, old in before.named_parameters() if not torch.equal(old, weights[n])]
    assert len(changed) > len(weights) / 2


def first_loss(job: Pretrain, model: PreTrainedModel) -> float:
    from kblib.jobs.pretrain import training_config

    data = prepare(job)
    config = training_config(job, steps=2)
    (batch,) = BlockBatches(data.shares(job), data.tokenizer, job.shape, config).step(0)
    with torch.no_grad():
        return float(objective_for(model, job.shape)(**batch))


def test_tokenizer_is_kept(films: Corpus, origin: MakeOrigin, tmp_home: Path) -> None:
    folder = origin("gpt_neox")
    other = Corpus.from_texts(["Ett annat ämne, om sjöfart och lantbruk."] * 90, name="other")
    data = prepare(job_from(other, folder))
    assert data.tokenizer.fingerprint == Tokenizer.open(folder).fingerprint


def test_texts_end_where_the_tokenizer_marks_no_end(
    films: Corpus, origin: MakeOrigin, tmp_path: Path, tmp_home: Path
) -> None:
    """GPT-2's own tokenizers frame nothing; models were trained with an end between texts."""
    folder = tmp_path / "unframed"
    folder.mkdir()
    for path in origin("gpt2").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    content = json.loads((folder / "tokenizer.json").read_text())
    content["post_processor"] = None
    (folder / "tokenizer.json").write_text(json.dumps(content))
    tokenizer = Tokenizer(
        tokenizers.Tokenizer.from_str(json.dumps(content)), Tokenizer.open(folder).roles
    )
    assert tokenizer.encode("Kungen")[-1] != tokenizer.end_id
    data = prepare(job_from(films, folder))
    ends = sum(int((ids == tokenizer.end_id).sum()) for ids in data.train.stream())
    assert ends == data.train.n_documents


def test_key_is_of_the_model_and_not_of_its_place(
    films: Corpus, origin: MakeOrigin, tmp_path: Path
) -> None:
    job = job_from(films, origin("llama"))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in origin("llama").iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert replace(job, continue_from=str(moved)).key == job.key
    assert Pretrain(films, job.shape, steps=2, seq_len=16, batch_size=4).key != job.key
    weights = bytearray((moved / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (moved / "model.safetensors").write_bytes(weights)
    assert replace(job, continue_from=str(moved)).key != job.key


def test_model_that_was_changed_since_is_refused(
    films: Corpus, origin: MakeOrigin, tmp_path: Path, tmp_home: Path
) -> None:
    moved = tmp_path / "mine"
    moved.mkdir()
    for path in origin("llama").iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    said = job_from(films, moved).with_saved_corpus().to_dict()
    assert Pretrain.from_dict(said).continue_from == str(moved)
    (moved / "config.json").write_text((moved / "config.json").read_text() + " ")
    with pytest.raises(JobError, match="the model was changed since"):
        Pretrain.from_dict(said)


def test_name_that_is_not_here_has_the_shape_of_the_catalog_and_is_not_submitted(
    films: Corpus, tmp_home: Path
) -> None:
    job = job_from(films, Path("EleutherAI/gpt-neox-20b"))
    assert job.shape.parameters() == 20_554_567_680
    assert job.to_dict()["continue_from"]["fingerprint"] is None
    with pytest.raises(ModelError, match="is not on this machine"):
        _ = job.key


def test_unknown_name_asks_for_a_shape(films: Corpus, tmp_home: Path) -> None:
    with pytest.raises(ModelError, match=r"not on this machine, so its shape is not known\."):
        job_from(films, Path("someone/something"))


def test_pickled_weights_are_refused(films: Corpus, origin: MakeOrigin, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    folder.mkdir()
    (folder / "config.json").write_bytes((origin("llama") / "config.json").read_bytes())
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    with pytest.raises(ModelError, match="Safetensors were expected"):
        _ = job_from(films, folder).key


def test_grouped_heads_are_refused(films: Corpus, origin: MakeOrigin, tmp_path: Path) -> None:
    config = json.loads((origin("llama") / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"num_key_value_heads": 1}))
    with pytest.raises(ModelError, match="has 1 key-value heads and 2 heads"):
        job_from(films, tmp_path)


def test_job_without_shape_and_model_is_refused(films: Corpus) -> None:
    with pytest.raises(JobError, match="Pretrain got shape=None"):
        Pretrain(films, steps=1)


def test_cache_of_the_hub_is_called_by_its_name() -> None:
    assert name_of_origin("/c/models--KB--bert/snapshots/12ab") == "KB/bert"
    assert name_of_origin("/home/me/my-model") == "my-model"
