"""Engines: what carries out one optimiser step. Plain torch is the first, DeepSpeed the second.

The loop knows only the Protocol.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import torch
import torch.distributed as dist
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from kblib.training.config import TrainingConfig
from kblib.training.gradient_order import check_one_order
from kblib.training.precision import choose_dtype
from kblib.training.state_files import Sums, refuse_other_model, write_tensors

Batch = Mapping[str, Tensor]
"""The tensors of one micro-batch by name, as the objective's `forward` takes them."""

Write = Callable[[Path], Sums]
"""Writes a rank's part of a state into a folder; returns the checksums of what it wrote."""

WEIGHTS = "model.safetensors"
OPTIMIZER = "optimizer.safetensors"


@dataclass(frozen=True)
class StepOutcome:
    """What one step gave.

    Mean loss in nats over all ranks, the gradient norm before clipping, and whether a rank was
    asked to stop.
    """

    loss: float
    grad_norm: float
    stopping: bool = False


def nobody_asks() -> bool:
    """Say that this rank was not asked to stop."""
    return False


class Engine(Protocol):
    """One optimiser step, and the state that must survive it."""

    rank: int
    world_size: int

    def step(
        self,
        micro_batches: Sequence[Batch],
        learning_rate: float,
        stop: Callable[[], bool] = nobody_asks,
    ) -> StepOutcome:
        """Forward, backward, clip, update; then ask `stop`, and tell the other ranks with the loss.

        A vote of its own would have all ranks wait for each other once more.
        """

    def any_rank(self, flag: bool) -> bool:
        """Say whether `flag` is true on at least one rank; every rank gets the same answer."""

    def save(self, folder: Path) -> Sums:
        """Write this rank's part of weights and optimiser state into `folder`; every rank calls.

        Return the checksums of what it wrote, computed on the way.
        """

    def copied(self) -> Write:
        """Copy into the host's memory what `save` would write; return what writes the copy.

        Any thread may call that, while the engine goes on. Every rank calls this.
        """

    def load(self, folder: Path) -> None:
        """Take up weights and optimiser state from `folder`; every rank calls."""

    def give_weights_to(self, objective: nn.Module | None) -> None:
        """Copy the weights into another module of the same shape.

        Every rank takes part; a module has all of them afterwards. None wants nothing: one rank
        with the whole model is enough.
        """


