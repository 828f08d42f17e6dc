"""The second engine: DeepSpeed, whose ZeRO stages share out what every rank of torch's holds.

Stage 1 shares out the optimiser's state, 2 the gradients as well, 3 the weights too (Rajbhandari et
al. 2020). Batches, learning rates, optimiser and clipping are those of `TorchEngine`; the losses
agree with its own to rounding, and a resumed run's bits with those of an undisturbed one.
"""

from __future__ import annotations

import errno
import logging
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from kblib.errors import IntegrityError
from kblib.training.config import TrainingConfig
from kblib.training.engine import (
    Batch,
    StepOutcome,
    adamw,
    any_of_the_ranks,
    copy_weights,
    mean_over_ranks,
)
from kblib.training.precision import choose_dtype

_TAG = "deepspeed"
"""The folder inside a checkpoint that holds DeepSpeed's own files."""
_SHARDS = "*_optim_states.pt"
_WRITTEN_SHORT = "unexpected pos"
"""What torch says when it could not write all; the system's own error is lost on the way."""
_BUCKET = 500_000_000
"""DeepSpeed's own: numbers that are reduced at a time. It sets so much memory aside."""


class DeepSpeedEngine:
    """Data-parallel training by DeepSpeed.

    Parameters
    ----------
    objective
        A module whose `forward(**batch)` returns the loss of a micro-batch in nats. It holds the
        model, the same on every rank; from stage 3 on a rank keeps a part of each weight only.
    config
        The numbers of the training.
    device
        Where this rank computes.
    zero_stage
        What the ranks share out: 0 nothing, 1 optimiser, 2 gradients, 3 weights.
    dtype
        What is computed in; by default what the machine has units for. The optimiser's own copy of
        the weights is always float32.
    """

    def __init__(
        self,
        objective: nn.Module,
        config: TrainingConfig,
        device: torch.device,
        *,
        zero_stage: int,
        dtype: torch.dtype | None = None,
    ) -> None:
        deepspeed = _deepspeed(device)
        self.objective = objective
        self.device = device
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.zero_stage = zero_stage
        self.dtype = dtype or choose_dtype(device)
        self.clip_norm = config.clip_norm
        self._parameters = dict(objective.named_parameters())
        n_parameters = sum(value.numel() for value in self._parameters.values())
        told = deepspeed_config(
            config,
            world_size=self.world_size,
            zero_stage=zero_stage,
            dtype=self.dtype,
            n_parameters=n_parameters,
        )
        self._engine, self._optimizer, _, _ = deepspeed.initialize(
            model=objective,
            optimizer=adamw(self._parameters, config),
            config=told,
            dist_init_required=False,
        )

    @property
    def _clips_here(self) -> bool:
        """Without ZeRO DeepSpeed would clip, but not tell the norm."""
        return self.zero_stage == 0

    def step(self, micro_batches: Sequence[Batch], learning_rate: float) -> StepOutcome:
        """Forward and backward over the micro-batches, clip, update."""
        self._engine.train()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        loss = torch.zeros((), device=self.device)
        norm: Any = 0.0
        for number, batch in enumerate(micro_batches, start=1):
            part = self._engine(**self._here(batch))
            self._engine.backward(part)  # divides by the number of micro-batches
            if self._clips_here and number == len(micro_batches):
                norm = nn.utils.clip_grad_norm_(self._parameters.values(), self.clip_norm)
            self._engine.step()  # updates after the last one only
            loss += part.detach().float() / len(micro_batches)
        if not self._clips_here:
            norm = self._engine.get_global_grad_norm()
        return StepOutcome(loss=mean_over_ranks(loss), grad_norm=float(norm))

    def any_rank(self, flag: bool) -> bool:
        """Say whether `flag` is true on at least one rank."""
        return any_of_the_ranks(flag, self.device)

    def save(self, folder: Path) -> None:
        """Write this rank's part as DeepSpeed's own tools read it; every rank calls this.

        Raises
        ------
        OSError
            If the disk is full.
        """
        try:
            self._engine.save_checkpoint(str(folder), tag=_TAG, save_latest=False)
        except RuntimeError as error:
            if _WRITTEN_SHORT not in str(error):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error

    def load(self, folder: Path) -> None:
        """Take up weights and optimiser state; every rank reads.

        DeepSpeed's files are pickles: only a folder that was compared with its manifest may come
        here (`find_checkpoint` does so).

        Raises
        ------
        IntegrityError
            If the checkpoint was written by another number of ranks, or is of another model.
        """
        self._check_same_world(folder)
        try:
            self._engine.load_checkpoint(str(folder), tag=_TAG)
        except RuntimeError as error:
            if "Error(s) in loading state_dict" not in str(error):
                raise
            raise IntegrityError(
                f"{folder} holds another model: {str(error).splitlines()[-1].strip()}",
                "A checkpoint of this job's own model was expected.",
                "Start anew with kb.submit(job, fresh=True).",
            ) from None

    def give_weights_to(self, objective: nn.Module) -> None:
        """Copy the optimiser's float32 weights into another module; every rank takes part."""
        copy_weights(
            {name: self._whole(value) for name, value in self._parameters.items()}, objective
        )

    def _whole(self, parameter: nn.Parameter) -> Tensor:
        if self.zero_stage == 0:
            return parameter
        from deepspeed.utils import safe_get_full_fp32_param

        whole: Tensor = safe_get_full_fp32_param(parameter)
        return whole.cpu()

    def _check_same_world(self, folder: Path) -> None:
        n_shards = len(list((folder / _TAG).glob(_SHARDS)))
        if self.zero_stage and n_shards != self.world_size:
            raise IntegrityError(
                f"{folder} was written by {n_shards} ranks; {self.world_size} read it.",
                f"With ZeRO stage {self.zero_stage} each rank has a part of its own.",
                f"Go on with {n_shards} ranks, or start anew with kb.submit(job, fresh=True).",
            )

    def _here(self, batch: Batch) -> Batch:
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}


