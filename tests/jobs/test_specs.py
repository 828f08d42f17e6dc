from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError, JobError, MissingPartError
from kblib.jobs import specs
from kblib.jobs.specs import Pretrain, check_ranks, require_training_part
from kblib.models.shape import ModelShape

# What fits the model, and each other


def test_causal_block_of_one_token_is_refused(job: Pretrain) -> None:
    causal = replace(job.shape, architecture="gpt_neox", n_inner=None)
    with pytest.raises(JobError) as caught:
        replace(job, shape=causal, seq_len=1)
    assert str(caught.value) == (
        "Pretrain got seq_len=1. In a block of one token there is no next one to learn.\n"
        "  kb.Pretrain(..., seq_len=64)"
    )


def test_llama_with_dropout_is_refused(job: Pretrain) -> None:
    llama = replace(job.shape, architecture="llama", n_inner=None)
    assert replace(job, shape=llama).dropout == 0.0
    with pytest.raises(JobError, match=r"Pretrain got dropout=0\.1 for a llama\."):
        replace(job, shape=llama, dropout=0.1)


def test_block_longer_than_the_model_reads_is_refused(job: Pretrain) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, seq_len=64)
    assert str(caught.value) == (
        "Pretrain got seq_len=64. The model reads 32 tokens at most; blocks must fit into it.\n"
        "  kb.ModelShape(..., seq_len=64)"
    )


@pytest.mark.parametrize(("batch_size", "pieces", "fitting"), [(8, 3, 6), (2, 4, 4)])
def test_batch_that_does_not_divide_into_its_pieces_is_refused(
    job: Pretrain, batch_size: int, pieces: int, fitting: int
) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, batch_size=batch_size, grad_accum_steps=pieces)
    assert str(caught.value) == (
        f"A batch of {batch_size} blocks does not divide into {pieces} pieces. "
        "Each piece is an equal share.\n"
        f"  kb.Pretrain(..., batch_size={fitting})"
    )


# Groups and names


@pytest.mark.parametrize(
    ("columns", "group"),
    [((), "id"), (("film",), "film"), (("issue",), "issue"), (("page", "issue"), "issue")],
)
def test_split_keeps_the_highest_unit_whole(
    tiny_shape: ModelShape, columns: tuple[str, ...], group: str
) -> None:
    corpus = Corpus.from_texts(["a", "b"], **{name: ["x", "y"] for name in columns})
    assert Pretrain(corpus, tiny_shape, steps=1, seq_len=16).group == group


def test_split_by_a_column_of_ones_own(job: Pretrain) -> None:
    assert replace(job, split_by="language").group == "language"


def test_split_by_a_column_that_is_not_there_is_refused(job: Pretrain) -> None:
    with pytest.raises(CorpusError) as caught:
        replace(job, split_by="flim")
    assert str(caught.value) == (
        "Corpus 'films' has no column 'flim'. "
        f"Its columns: {', '.join(job.corpus.columns)}.\n"
        "  Did you mean 'film'?"
    )


def test_label_is_made_of_corpus_and_shape(job: Pretrain) -> None:
    assert job.label == "films-2x32"
    assert replace(job, name="my-model").label == "my-model"


@pytest.mark.parametrize(
    ("name", "label"),
    [("dagblad 1890/1900", "dagblad-1890-1900"), ("../up", "up"), ("åäö", "åäö"), ("/", "model")],
)
def test_label_is_fit_for_a_folder(job: Pretrain, name: str, label: str) -> None:
    assert replace(job, name=name).label == label


# Keys

CHANGED: dict[str, Any] = {
    "seq_len": 8,
    "batch_size": 4,
    "grad_accum_steps": 2,
    "learning_rate": 1e-3,
    "warmup_steps": 9,
    "weight_decay": 0.02,
    "dropout": 0.1,
    "mask_rate": 0.3,
    "random_rate": 0.2,
    "keep_rate": 0.2,
    "seed": 2,
    "eval_every": 99,
    "save_every": 99,
    "valid": 0.04,
    "test": 0.06,
    "split_by": "id",
    "name": "other",
    "steps": 11,
}


def test_equal_jobs_have_equal_keys(job: Pretrain) -> None:
    assert replace(job).key == job.key


def test_job_on_equal_texts_elsewhere_has_an_equal_key(job: Pretrain, tmp_path: Path) -> None:
    here = replace(job, corpus=job.corpus.save(tmp_path / "here"))
    there = replace(job, corpus=job.corpus.save(tmp_path / "there"))
    assert here.to_dict() != there.to_dict()
    assert job.key == here.key == there.key


