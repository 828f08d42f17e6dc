"""What a pretraining begins with: a new model or one that is there, and the engine around it."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedModel

from kblib.jobs.prepare import Prepared
from kblib.jobs.specs import Pretrain
from kblib.models.build import build_model
from kblib.models.continued import open_to_train
from kblib.models.initialise import start_from_frequencies, start_from_neighbours
from kblib.models.origin import folder_of_origin
from kblib.training.config import TrainingConfig
from kblib.training.engine import Engine, TorchEngine
from kblib.training.precision import dtype_called


def first_model(job: Pretrain, data: Prepared) -> PreTrainedModel:
    """Return the model that a job goes on from, or a new one with random weights."""
    if job.continue_from is not None:
        folder = folder_of_origin(job.continue_from)
        model = open_to_train(folder, job.shape, dropout=job.dropout)
    else:
        model = _new_model(job, data)
    if job.activation_checkpointing:
        cast(Any, model).gradient_checkpointing_enable({"use_reentrant": False})
    return model


def _new_model(job: Pretrain, data: Prepared) -> PreTrainedModel:
    model = build_model(job.shape, dropout=job.dropout, seed=job.seed)
    special = data.tokenizer.special_ids
    start_from_neighbours(model, data.train, special_ids=special, seed=job.seed)
    if job.shape.objective == "masked":  # a causal head has no bias
        start_from_frequencies(model, data.train, special_ids=special)
    return model


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