class TorchEngine:
    """Data-parallel training with nothing but torch.

    Parameters
    ----------
    objective
        A module whose `forward(**batch)` returns the loss of a micro-batch in nats. It holds the
        model.
    config
        The numbers of the training.
    device
        Where this rank computes.
    dtype
        What is computed in; by default what the machine has units for. The weights stay in float32.
    """

    def __init__(
        self,
        objective: nn.Module,
        config: TrainingConfig,
        device: torch.device,
        *,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.objective = objective.to(device)
        self.config = config
        self.device = device
        self.rank = dist.get_rank() if dist.is_initialized() else 0
        self.world_size = dist.get_world_size() if dist.is_initialized() else 1
        self.dtype = dtype or choose_dtype(device)
        self._forward: nn.Module = self.objective
        if self.world_size > 1:
            self._forward = DistributedDataParallel(self.objective)
        named = self.objective.named_parameters()
        self._parameters = {name: value for name, value in named if value.requires_grad}
        self._optimizer = adamw(self._parameters, config)

    def step(
        self,
        micro_batches: Sequence[Batch],
        learning_rate: float,
        stop: Callable[[], bool] = nobody_asks,
    ) -> StepOutcome:
        """Forward and backward over the micro-batches, clip, update."""
        self.objective.train()
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        loss = torch.zeros((), device=self.device)
        for number, batch in enumerate(micro_batches, start=1):
            with self._gradients_stay_here(unless=number == len(micro_batches)), self._autocast():
                part = self._forward(**self._here(batch)) / len(micro_batches)
                part.backward()
            loss += part.detach()
        norm = nn.utils.clip_grad_norm_(self._parameters.values(), self.config.clip_norm)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return outcome_of_ranks(loss, float(norm), stop())

    def any_rank(self, flag: bool) -> bool:
        """Say whether `flag` is true on at least one rank."""
        return any_of_the_ranks(flag, self.device)

    def save(self, folder: Path) -> Sums:
        """Write weights and optimiser state as safetensors; all ranks hold the same, one writes."""
        return {} if self.rank else _write_files(folder, self._state())

    def copied(self) -> Write:
        """Copy weights and optimiser state; only the rank that writes holds a copy."""
        state = {} if self.rank else {name: copied(held) for name, held in self._state().items()}
        return partial(_write_files, state=state)

    def _state(self) -> dict[str, dict[str, Tensor]]:
        return {WEIGHTS: dict(self._parameters), OPTIMIZER: dict(self._optimizer_tensors())}

    def load(self, folder: Path) -> None:
        """Take up weights and optimiser state; every rank reads.

        Raises
        ------
        IntegrityError
            If the checkpoint is of a model with other parameters.
        """
        weights = load_file(folder / WEIGHTS)
        self._check_same_model(folder, weights)
        with torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(weights[name])
        states: dict[Tensor, dict[str, Tensor]] = {}
        for key, value in load_file(folder / OPTIMIZER).items():
            name, part = key.rsplit("/", 1)
            states.setdefault(self._parameters[name], {})[part] = value.to(self.device)
        self._optimizer.state.update(states)

    def give_weights_to(self, objective: nn.Module | None) -> None:
        """Copy the weights into another module of the same shape; each rank has all of them."""
        if objective is not None:
            copy_weights(self._parameters, objective)

    def _check_same_model(self, folder: Path, weights: Mapping[str, Tensor]) -> None:
        want = {name: tuple(value.shape) for name, value in self._parameters.items()}
        have = {name: tuple(value.shape) for name, value in weights.items()}
        refuse_other_model(folder, want, have)

    def _optimizer_tensors(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self._parameters.items():
            for part, value in self._optimizer.state[parameter].items():
                yield f"{name}/{part}", value.contiguous()

    def _gradients_stay_here(self, *, unless: bool) -> AbstractContextManager[None]:
        if isinstance(self._forward, DistributedDataParallel) and not unless:
            return self._forward.no_sync()
        return nullcontext()

    def _autocast(self) -> AbstractContextManager[None]:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.dtype)

    def _here(self, batch: Batch) -> Batch:
        return {name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()}


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of tensors in the host's memory."""
    return {name: value.detach().to("cpu", copy=True) for name, value in tensors.items()}


def _write_files(folder: Path, state: Mapping[str, Mapping[str, Tensor]]) -> Sums:
    sums: Sums = {}
    for name, tensors in state.items():
        sums |= write_tensors(folder / name, tensors)
    return sums


def adamw(parameters: Mapping[str, nn.Parameter], config: TrainingConfig) -> torch.optim.AdamW:
    """Return the optimiser that every engine steps with."""
    return torch.optim.AdamW(
        _decay_groups(parameters, config.weight_decay),
        lr=config.learning_rate,
        betas=(0.9, config.beta2),
        eps=1e-6,
        fused=True,
    )


@torch.no_grad()
def copy_weights(weights: Mapping[str, Tensor], objective: nn.Module) -> None:
    """Copy weights by name into a module, whatever its devices and number types."""
    for name, parameter in objective.named_parameters():
        parameter.copy_(weights[name])


def any_of_the_ranks(flag: bool, device: torch.device) -> bool:
    """Say whether `flag` is true on at least one rank."""
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return flag
    votes = torch.tensor(float(flag), device=device)
    dist.all_reduce(votes, op=dist.ReduceOp.MAX)
    return bool(votes.item())


def outcome_of_ranks(
    loss: Tensor, grad_norm: float, stopping: bool, order: int | None = None
) -> StepOutcome:
    """Return the mean loss over all ranks, and whether one of them stops.

    Parameters
    ----------
    loss
        This rank's, a scalar.
    grad_norm
        Of the whole gradient: every rank has the same.
    stopping
        Whether this rank was asked to stop.
    order
        The order in which gradients came, where all ranks must have the same.

    Raises
    ------
    TrainingError
        If they have not.
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return StepOutcome(float(loss), grad_norm, stopping)
    told = torch.stack([loss, torch.full_like(loss, float(stopping))])
    if order is not None:
        told = torch.cat([told.double(), told.new_tensor([order, order**2], dtype=torch.float64)])
    dist.all_reduce(told)
    total, votes, *orders = told.tolist()
    if orders:
        check_one_order(dist.get_world_size(), *orders)
    return StepOutcome(total / dist.get_world_size(), grad_norm, votes > 0)


def _decay_groups(
    parameters: Mapping[str, nn.Parameter], weight_decay: float
) -> list[dict[str, object]]:
    """Decay matrices.

    Spare biases and norms (vectors), as Loshchilov & Hutter 2019 and all BERT recipes do.
    """
    matrices = [value for value in parameters.values() if _dimensions(value) >= 2]
    vectors = [value for value in parameters.values() if _dimensions(value) < 2]
    return [
        {"params": matrices, "weight_decay": weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]


def _dimensions(parameter: nn.Parameter) -> int:
    """Return the dimensions of a parameter, of which this rank may hold a flat share only."""
    return len(getattr(parameter, "ds_shape", parameter.shape))
