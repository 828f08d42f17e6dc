"""The second engine: DeepSpeed, whose ZeRO stages share out what every rank of torch's holds.

Stage 1 shares out the optimiser's state, 2 the gradients as well, 3 the weights too (Rajbhandari et
al. 2020). Batches, learning rates, optimiser and clipping are those of `TorchEngine`; the losses
agree with its own to rounding, and a resumed run's bits with those of an undisturbed one. A
checkpoint of any stage and any number of ranks is taken up by any other.

There is no other parallelism, on purpose. Without a fork of transformers' models DeepSpeed splits
their matrices (AutoTP; its tutorial joins it to the stages 0 to 2) or their inputs (Ulysses), and
offers no pipeline for them. ZeRO stage 3 divides by all ranks what those would divide by a few: it
is the way for a model beyond one GPU, and `kb.plan` shows that 20 billion parameters fit.

Of a checkpoint the ranks wait for the copy of their share only (for 20 billion parameters on 96
GPUs 2.6 GB a rank); it is written beside the training (`kblib.training.saving`).
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from kblib.models.in_parts import HandOut
from kblib.models.quiet_bitsandbytes import quiet_bitsandbytes
from kblib.training import deepspeed_state as kept
from kblib.training.config import TrainingConfig
from kblib.training.engine import (
    Batch,
    StepOutcome,
    Write,
    adamw,
    any_of_the_ranks,
    copied,
    nobody_asks,
    outcome_of_ranks,
)
from kblib.training.gradient_order import GradientOrder
from kblib.training.precision import choose_dtype
from kblib.training.state_files import (
    Piece,
    StateReader,
    Sums,
    check_same_model,
    shard_name,
    write_layout,
    write_tensors,
)

_SHARES_WEIGHTS = 3
_IN_BUCKETS = 2
"""The stage from which on gradients are laid into buckets as they come."""
_BUCKET = 500_000_000
"""DeepSpeed's own: numbers that are reduced at a time. It sets so much memory aside."""


