"""Lengths and numbers of a pretraining: which are taken, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import JobError
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape


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
