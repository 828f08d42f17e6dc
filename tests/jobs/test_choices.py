"""What a pretraining may choose: names that are known, choices that fit each other."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch

from kblib.errors import JobError, TrainingError
from kblib.jobs.choices import CHOICES, Choices
from kblib.jobs.specs import Pretrain
from kblib.training.precision import choose_dtype, dtype_called

CPU = torch.device("cpu")
SHARED: dict[str, Any] = {"engine": "deepspeed", "zero_stage": 2}


def test_what_is_usual_is_not_said_so_that_keys_stay(job: Pretrain) -> None:
    assert not set(CHOICES) & set(job.to_dict())
    usual = {field.name: field.default for field in fields(Choices)}
    assert replace(job, **usual).key == job.key


@pytest.mark.parametrize(
    "chosen",
    [
        {"schedule": "cosine"},
        {"final_learning_rate": 0.1},
        {"beta2": 0.95},
        {"dtype": "bf16"},
        {"activation_checkpointing": True},
        {"whole_words": True},
        {"keep": 5},
        SHARED | {"offload": "cpu"},
        SHARED | {"dtype": "fp16"},
    ],
    ids=str,
)
def test_choice_is_kept_and_makes_another_job(job: Pretrain, chosen: dict[str, Any]) -> None:
    changed = replace(job, **chosen)
    assert changed.key != job.key
    saved = changed.with_saved_corpus()
    assert Pretrain.from_dict(saved.to_dict()).key == changed.key


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"schedule": "sine"}, "Pretrain got schedule='sine'. Known are linear and cosine."),
        ({"dtype": "float32"}, "Pretrain got dtype='float32'. Known are fp32, bf16, fp16;"),
        ({"offload": "disk"}, "Pretrain got offload='disk'. 'cpu' is the only place;"),
        ({"keep": 0}, "Pretrain got keep=0. A whole number of checkpoints, at least 1,"),
        ({"keep": True}, "Pretrain got keep=True."),
        ({"beta2": 1.0}, "Pretrain got beta2=1.0. It lies above 0 and below 1."),
        ({"final_learning_rate": 2}, "Pretrain got final_learning_rate=2. It is a share of"),
        ({"whole_words": "yes"}, "Pretrain got whole_words='yes'. True or False was expected."),
    ],
    ids=str,
)
def test_unknown_choice_is_refused(job: Pretrain, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, **wrong)
    assert str(caught.value).startswith(said)


def test_offload_without_zero_is_refused_with_a_line_to_paste(job: Pretrain) -> None:
    with pytest.raises(JobError) as caught:
        replace(job, offload="cpu")
    assert str(caught.value) == (
        "Pretrain got offload='cpu' with engine='torch', zero_stage=0. "
        "What is kept in the node's memory is what DeepSpeed's ZeRO shares out.\n"
        '  kb.Pretrain(..., engine="deepspeed", zero_stage=2, offload="cpu")'
    )


def test_fp16_without_a_scaled_loss_is_refused(job: Pretrain) -> None:
    with pytest.raises(JobError, match="fp16 needs a scaled loss"):
        replace(job, dtype="fp16")


def test_whole_words_of_a_causal_model_are_refused(job: Pretrain) -> None:
    causal = replace(job.shape, architecture="gpt_neox", n_inner=None)
    with pytest.raises(JobError, match="Only masked models guess words in the middle"):
        replace(job, shape=causal, whole_words=True)


def test_number_types_go_by_their_names() -> None:
    assert dtype_called("fp32", CPU) == torch.float32
    assert dtype_called("bf16", CPU) == torch.bfloat16
    assert dtype_called("fp16", torch.device("cuda")) == torch.float16
    assert dtype_called(None, CPU) == choose_dtype(CPU)
    with pytest.raises(TrainingError, match="Only GPUs train in fp16"):
        dtype_called("fp16", CPU)