def test_key_is_the_same_in_another_process(job: Pretrain, tmp_path: Path) -> None:
    saved = replace(job, corpus=job.corpus.save(tmp_path / "saved"))
    code = (
        "import json, sys; from kblib.jobs.specs import Pretrain\n"
        "print(Pretrain.from_dict(json.load(sys.stdin)).key)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(saved.to_dict()),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == job.key


@pytest.mark.parametrize("name", CHANGED)
def test_any_changed_number_changes_the_key(job: Pretrain, name: str) -> None:
    assert replace(job, **{name: CHANGED[name]}).key != job.key


def test_every_number_is_tried_above(job: Pretrain) -> None:
    numbers = set(job.to_dict()) - {"kind", "corpus", "shape", "tokens", "epochs", "minutes"}
    assert set(CHANGED) == numbers


@pytest.mark.parametrize("length", ["tokens", "epochs", "minutes"])
def test_another_kind_of_length_changes_the_key(job: Pretrain, length: str) -> None:
    assert replace(job, steps=None, **{length: 10.0}).key != job.key


@pytest.mark.parametrize(
    "size",
    [{"n_layer": 3}, {"n_head": 4}, {"n_inner": 64 * 2}, {"vocab_size": 301}, {"seq_len": 16}],
)
def test_another_shape_changes_the_key(job: Pretrain, size: dict[str, int]) -> None:
    assert replace(job, shape=replace(job.shape, **size)).key != job.key


def test_other_texts_change_the_key(job: Pretrain) -> None:
    assert replace(job, corpus=job.corpus.filter(film="SF1")).key != job.key


def test_split_of_other_groups_changes_the_key(tiny_shape: ModelShape) -> None:
    """Equal texts whose films are named otherwise are split otherwise."""
    texts = [f"text {number}" for number in range(6)]
    keys = {
        Pretrain(Corpus.from_texts(texts, film=films), tiny_shape, steps=1, seq_len=16).key
        for films in (list("aabbcc"), list("abcabc"))
    }
    assert len(keys) == 2


def test_minutes_are_the_same_job_whole_or_with_a_point(job: Pretrain) -> None:
    whole, point = (replace(job, steps=None, minutes=minutes) for minutes in (2, 2.0))
    assert whole.key == point.key
    assert whole.to_dict() == point.to_dict()


def test_corrected_films_change_the_key_and_other_columns_do_not(job: Pretrain) -> None:
    def key(**columns: Any) -> str:
        table = job.corpus.table.assign(**columns)
        return replace(job, corpus=Corpus.from_table(table, name="films")).key

    assert key() == job.key
    assert key(licence="CC-BY-4.0") == job.key
    assert key(film=list(job.corpus.table["film"])[::-1]) != job.key


# To disk and back


def test_job_comes_back_from_disk(job: Pretrain, tmp_home: Path) -> None:
    saved = job.with_saved_corpus()
    again = Pretrain.from_dict(json.loads(json.dumps(saved.to_dict())))
    assert again.to_dict() == saved.to_dict()
    assert again.shape == job.shape
    assert list(again.corpus.texts()) == list(job.corpus.texts())


def test_job_of_an_earlier_version_has_defaults_for_what_is_new(
    job: Pretrain, tmp_home: Path
) -> None:
    saved = job.with_saved_corpus()
    content = saved.to_dict()
    del content["random_rate"], content["warmup_steps"], content["corpus"]["content"]
    again = Pretrain.from_dict(content)
    assert (again.random_rate, again.warmup_steps) == (0.1, None)
    assert again.to_dict() == saved.to_dict()


def test_specs_need_no_torch() -> None:
    code = "import kblib.jobs.specs, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("ranks", [1, 2, 4, 8])
def test_batch_that_divides_into_the_ranks_is_taken(job: Pretrain, ranks: int) -> None:
    check_ranks(job, ranks)


def test_batch_that_does_not_divide_into_ranks_and_pieces_is_refused(job: Pretrain) -> None:
    with pytest.raises(JobError) as caught:
        check_ranks(replace(job, grad_accum_steps=2), 3)
    assert str(caught.value) == (
        "A batch of 8 blocks does not divide into 3 ranks times 2 pieces. "
        "Every rank needs an equal share.\n"
        "  kb.Pretrain(..., batch_size=6)"
    )


# Engines


def test_job_of_torch_says_nothing_of_engines(job: Pretrain) -> None:
    """What was submitted before there was a choice has the same key still."""
    assert not {"engine", "zero_stage"} & set(job.to_dict())
    assert Pretrain.from_dict(job.with_saved_corpus().to_dict()).engine == "torch"


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_engine_and_stage_are_kept_and_change_the_key(job: Pretrain, stage: int) -> None:
    shared = replace(job, engine="deepspeed", zero_stage=stage).with_saved_corpus()
    again = Pretrain.from_dict(json.loads(json.dumps(shared.to_dict())))
    assert (again.engine, again.zero_stage) == ("deepspeed", stage)
    others = [replace(shared, zero_stage=other).key for other in range(4) if other != stage]
    assert shared.key not in {job.key, *others}


def test_deepspeed_that_is_missing_is_said_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        specs, "find_spec", lambda name: None if name == "deepspeed" else found(name)
    )
    require_training_part("torch")
    with pytest.raises(MissingPartError, match="comes with the extra 'cluster'"):
        require_training_part("deepspeed")


def test_texts_that_are_no_corpus_are_refused(tiny_shape: ModelShape) -> None:
    name: Any = "films"
    with pytest.raises(JobError, match=r"corpus='films'\. A corpus was expected") as caught:
        Pretrain(name, tiny_shape, steps=1)
    assert "kb.load_sample" in str(caught.value)
