"""The model folder at the end of a run, made of a model that was never trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import kblib
from kblib import settings
from kblib.corpora import Corpus
from kblib.files import read_json
from kblib.jobs import next_words
from kblib.jobs.prepare import prepare, split_parts
from kblib.jobs.pretrain import training_config
from kblib.jobs.result import save_result
from kblib.jobs.specs import Pretrain
from kblib.models.build import build_model
from kblib.models.causal import CausalLM
from kblib.models.folder import check_model
from kblib.models.masked import MaskedLM
from kblib.models.shape import ModelShape
from kblib.models.years import Years, training_years
from kblib.ngrams.pieces import PieceNgrams
from kblib.runs import RunFolder, journal
from kblib.training.scoring import HeldOut


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape, tmp_home: Path) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=3, seq_len=16, batch_size=8, valid=0.1, test=0.1)


@pytest.fixture
def finished(tmp_home: Path) -> Callable[[Pretrain], Path]:
    """Give the way from a job to its model folder."""

    def end(job: Pretrain) -> Path:
        run = RunFolder.create(settings.runs_folder() / job.label, {})
        for rate in (30.0, 10.0, 20.0):
            journal.append(run.metrics_file, {"step": 1, "loss": 5.0, "tokens_per_s": rate})
        # Numbers that 16 bits cannot hold: what is scored must be what is stored.
        model = build_model(job.shape, seed=1)
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(20.0).add_(1e-5)
        save_result(run, job, model, prepare(job), training_config(job, steps=3), 1)
        return run.model

    return end


def causal(job: Pretrain) -> Pretrain:
    return replace(job, shape=replace(job.shape, architecture="gpt_neox", n_inner=None))


@pytest.mark.parametrize("kind", [lambda job: job, causal], ids=["masked", "causal"])
def test_folder_is_whole_and_alone(
    job: Pretrain, finished: Callable[[Pretrain], Path], kind: Callable[[Pretrain], Pretrain]
) -> None:
    folder = finished(kind(job))
    assert check_model(folder)["stored"] == "float16"
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_scores_are_those_of_the_stored_weights(
    job: Pretrain, finished: Callable[[Pretrain], Path]
) -> None:
    folder = finished(job)
    said = read_json(folder / "scores.json")
    opened = MaskedLM.open(folder, device="cpu")
    blocks = prepare(job).test
    again = HeldOut(blocks, opened.tokenizer, "masked", 16, 4096).score(opened.model)
    assert {name: said[name] for name in again} == again


def test_scores_say_what_is_needed_to_compute_them_again(
    job: Pretrain, finished: Callable[[Pretrain], Path]
) -> None:
    said = read_json(finished(job) / "scores.json")["provenance"]
    assert said == {
        "weights": "float16, as stored",
        "part": "test",
        "part_fingerprint": split_parts(job)[2].fingerprint,
        "corpus": "films",
        "corpus_fingerprint": job.corpus.fingerprint,
        "split": {"by": "film", "valid": 0.1, "test": 0.1, "seed": 1},
        "seq_len": 16,
        "n_blocks": prepare(job).test.n_blocks(16),
        "mask_seed": 15,
        "version": kblib.__version__,
    }


def test_recipe_names_the_job_and_the_middle_rate(
    job: Pretrain, finished: Callable[[Pretrain], Path]
) -> None:
    recipe = read_json(finished(job) / "recipe.json")
    assert recipe["median_tokens_per_s"] == 20.0
    assert recipe["job"]["corpus"] == {
        "name": "films",
        "fingerprint": job.corpus.fingerprint,
        "content": job.corpus.content,
        "years": [None, None],
        "rights": [{"licence": "CC0-1.0", "rights": "", "documents": 400}],
    }


def test_recipe_says_which_years_were_read(
    job: Pretrain, finished: Callable[[Pretrain], Path]
) -> None:
    years = [1930 + number // 200 for number in range(len(job.corpus))]
    table = job.corpus.table.assign(year=years)
    dated = replace(job, corpus=Corpus.from_table(table, name="dated"))
    model = MaskedLM.open(finished(dated), device="cpu")
    assert training_years(model) == Years(1930, 1931)


def test_second_end_replaces_the_first(job: Pretrain, finished: Callable[[Pretrain], Path]) -> None:
    """A run that is resumed after its model was saved saves it again."""
    folder = finished(job)
    before = (folder / "model.safetensors").read_bytes()
    run = RunFolder(folder.parent.parent)
    model = MaskedLM.open(folder, device="cpu").model
    save_result(run, job, model, prepare(job), training_config(job, steps=3), 1)
    assert (folder / "model.safetensors").read_bytes() == before


def test_causal_scores_are_those_of_the_stored_weights_beside_a_five_gram(
    job: Pretrain, finished: Callable[[Pretrain], Path]
) -> None:
    job = causal(job)
    folder = finished(job)
    said = read_json(folder / "scores.json")
    opened = CausalLM.open(folder, device="cpu")
    train, _, test = split_parts(job)
    ours = opened.perplexity(test)
    theirs = PieceNgrams.train(train, opened.tokenizer).perplexity(test)
    assert said["bits_per_byte"] == pytest.approx(ours.bits_per_byte)
    assert said["document_loss"] == pytest.approx(ours.loss)
    assert said["five_gram_bits_per_byte"] == pytest.approx(theirs.bits_per_byte)
    assert said["five_gram_loss"] == pytest.approx(theirs.loss)
    assert (said["documents"], said["bytes"]) == (len(test), ours.n_bytes)
    assert "bits a byte of a 5-gram" in (folder / "README.md").read_text()


def test_large_test_part_is_read_in_places(
    job: Pretrain, finished: Callable[[Pretrain], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_words, "_MOST_DOCUMENTS", 15)
    monkeypatch.setattr(next_words, "_MOST_TOKENS", 100)
    said = read_json(finished(causal(job)) / "scores.json")
    n = len(split_parts(job)[2])
    assert said["documents"] == len(range(0, n, -(-n // 15))) <= 15
    assert "five_gram_loss" not in said