class DeepSpeedEngine:
    """Data-parallel training by DeepSpeed.

    Parameters
    ----------
    objective
        A module whose `forward(**batch)` returns the loss of a micro-batch in nats. It holds the
        model, the same on every rank; from stage 3 on a rank keeps a part of each weight only. Such
        a model may have been shared out while it was built (`share_out`), and no rank ever held it.
    config
        The numbers of the training.
    device
        Where this rank computes.
    zero_stage
        What the ranks share out: 0 nothing, 1 optimiser, 2 gradients, 3 weights.
    dtype
        What is computed in; by default what the machine has units for. The optimiser's own copy of
        the weights is always float32.
    offload
        ``"cpu"`` keeps the optimiser's state, and from stage 3 on the weights, in the memory of the
        node instead of the GPU's.
    """

    def __init__(
        self,
        objective: nn.Module,
        config: TrainingConfig,
        device: torch.device,
        *,
        zero_stage: int,
        dtype: torch.dtype | None = None,
        offload: str | None = None,
    ) -> None:
        deepspeed = import_deepspeed(device)
        self.objective = objective
        self.device = device
        self.rank, self.world_size = dist.get_rank(), dist.get_world_size()
        self.zero_stage = zero_stage
        self.dtype = dtype or choose_dtype(device)
        self.clip_norm = config.clip_norm
        self._parameters = dict(objective.named_parameters())
        self._shapes = kept.shapes_of(self._parameters)
        n_parameters = sum(math.prod(shape) for shape in self._shapes.values())
        number_in_order(self._parameters.values())
        told = deepspeed_config(
            config,
            world_size=self.world_size,
            zero_stage=zero_stage,
            dtype=self.dtype,
            n_parameters=n_parameters,
            offload=offload,
        )
        with linear():
            self._engine, self._optimizer, _, _ = deepspeed.initialize(
                model=objective,
                optimizer=adamw(self._parameters, config),
                config=told,
                dist_init_required=False,
            )
        in_buckets = zero_stage >= _IN_BUCKETS
        self._order = GradientOrder(self._parameters.values()) if in_buckets else None

    @property
    def _clips_here(self) -> bool:
        """Without ZeRO DeepSpeed would clip, but not tell the norm."""
        return self.zero_stage == 0

    def step(
        self,
        micro_batches: Sequence[Batch],
        learning_rate: float,
        stop: Callable[[], bool] = nobody_asks,
    ) -> StepOutcome:
        """Forward and backward over the micro-batches, clip, update."""
        self._engine.train()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        loss = torch.zeros((), device=self.device)
        norm: Any = 0.0
        for number, batch in enumerate(micro_batches, start=1):
            with self.linear():
                part = self._engine(**self._here(batch))
                self._engine.backward(part)  # divides by the number of micro-batches
            if self._clips_here and number == len(micro_batches):
                norm = nn.utils.clip_grad_norm_(self._parameters.values(), self.clip_norm)
            self._engine.step()  # updates after the last one only
            loss += part.detach().float() / len(micro_batches)
        if self._is_scaled and self._optimizer.overflow:
            norm = 0.0  # the scale was too high for float16: it is halved, nothing was learnt
        elif not self._clips_here:
            norm = self._engine.get_global_grad_norm()
        order = self._order.digest() if self._order else None
        return outcome_of_ranks(loss, float(norm), stop(), order)

    def linear(self) -> AbstractContextManager[None]:
        """Compute linear layers as the stage needs it, there and back.

        For a layer that is computed a second time torch wants the same function again.
        """
        if self.zero_stage < _SHARES_WEIGHTS:
            return nullcontext()
        from deepspeed.runtime.zero.linear import zero3_linear_wrap

        return linear(zero3_linear_wrap)

    def any_rank(self, flag: bool) -> bool:
        """Say whether `flag` is true on at least one rank."""
        return any_of_the_ranks(flag, self.device)

    def save(self, folder: Path) -> Sums:
        """Write what this rank keeps, and rank 0 the layout; every rank calls this."""
        return self._writing(kept.tensors_of(self._mine(), self._inner))(folder)

    def copied(self) -> Write:
        """Copy what this rank keeps."""
        return self._writing(copied(kept.tensors_of(self._mine(), self._inner)))

    def _writing(self, tensors: Mapping[str, Tensor]) -> Write:
        """Return what writes these tensors, and on rank 0 the layout, as it is now."""
        about = {
            "ranks": self.world_size,
            "zero_stage": self.zero_stage,
            "steps": kept.steps_taken(self._mine(), self._inner),
            "loss_scale": kept.scale_of(self._optimizer) if self._is_scaled else {},
        }

        def write(folder: Path) -> Sums:
            sums = write_tensors(folder / shard_name(self.rank), tensors)
            return sums | (write_layout(folder, self._shapes, about) if self.rank == 0 else {})

        return write

    def _mine(self) -> list[Piece]:
        """Return the pieces that this rank writes."""
        mine = self._pieces()
        return mine if self.zero_stage else kept.my_share(mine, self.rank, self.world_size)

    def load(self, folder: Path) -> None:
        """Take up weights and optimiser state; every rank reads the stretches that it keeps.

        Raises
        ------
        IntegrityError
            If the checkpoint is of a model with other parameters, or not all of it is there.
        """
        layout = check_same_model(folder, self._shapes)
        with StateReader(folder) as reader:
            steps = int(layout["steps"])
            reader.check_complete(self._shapes, kept.parts_after(steps))
            kept.take_up(reader, self._pieces(), self._inner, steps)
        kept.hand_on(self._optimizer, self.zero_stage)
        if self._is_scaled:
            kept.set_scale(self._optimizer, layout["loss_scale"])

    @torch.no_grad()
    def give_weights_to(self, objective: nn.Module | None) -> None:
        """Copy the optimiser's float32 weights, one after the other, into another module."""
        wanted = {} if objective is None else dict(objective.named_parameters())
        for name, value in self._parameters.items():
            whole = self._whole(value)  # every rank takes part
            if name in wanted:
                wanted[name].copy_(whole)

    def _whole(self, parameter: nn.Parameter) -> Tensor:
        if self.zero_stage == 0:
            return parameter
        from deepspeed.utils import safe_get_full_fp32_param

        whole: Tensor = safe_get_full_fp32_param(parameter)
        return whole.cpu()

    def _pieces(self) -> list[Piece]:
        return kept.pieces_of(self._optimizer, self._parameters, self.zero_stage, self.rank)

    @property
    def _inner(self) -> torch.optim.Optimizer:
        """The optimiser that steps; ZeRO's own is around it."""
        inner: torch.optim.Optimizer = (
            self._optimizer if self.zero_stage == 0 else self._optimizer.optimizer
        )
        return inner

    @property
    def _is_scaled(self) -> bool:
        return self.dtype == torch.float16

    def _here(self, batch: Batch) -> Batch:
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}


