"""One rank that trains with stage 3 twice: from a model built whole, and from one built in parts.

``python in_parts_ranks.py FOLDER RANK WORLD_SIZE`` leaves losses, and bytes that lived, in FOLDER.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from transformers import PreTrainedModel

from kblib.models import in_parts
from kblib.models.build import build_model
from kblib.models.continued import open_to_train
from kblib.models.continued_in_parts import open_in_parts
from kblib.models.in_parts import HandOut, build_in_parts
from kblib.models.shape import ARCHITECTURES, ModelShape
from kblib.training.batches import RandomBatches
from kblib.training.config import TrainingConfig
from kblib.training.deepspeed_engine import DeepSpeedEngine, share_out
from kblib.training.loop import seed_step
from kblib.training.objective import objective_for

LAYERS, STEPS = 8, 3
CPU = torch.device("cpu")
take_memory = in_parts._take_memory
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
CONFIG = TrainingConfig(
    steps=STEPS,
    seq_len=16,
    batch_size=4,
    learning_rate=1e-2,
    warmup_steps=1,
    eval_every=9,
    save_every=9,
)


def shape_of(architecture: str) -> ModelShape:
    return ModelShape(
        LAYERS,
        2,
        64,
        architecture=architecture,
        vocab_size=300,
        seq_len=16,  # type: ignore[arg-type]
    )


def begin_to_look() -> None:
    """Leave what lives already out of what is looked through: it is half a million objects."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def live_bytes() -> int:
    """Return the bytes of all storages of floating-point tensors made since."""
    held = [one for one in gc.get_objects() if isinstance(one, torch.Tensor) and not one.is_meta]
    storages = {
        one.untyped_storage().data_ptr(): one.untyped_storage().nbytes()
        for one in held
        if one.is_floating_point()
    }
    return sum(storages.values())


class Start:
    """The ways to begin the training of a layout, and what lived while it began."""

    def __init__(self, architecture: str, folder: Path, dtype: str) -> None:
        self.shape, self.folder, self.dtype = shape_of(architecture), folder, TYPES[dtype]
        self.make = partial(build_model, self.shape, dropout=0.0, seed=1)
        self.most = 0

    def _hand_out(self) -> HandOut:
        """Return what shares parameters out; look at what lives when large ones come and go."""
        share = share_out(self.dtype, CPU)
        large = self.shape.vocab_size * self.shape.n_embd

        def watched(parameters: Iterable[nn.Parameter]) -> None:
            held = list(parameters)
            if sum(one.numel() for one in held) >= large:
                self.most = max(self.most, live_bytes())
            share(held)

        def taken(parameter: nn.Parameter) -> None:
            take_memory(parameter)
            if parameter.numel() >= large:
                self.most = max(self.most, live_bytes())

        in_parts._take_memory = taken
        return watched

    def built_in_parts(self) -> PreTrainedModel:
        begin_to_look()
        hand_out = self._hand_out()
        model = build_in_parts(self.make, hand_out)
        hand_out(model.parameters())
        return model

    def opened_in_parts(self) -> PreTrainedModel:
        begin_to_look()
        first = dist.get_rank() == 0
        return open_in_parts(self.folder, self.shape, self._hand_out(), reads=first)

    def opened_whole(self) -> PreTrainedModel:
        return open_to_train(self.folder, self.shape)

    def losses(self, begin: Callable[[], PreTrainedModel]) -> list[str]:
        model = begin()
        objective = objective_for(model, self.shape)
        engine = DeepSpeedEngine(objective, CONFIG, CPU, zero_stage=3, dtype=self.dtype)
        world = dist.get_world_size()
        share = CONFIG.batch_size // world
        mine = slice(engine.rank * share, (engine.rank + 1) * share)
        found = []
        for step in range(STEPS):
            seed_step(1, step, engine.rank)
            (batch,) = RandomBatches(self.shape, CONFIG).step(step)
            part = {name: value[mine] for name, value in batch.items()}
            found.append(engine.step([part], CONFIG.learning_rate).loss.hex())
        return found


def of_layout(architecture: str, folder: Path, dtype: str) -> dict[str, Any]:
    """Return what one layout gave."""
    saved = folder / architecture
    build_model(shape_of(architecture), dropout=0.0, seed=5).save_pretrained(saved)  # rank 0 does
    dist.barrier()
    start = Start(architecture, saved, dtype)
    told: dict[str, Any] = {"built whole": start.losses(start.make)}
    told["built in parts"], built = start.losses(start.built_in_parts), start.most
    start.most = 0
    told["opened whole"] = start.losses(start.opened_whole)
    told["opened in parts"] = start.losses(start.opened_in_parts)
    return {**told, "most built": built, "most opened": start.most}


def main(folder: Path, rank: int, world_size: int, architectures: list[str], dtype: str) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world_size)
    seen = {one: of_layout(one, folder, dtype) for one in architectures}
    (folder / f"rank-{rank}.json").write_text(json.dumps(seen))
    dist.barrier()


if __name__ == "__main__":
    main(
        Path(sys.argv[1]),
        int(sys.argv[2]),
        int(sys.argv[3]),
        list(ARCHITECTURES) if sys.argv[4] == "all" else sys.argv[4].split(","),
        sys.argv[5],
    )
