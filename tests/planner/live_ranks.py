"""One rank that trains small models and counts the storages that really live, by term.

``python tests/planner/live_ranks.py FOLDER RANK WORLD_SIZE CASES`` leaves bytes in FOLDER; CASES is
JSON: a list of [architecture, size, stage, number type].
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from kblib.models.build import build_model
from kblib.models.shape import ModelShape
from kblib.training.batches import RandomBatches
from kblib.training.config import TrainingConfig
from kblib.training.deepspeed_engine import DeepSpeedEngine
from kblib.training.objective import objective_for

SIZES = {
    "small": {"n_layer": 2, "n_head": 4, "n_embd": 64, "vocab_size": 500, "seq_len": 48},
    "wide": {"n_layer": 1, "n_head": 4, "n_embd": 128, "vocab_size": 900, "seq_len": 64},
    "deep": {"n_layer": 5, "n_head": 2, "n_embd": 48, "vocab_size": 300, "seq_len": 32},
}
MICRO_BATCH, PIECES = 2, 2
CPU = torch.device("cpu")

Storages = dict[int, int]
"""Bytes of each storage by its address."""


def shape_of(architecture: str, size: str) -> ModelShape:
    return ModelShape(architecture=architecture, **SIZES[size])  # type: ignore[arg-type]


def config_of(shape: ModelShape, world_size: int) -> TrainingConfig:
    return TrainingConfig(
        steps=9,
        seq_len=shape.seq_len,
        batch_size=MICRO_BATCH * PIECES * world_size,
        grad_accum_steps=PIECES,
        learning_rate=1e-3,
        warmup_steps=2,
        eval_every=9,
        save_every=9,
    )


def storages(found: Any) -> Storages:
    """Return the storages in a tensor, or in whatever holds tensors."""
    if isinstance(found, torch.Tensor):
        held = found.untyped_storage()
        return {held.data_ptr(): held.nbytes()} if held.nbytes() else {}
    if isinstance(found, dict):
        found = found.values()
    if isinstance(found, Iterable) and not isinstance(found, str):
        return {at: n for one in found for at, n in storages(one).items()}
    return {}


def without(found: Storages, *others: Storages) -> Storages:
    return {at: n for at, n in found.items() if not any(at in other for other in others)}


class Count:
    """The terms of one case, as they live on this rank."""

    def __init__(self, shape: ModelShape, stage: int, dtype: str, world_size: int) -> None:
        self.config = config_of(shape, world_size)
        objective = objective_for(build_model(shape, seed=1), shape)
        self.engine = DeepSpeedEngine(
            objective, self.config, CPU, zero_stage=stage, dtype=getattr(torch, dtype)
        )
        self.parameters = list(objective.parameters())
        self.batches = RandomBatches(shape, config_of(shape, 1))
        self.peaks: dict[str, int] = {}

    def weights(self) -> Storages:
        """Weights as this rank holds them; from stage 3 on its part of each."""
        return storages([getattr(one, "ds_tensor", one.data) for one in self.parameters])

    def optimizer(self) -> Storages:
        names = ("single_partition_of_fp32_groups", "fp32_partitioned_groups_flat")
        copies = [getattr(self.engine._optimizer, name, []) for name in names]
        inner = getattr(self.engine._optimizer, "optimizer", self.engine._optimizer)
        return without(storages([*copies, list(inner.state.values())]), self.weights())

    def buckets(self) -> Storages:
        mine = vars(self.engine._optimizer)
        flat = [held for name, held in mine.items() if "ipg_bucket_flat_buffer" in name]
        return storages([*flat, [one.buffer for one in mine.get("ipg_buckets", {}).values()]])

    def gradients(self) -> Storages:
        names = ("averaged_gradients", "all_grad_tensors", "grad_partitions_flat_buffer")
        held = [getattr(self.engine._optimizer, name, None) for name in names]
        own = [one.grad for one in self.parameters if one.grad is not None]
        return without(storages([own, held]), self.buckets())

    def look(self, _: Any = None) -> None:
        """Keep the highest of what a backward pass holds."""
        for name in ("gradients", "buckets"):
            held = sum(getattr(self, name)().values())
            self.peaks[name] = max(self.peaks.get(name, 0), held)

    def saved(self) -> int:
        """Return the bytes that autograd keeps of one forward pass, weights apart."""
        kept: Storages = {}
        alive: list[torch.Tensor] = []

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            alive.append(tensor)  # an address is only its own while it lives
            kept.update(storages(tensor))
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda one: one)
        with hooks, self.engine.linear():
            loss = self.engine._engine(**self.batches.step(1)[0])
        whole = storages([one.data for one in self.parameters])
        self.engine._engine.backward(loss)
        return sum(without(kept, whole, self.weights()).values())

    def measure(self) -> dict[str, int]:
        for number in range(2):
            self.engine.step(self.batches.step(number), 1e-3)
        gc.collect()
        standing = {name: sum(getattr(self, name)().values()) for name in ("weights", "optimizer")}
        hooks = [one.register_post_accumulate_grad_hook(self.look) for one in self.parameters]
        self.engine.step(self.batches.step(2), 1e-3)
        for hook in hooks:
            hook.remove()
        saved = self.saved()
        return {
            "parameters": standing["weights"],
            "optimizer": standing["optimizer"],
            **self.peaks,
            "saved": saved,
        }


def main(folder: Path, rank: int, world_size: int, cases: list[list[Any]]) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'ranks'}", rank=rank, world_size=world_size
    )
    found = [
        Count(shape_of(architecture, size), stage, dtype, world_size).measure()
        for architecture, size, stage, dtype in cases
    ]
    (folder / f"rank-{rank}.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]))