def deepspeed_config(
    config: TrainingConfig,
    *,
    world_size: int,
    zero_stage: int,
    dtype: torch.dtype,
    n_parameters: int,
    offload: str | None = None,
) -> dict[str, Any]:
    """Return what DeepSpeed is told; our words on the right, its words on the left."""
    share = config.batch_size // world_size
    return {
        "train_batch_size": config.batch_size,
        "train_micro_batch_size_per_gpu": share // config.grad_accum_steps,
        "gradient_accumulation_steps": config.grad_accum_steps,
        "gradient_clipping": config.clip_norm if zero_stage else 0.0,
        **_how_it_is_kept(zero_stage, dtype, n_parameters, offload),
        "zero_force_ds_cpu_optimizer": False,  # it would be compiled for two minutes
    }


def share_out(dtype: torch.dtype, device: torch.device, offload: str | None = None) -> HandOut:
    """Return what leaves each rank its part of parameters that are whole, as stage 3 keeps it.

    Every rank calls it with the same parameters in the same order; the weights are rank 0's.

    Parameters
    ----------
    dtype, device, offload
        Of the engine that is to train them.
    """
    init = import_deepspeed(device).zero.Init
    one = {"train_micro_batch_size_per_gpu": 1}  # asked for, and of no matter yet
    told = {**one, **_how_it_is_kept(_SHARES_WEIGHTS, dtype, _BUCKET, offload)}

    def keep_a_part(parameters: Iterable[nn.Parameter]) -> None:
        held = nn.ParameterList(parameters)
        for parameter in held:
            parameter.data = parameter.data.to(dtype)
        with linear():
            init(module=held, config_dict_or_path=told)

    return keep_a_part


def number_in_order(parameters: Iterable[nn.Parameter]) -> None:
    """Give parameters that were shared out part by part the numbers they have in a whole model.

    DeepSpeed lays gradients side by side in the order of its numbers. Where one lies decides in
    which order the ranks are added up, and with it the last bits of some (seen in bfloat16, on four
    ranks).
    """
    shared: list[Any] = [one for one in parameters if hasattr(one, "ds_id")]
    for number, one in zip(sorted(one.ds_id for one in shared), shared, strict=True):
        one.ds_id = number


@contextmanager
def linear(by: Callable[..., Tensor] | None = None) -> Iterator[None]:
    """Put torch's linear layer back behind what replaces it, or replace it for a while.

    Stage 3 has one that lets go of whole weights until they are asked for on the way back.
    DeepSpeed gives it to the whole process, for good: every other model there would compute by it,
    in other bits; and at stage 2 a rank that had once been at stage 3 would get its gradients in
    another order than its peers (see `kblib.training.gradient_order`).
    """
    before = nn.functional.linear
    if by is not None:
        nn.functional.linear = by
    try:
        yield
    finally:
        nn.functional.linear = before


def _how_it_is_kept(
    zero_stage: int, dtype: torch.dtype, n_parameters: int, offload: str | None
) -> dict[str, Any]:
    half = dtype == torch.bfloat16
    zero: dict[str, Any] = {
        "stage": zero_stage,
        "reduce_bucket_size": min(_BUCKET, n_parameters),
        "allgather_bucket_size": min(_BUCKET, n_parameters),
    }
    if offload:
        zero["offload_optimizer"] = {"device": offload}
        if zero_stage == _SHARES_WEIGHTS:
            zero["offload_param"] = {"device": offload}
    return {
        # Without ZeRO the weights stay in float32, as in torch's engine; else the optimiser's copy.
        "bf16": {"enabled": half and zero_stage > 0},
        "torch_autocast": {"enabled": half and zero_stage == 0, "dtype": "bfloat16"},
        "fp16": {"enabled": dtype == torch.float16},  # its loss scale follows what overflows
        "zero_optimization": zero,
    }


def import_deepspeed(device: torch.device) -> Any:
    """Import DeepSpeed, quietly, without what it would compile, and with a group of ranks."""
    if device.type == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    os.environ.setdefault("LOCAL_RANK", "0")  # asked for by DeepSpeed also where there is one rank
    quiet_bitsandbytes()
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
