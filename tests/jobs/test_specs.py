from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError, JobError, MissingPartError
from kblib.jobs import specs
from kblib.jobs.specs import Pretrain, check_ranks, require_training_part
from kblib.models.shape import ModelShape


@pytest.fixture
def job(films: Corpus, tiny_shape: ModelShape) -> Pretrain:
    return Pretrain(films, tiny_shape, steps=10, seq_len=16, batch_size=8)


# Lengths and numbers


@pytest.mark.parametrize("length", [{"steps": 1}, {"tokens": 2e9}, {"epochs": 0.5}, {"minutes": 2}])
def test_one_length_is_enough(
    films: Corpus, tiny_shape: ModelShape, length: dict[str, Any]
) -> None:
    Pretrain(films, tiny_shape, seq_len=16, **length)


def test_no_length_is_refused(films: Corpus, tiny_shape: ModelShape) -> None:
    with pytest.raises(JobError) as caught:
        Pretrain(films, tiny_shape, seq_len=16)
    assert str(caught.value) == (
        "Pretrain got no length. "
        "Exactly one of steps, tokens, epochs, minutes says how long to train.\n"
        "  kb.Pretrain(corpus, shape, minutes=2)"
    )


def test_two_lengths_are_refused(films: Corpus, tiny_shape: ModelShape) -> None:
    with pytest.raises(JobError) as caught:
        Pretrain(films, tiny_shape, seq_len=16, minutes=2, steps=10)
    assert str(caught.value) == (
        "Pretrain got steps and minutes. "
        "Exactly one of steps, tokens, epochs, minutes says how long to train.\n"
        "  kb.Pretrain(corpus, shape, minutes=2)"
    )


@pytest.mark.parametrize("name", ["seq_len", "batch_size", "eval_every", "save_every", "steps"])
@pytest.mark.parametrize("value", [0, -3])
def test_number_that_must_be_positive_is_refused(job: Pretrain, name: str, value: int) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, **{name: value})
    usual = {"seq_len": 64, "batch_size": 32, "eval_every": 100, "save_every": 200, "steps": 1000}
    assert str(caught.value) == (
        f"Pretrain got {name}={value}. It should be larger than 0.\n"
        f"  kb.Pretrain(..., {name}={usual[name]})"
    )


@pytest.mark.parametrize("length", ["tokens", "epochs", "minutes"])
def test_length_of_nothing_is_refused(job: Pretrain, length: str) -> None:
    with pytest.raises(JobError, match=rf"Pretrain got {length}=0\.0\."):
        replace(job, steps=None, **{length: 0.0})


def test_learning_rate_that_is_no_number_is_refused(job: Pretrain) -> None:
    with pytest.raises(JobError, match=r"Pretrain got learning_rate=nan\."):
        replace(job, learning_rate=float("nan"))


@pytest.mark.parametrize("name", ["steps", "seq_len", "batch_size", "seed", "save_every"])
def test_number_that_must_be_whole_is_refused(job: Pretrain, name: str) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, **{name: 7.5})
    assert str(caught.value).startswith(
        f"Pretrain got {name}=7.5. A whole number was expected.\n  kb.Pretrain(..., {name}="
    )


@pytest.mark.parametrize(
    ("name", "value", "usual"),
    [("minutes", "2", "2"), ("learning_rate", None, "0.0015"), ("mask_rate", True, "0.25")],
)
def test_what_is_no_number_is_refused(job: Pretrain, name: str, value: Any, usual: str) -> None:
    steps = None if name == "minutes" else 10
    with pytest.raises(JobError) as caught:
        replace(job, **{"steps": steps, name: value})
    assert str(caught.value) == (
        f"Pretrain got {name}={value!r}. A number was expected.\n  kb.Pretrain(..., {name}={usual})"
    )


@pytest.mark.parametrize("name", ["tokens", "minutes", "learning_rate", "weight_decay"])
def test_number_without_end_is_refused(job: Pretrain, name: str) -> None:
    steps = None if name in ("tokens", "minutes") else 10
    with pytest.raises(JobError, match=rf"Pretrain got {name}=inf\. A number with an end"):
        replace(job, **{"steps": steps, name: float("inf")})


def test_seed_larger_than_a_generator_takes_is_refused(job: Pretrain) -> None:
    assert replace(job, seed=2**63 - 1).seed == 2**63 - 1
    with pytest.raises(JobError) as caught:
        replace(job, seed=2**70)
    assert str(caught.value) == (
        "Pretrain got seed=1180591620717411303424. 9223372036854775807 is the largest that is "
        "kept.\n  kb.Pretrain(..., seed=1)"
    )


def test_numbers_of_numpy_are_taken_as_plain_ones(job: Pretrain) -> None:
    changed = replace(job, learning_rate=np.float32(0.5), seed=np.int64(7), batch_size=np.int32(4))
    assert (changed.learning_rate, changed.seed, changed.batch_size) == (0.5, 7, 4)
    assert changed.key == replace(job, learning_rate=0.5, seed=7, batch_size=4).key


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


@pytest.mark.parametrize("length", [{"steps": 10}, {"tokens": 1280.0}, {"tokens": 1153.0}])
def test_warm_up_longer_than_the_run_is_refused(job: Pretrain, length: dict[str, Any]) -> None:
    lasting = {"steps": None, **length}
    assert replace(job, warmup_steps=10, **lasting).warmup_steps == 10
    with pytest.raises(JobError) as caught:
        replace(job, warmup_steps=11, **lasting)
    assert str(caught.value) == (
        "Pretrain got warmup_steps=11, and 10 steps in all. "
        "The learning rate would never reach its top.\n"
        "  kb.Pretrain(..., warmup_steps=1)"
    )


