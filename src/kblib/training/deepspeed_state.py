"""Which numbers a rank of DeepSpeed keeps, and where, at each stage of ZeRO.

DeepSpeed's own checkpoints are pickles that only so many ranks can read. What it keeps for each
parameter can be asked for, so a checkpoint of ours is written from that: see `state_files`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from kblib.training.state_files import Piece, StateReader, key_of

WEIGHT, STEP = "weight", "step"
MOMENTS = ("exp_avg", "exp_avg_sq")
_SCALER = ("cur_scale", "cur_iter", "last_overflow_iter", "cur_hysteresis")
"""What a dynamic loss scale remembers; only float16 has one."""


def shapes_of(parameters: Mapping[str, nn.Parameter]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each whole parameter: with stage 3 a rank holds a part of it."""
    return {
        name: tuple(getattr(value, "ds_shape", value.shape)) for name, value in parameters.items()
    }


def pieces_of(
    optimizer: Any, parameters: Mapping[str, nn.Parameter], stage: int, rank: int
) -> list[Piece]:
    """Return the pieces that this rank's optimiser keeps; without ZeRO it keeps all of them."""
    if stage == 0:
        return [Piece(name, 0, value.numel(), value, 0) for name, value in parameters.items()]
    found = _of_stage_3 if stage == 3 else _of_stages_1_and_2
    return list(found(optimizer, parameters, rank))


def _of_stages_1_and_2(
    optimizer: Any, parameters: Mapping[str, nn.Parameter], _: int
) -> Iterator[Piece]:
    """Yield what falls into this rank's equal part of each group's one flat tensor."""
    for name, parameter in parameters.items():
        place = parameter._hp_mapping  # type: ignore[attr-defined]
        if place is not None:
            here, there = place.lp_fragment_address, place.hp_fragment_address
            flat = optimizer.single_partition_of_fp32_groups[place.param_group_index]
            yield Piece(name, here.start, here.numel, flat, there.start)


def _of_stage_3(
    optimizer: Any, parameters: Mapping[str, nn.Parameter], rank: int
) -> Iterator[Piece]:
    """Yield an equal part of each parameter; the last ranks' are filled up with nothing."""
    for name, parameter in parameters.items():
        group, offset, share = optimizer.grad_position[optimizer.get_param_id(parameter)]
        start = rank * share
        numel = min(share, parameter.ds_numel - start)  # type: ignore[attr-defined]
        if numel > 0:
            yield Piece(name, start, numel, optimizer.fp32_partitioned_groups_flat[group], offset)


def my_share(pieces: Sequence[Piece], rank: int, world_size: int) -> list[Piece]:
    """Return the equal part of each piece that this rank writes, where every rank holds all."""
    shared = []
    for piece in pieces:
        first, last = (piece.numel * n // world_size for n in (rank, rank + 1))
        if first < last:
            shared.append(
                Piece(
                    piece.name,
                    piece.start + first,
                    last - first,
                    piece.flat,
                    piece.offset + first,
                )
            )
    return shared


def tensors_of(pieces: Sequence[Piece], inner: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the stretches of a rank by the names they have in its file."""
    found = {}
    for piece in pieces:
        found[key_of(WEIGHT, piece.name, piece.start)] = piece.of(piece.flat).float()
        state = inner.state.get(piece.flat, {})
        for part in MOMENTS:
            if part in state:
                found[key_of(part, piece.name, piece.start)] = piece.of(state[part])
    return found


def steps_taken(pieces: Sequence[Piece], inner: torch.optim.Optimizer) -> int:
    """Return the steps the optimiser has counted; none before its first."""
    states = (inner.state.get(piece.flat, {}) for piece in pieces)
    return max((int(state[STEP]) for state in states if STEP in state), default=0)


def parts_after(steps: int) -> tuple[str, ...]:
    """Return what is written of each parameter after so many steps of the optimiser."""
    return (WEIGHT, *MOMENTS) if steps else (WEIGHT,)


@torch.no_grad()
def take_up(
    reader: StateReader, pieces: Sequence[Piece], inner: torch.optim.Optimizer, steps: int
) -> None:
    """Fill this rank's pieces, and what its optimiser remembers of them, from a checkpoint."""
    for piece in pieces:
        stretch = (piece.name, piece.start, piece.numel)
        piece.of(piece.flat).copy_(reader.read(WEIGHT, *stretch))
        if steps:
            state = inner.state[piece.flat]
            state[STEP] = torch.tensor(float(steps), device=piece.flat.device)
            for part in MOMENTS:
                state.setdefault(part, torch.zeros_like(piece.flat))
                piece.of(state[part]).copy_(reader.read(part, *stretch))


@torch.no_grad()
def hand_on(optimizer: Any, stage: int) -> None:
    """Give the model the optimiser's float32 weights, as DeepSpeed does after a step."""
    if stage in (1, 2):
        optimizer.update_lp_params()
    elif stage:
        for number, flat in enumerate(optimizer.fp32_partitioned_groups_flat):
            optimizer.fp16_partitioned_groups_flat[number].copy_(flat)
            optimizer._unflatten_partitioned_parameters(number)
        if optimizer.persistent_parameters:
            optimizer.persistent_parameters[0].partition(optimizer.persistent_parameters)
            optimizer.persistent_parameters[0].all_gather(optimizer.persistent_parameters)


def scale_of(optimizer: Any) -> dict[str, float]:
    """Return what a dynamic loss scale remembers; nothing but for float16."""
    scaler = getattr(optimizer, "loss_scaler", None)
    return {name: getattr(scaler, name) for name in _SCALER if hasattr(scaler, name)}


def set_scale(optimizer: Any, scale: Mapping[str, float]) -> None:
    """Set what `scale_of` returned."""
    for name, value in scale.items():
        setattr(optimizer.loss_scaler, name, value)