def deepspeed_config(
    config: TrainingConfig,
    *,
    world_size: int,
    zero_stage: int,
    dtype: torch.dtype,
    n_parameters: int,
) -> dict[str, Any]:
    """Return what DeepSpeed is told; our words on the right, its words on the left."""
    share = config.batch_size // world_size
    half = dtype == torch.bfloat16
    return {
        "train_batch_size": config.batch_size,
        "train_micro_batch_size_per_gpu": share // config.grad_accum_steps,
        "gradient_accumulation_steps": config.grad_accum_steps,
        "gradient_clipping": config.clip_norm if zero_stage else 0.0,
        # Without ZeRO the weights stay in float32, as in torch's engine; else the optimiser's copy.
        "bf16": {"enabled": half and zero_stage > 0},
        "torch_autocast": {"enabled": half and zero_stage == 0, "dtype": "bfloat16"},
        "zero_optimization": {
            "stage": zero_stage,
            "reduce_bucket_size": min(_BUCKET, n_parameters),
            "allgather_bucket_size": min(_BUCKET, n_parameters),
        },
        "zero_force_ds_cpu_optimizer": False,  # it would be compiled for two minutes
    }


def _deepspeed(device: torch.device) -> Any:
    """Import DeepSpeed, quietly, without what it would compile, and with a group of ranks."""
    if device.type == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    os.environ.setdefault("LOCAL_RANK", "0")  # asked for by DeepSpeed also where there is one rank
    import deepspeed
    from deepspeed.utils.logging import logger

    logger.setLevel(logging.WARNING)
    # Names that torch 2.13 is about to change, a line each time and rank; DeepSpeed's to follow.
    warnings.filterwarnings("ignore", "`torch.distributed.* is deprecated", FutureWarning)
    if device.type == "cpu":
        # Compiled at every first start for two minutes, for ranks that share memory.
        deepspeed.ops.__compatible_ops__ = {}
    if not dist.is_initialized():
        alone = dist.HashStore()  # type: ignore[attr-defined]
        dist.init_process_group("gloo", store=alone, rank=0, world_size=1)
    return deepspeed