@pytest.mark.parametrize(
    ("name", "value", "usual"),
    [("seed", -1, "1"), ("warmup_steps", -5, "100"), ("weight_decay", -0.1, "0.01")],
)
def test_number_below_nothing_is_refused(
    job: Pretrain, name: str, value: float, usual: str
) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, **{name: value})
    assert str(caught.value) == (
        f"Pretrain got {name}={value}. It should not be below 0.\n"
        f"  kb.Pretrain(..., {name}={usual})"
    )


@pytest.mark.parametrize(
    ("name", "value", "top"),
    [("mask_rate", 0.0, 0.9), ("mask_rate", 25, 0.9), ("valid", 0.0, 0.5), ("test", 0.6, 0.5)],
)
def test_share_out_of_bounds_is_refused(job: Pretrain, name: str, value: float, top: float) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, **{name: value})
    assert str(caught.value).startswith(
        f"Pretrain got {name}={value}. It should be larger than 0, and {top} at most.\n"
    )


@pytest.mark.parametrize(
    ("name", "value", "top"),
    [("dropout", 1.0, 0.9), ("random_rate", 0.5, 0.4), ("keep_rate", -1, 0.4)],
)
def test_share_that_may_be_nothing_is_refused_out_of_its_bounds(
    job: Pretrain, name: str, value: float, top: float
) -> None:
    assert getattr(replace(job, **{name: 0.0}), name) == 0.0
    with pytest.raises(JobError) as caught:
        replace(job, **{name: value})
    assert str(caught.value).startswith(
        f"Pretrain got {name}={value}. It lies between 0 and {top}.\n  kb.Pretrain(..., {name}=0."
    )


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


def test_corpus_that_is_not_saved_has_no_folder(job: Pretrain, tmp_home: Path) -> None:
    assert job.to_dict()["corpus"]["folder"] is None
    folder = job.with_saved_corpus().to_dict()["corpus"]["folder"]
    assert Path(folder).is_relative_to(tmp_home)


def test_corpus_that_was_changed_is_refused(job: Pretrain, tmp_path: Path) -> None:
    saved = replace(job, corpus=job.corpus.save(tmp_path / "films"))
    content = saved.to_dict()
    other = job.corpus.filter(film="SF1").save(tmp_path / "films", replace=True)
    with pytest.raises(JobError) as caught:
        Pretrain.from_dict(content)
    assert str(caught.value) == (
        f"The corpus in {tmp_path}/films has the fingerprint {other.fingerprint[:12]}. "
        f"The job was submitted for {job.corpus.fingerprint[:12]}: "
        "the texts were changed since.\n"
        "  Submit the job again with the corpus as it is now."
    )


def test_corpus_whose_films_were_corrected_is_refused(job: Pretrain, tmp_path: Path) -> None:
    saved = replace(job, corpus=job.corpus.save(tmp_path / "films"))
    content = saved.to_dict()
    table = job.corpus.table.assign(film="SF1")
    other = Corpus.from_table(table, name="films").save(tmp_path / "films", replace=True)
    with pytest.raises(JobError) as caught:
        Pretrain.from_dict(content)
    assert str(caught.value) == (
        f"The corpus in {tmp_path}/films has the content {other.content[:12]}. "
        f"The job was submitted for {job.corpus.content[:12]}: the texts are the same, "
        "but other columns were changed since.\n"
        "  Submit the job again with the corpus as it is now."
    )


def test_job_of_an_earlier_version_has_defaults_for_what_is_new(
    job: Pretrain, tmp_home: Path
) -> None:
    saved = job.with_saved_corpus()
    content = saved.to_dict()
    del content["random_rate"], content["warmup_steps"], content["corpus"]["content"]
    again = Pretrain.from_dict(content)
    assert (again.random_rate, again.warmup_steps) == (0.1, None)
    assert again.to_dict() == saved.to_dict()


def test_corpus_that_is_gone_is_said(job: Pretrain, tmp_path: Path) -> None:
    content = replace(job, corpus=job.corpus.save(tmp_path / "films")).to_dict()
    (tmp_path / "films").rename(tmp_path / "elsewhere")
    with pytest.raises(CorpusError, match="No corpus named"):
        Pretrain.from_dict(content)


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


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            {"engine": "fsdp"},
            (
                "Pretrain got engine='fsdp'. The engines are torch and deepspeed.\n"
                "  kb.Pretrain(..., engine='torch')"
            ),
        ),
        (
            {"engine": "deepspeed", "zero_stage": 4},
            (
                "Pretrain got zero_stage=4. ZeRO has the stages 0 to 3.\n"
                "  kb.Pretrain(..., zero_stage=0)"
            ),
        ),
        (
            {"zero_stage": 2},
            (
                "Pretrain got zero_stage=2 with engine='torch'. ZeRO is DeepSpeed's; every rank of "
                "torch's engine holds the whole model.\n"
                '  kb.Pretrain(..., engine="deepspeed", zero_stage=2)'
            ),
        ),
    ],
)
def test_engine_that_is_not_there_is_refused(
    job: Pretrain, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, **asked)
    assert str(caught.value) == said


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
