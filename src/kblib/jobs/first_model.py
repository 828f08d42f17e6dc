"""What a pretraining begins with: a new model or one that is there, and the engine around it."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch
import torch.distributed as dist
from torch import nn
from transformers import PreTrainedModel

from kblib.jobs.prepare import Prepared
from kblib.jobs.specs import Pretrain
from kblib.models.build import build_model
from kblib.models.continued import open_to_train
from kblib.models.continued_in_parts import open_in_parts
from kblib.models.in_parts import build_in_parts
from kblib.models.initialise import start_from_frequencies, start_from_neighbours
from kblib.models.origin import folder_of_origin
from kblib.training.config import TrainingConfig
from kblib.training.engine import Engine, TorchEngine
from kblib.training.precision import dtype_called

_SHARES_WEIGHTS = 3
"""The stage of ZeRO from which on it does."""


def first_model(job: Pretrain, data: Prepared, device: torch.device) -> PreTrainedModel:
    """Return the model that a job goes on from, or a new one with random weights.

    Where the ranks share out the weights, none of them ever holds all: see `kblib.models.in_parts`.
    """
    model = _in_parts(job, data, device) if shares_weights(job) else _whole(job, data)
    if job.activation_checkpointing:
        cast(Any, model).gradient_checkpointing_enable({"use_reentrant": False})
    return model


def shares_weights(job: Pretrain) -> bool:
    """Say whether a rank keeps a part of each weight only."""
    return job.engine == "deepspeed" and job.zero_stage == _SHARES_WEIGHTS


def _whole(job: Pretrain, data: Prepared) -> PreTrainedModel:
    if job.continue_from is not None:
        folder = folder_of_origin(job.continue_from)
        return open_to_train(folder, job.shape, dropout=job.dropout)
    model = build_model(job.shape, dropout=job.dropout, seed=job.seed)
    _start(model, job, data)
    return model


def _in_parts(job: Pretrain, data: Prepared, device: torch.device) -> PreTrainedModel:
    from kblib.training.deepspeed_engine import share_out

    hand_out = share_out(dtype_called(job.dtype, device), device, job.offload)
    if job.continue_from is not None:
        folder, reads = folder_of_origin(job.continue_from), dist.get_rank() == 0
        return open_in_parts(folder, job.shape, hand_out, dropout=job.dropout, reads=reads)
    make = partial(build_model, job.shape, dropout=job.dropout, seed=job.seed)
    model = build_in_parts(make, hand_out)
    _start(model, job, data)
    hand_out(model.parameters())
    return model


def _start(model: PreTrainedModel, job: Pretrain, data: Prepared) -> None:
    """Write into a new model what can be counted in its texts; its embeddings are whole."""
    special = data.tokenizer.special_ids
    start_from_neighbours(model, data.train, special_ids=special, seed=job.seed)
    if job.shape.objective == "masked":  # a causal head has no bias
        start_from_frequencies(model, data.train, special_ids=special)


def engine_for(
    job: Pretrain, objective: nn.Module, config: TrainingConfig, device: torch.device
) -> Engine:
    """Return what carries out the steps of a job."""
    dtype = dtype_called(job.dtype, device)
    if job.engine == "torch":
        return TorchEngine(objective, config, device, dtype=dtype)
    from kblib.training.deepspeed_engine import DeepSpeedEngine

    return DeepSpeedEngine(
        objective,
        config,
        device,
        zero_stage=job.zero_stage,
        dtype=dtype,
        offload=job.offload,
    )
