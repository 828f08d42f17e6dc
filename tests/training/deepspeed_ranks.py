"""One rank of a comparison: torch's engine, and DeepSpeed's at each stage, on the same batches.

``python deepspeed_ranks.py FOLDER RANK WORLD_SIZE`` leaves what it saw in FOLDER.
"""

from __future__ import annotations

import json
import operator
import shutil
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from kblib.errors import IntegrityError, TrainingError
from kblib.models.build import build_model
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder
from kblib.training import deepspeed_engine
from kblib.training.batches import RandomBatches
from kblib.training.checkpoint import save_checkpoint
from kblib.training.config import TrainingConfig
from kblib.training.deepspeed_engine import DeepSpeedEngine, linear
from kblib.training.engine import Batch, Engine, TorchEngine
from kblib.training.loop import seed_step
from kblib.training.objective import objective_for
from kblib.training.state_files import shard_name

STAGES = (0, 1, 2, 3)
STEPS, HALF = 6, 3
SHAPE = ModelShape(n_layer=2, n_head=2, n_embd=32, vocab_size=200, seq_len=16)
CONFIG = TrainingConfig(
    steps=STEPS,
    seq_len=16,
    batch_size=8,
    grad_accum_steps=2,
    learning_rate=1e-2,
    warmup_steps=2,
    clip_norm=0.5,  # below the norms of these first steps: they are clipped
    eval_every=9,
    save_every=9,
)
CPU = torch.device("cpu")
LINEAR = torch.nn.functional.linear
"""As it was before an engine was made."""


class Comparison:
    """What one rank does with one engine after the other."""

    def __init__(self, folder: Path, rank: int, world_size: int) -> None:
        self.folder, self.rank, self.world_size = folder, rank, world_size

    def engine(self, stage: int | None, *, seed: int = 1) -> Engine:
        objective = objective_for(build_model(SHAPE, dropout=0.1, seed=seed), SHAPE)
        if stage is None:
            engine = TorchEngine(objective, CONFIG, CPU)
            engine.dtype = torch.float32
            return engine
        return DeepSpeedEngine(objective, CONFIG, CPU, zero_stage=stage, dtype=torch.float32)

    def batch(self, step: int) -> list[Batch]:
        """Return this rank's share, in two pieces, of a batch that is the same for all."""
        pieces = CONFIG.grad_accum_steps
        config = replace(CONFIG, grad_accum_steps=pieces * self.world_size)
        return RandomBatches(SHAPE, config).step(step)[self.rank * pieces :][:pieces]

    def train(self, engine: Engine, first: int, last: int) -> list[tuple[str, float, bool]]:
        """Return loss, norm and whether to stop; the second rank alone asks for that at `HALF`."""
        seen = []
        for step in range(first, last):
            seed_step(CONFIG.seed, step, self.rank)
            asked = partial(operator.eq, (step, self.rank), (HALF, 1))
            rate = CONFIG.learning_rate * (step + 1) / STEPS
            outcome = engine.step(self.batch(step), rate, asked)
            seen.append((outcome.loss.hex(), outcome.grad_norm, outcome.stopping))
        return seen

    def of_stage(self, stage: int | None) -> dict[str, Any]:
        straight = self.engine(stage)
        losses = self.train(straight, 0, STEPS)
        first = self.engine(stage)
        halves = self.train(first, 0, HALF)
        run = RunFolder(self.folder / f"run-{stage}")
        save_checkpoint(run, first, HALF, keep=2)
        second = self.engine(stage, seed=99)
        second.any_rank(False)
        second.load(run.checkpoint(HALF))
        halves += self.train(second, HALF, STEPS)
        save_checkpoint(run, second, STEPS, keep=2)
        whole = objective_for(build_model(SHAPE, seed=5), SHAPE)
        straight.give_weights_to(whole)
        sums = {name: float(value.double().sum()) for name, value in whole.state_dict().items()}
        return {"losses": losses, "resumed": halves, "weights": sums}

    def of_variant(self, stage: int, *, offload: str | None = None, recompute: bool = False) -> Any:
        """Return the losses with the state in the node's memory, or with activations made again."""
        model = build_model(SHAPE, dropout=0.1, seed=1)
        if recompute:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        engine = DeepSpeedEngine(
            objective_for(model, SHAPE),
            CONFIG,
            CPU,
            zero_stage=stage,
            dtype=torch.float32,
            offload=offload,
        )
        losses = self.train(engine, 0, HALF)
        run = RunFolder(self.folder / f"run-{stage}-{offload}-{recompute}")
        save_checkpoint(run, engine, HALF, keep=2)
        engine.any_rank(False)  # until rank 0 has sealed it
        engine.load(run.checkpoint(HALF))
        return losses + self.train(engine, HALF, STEPS)

    def of_a_lost_shard(self) -> str:
        """Return what is said to a checkpoint from which one rank's part is gone."""
        lacking = self.folder / "lacking"
        if self.rank == 0:
            shutil.copytree(RunFolder(self.folder / "run-1").checkpoint(HALF), lacking)
            (lacking / shard_name(1)).unlink()
        engine = self.engine(1)
        engine.any_rank(False)
        try:
            engine.load(lacking)
        except IntegrityError as error:
            return str(error)
        return ""

    def of_another_function(self) -> str:
        """Return what is said at stage 2 when the last rank computes as at stage 3.

        BERT's linear layers have biases, whose gradients then come in another order.
        """
        from deepspeed.runtime.zero.linear import zero3_linear_wrap

        shape = replace(SHAPE, architecture="bert")
        objective = objective_for(build_model(shape, seed=1), shape)
        engine = DeepSpeedEngine(objective, CONFIG, CPU, zero_stage=2, dtype=torch.float32)
        is_last = self.rank == self.world_size - 1
        try:
            with linear(zero3_linear_wrap if is_last else None):
                engine.step(self.batch(0), CONFIG.learning_rate)
        except TrainingError as error:
            return str(error)
        return ""


def without_persistent_weights(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return the usual settings, but share out small weights too: these here are all small."""
    told = deepspeed_config(*args, **kwargs)
    told["zero_optimization"]["stage3_param_persistence_threshold"] = 0
    return told


deepspeed_config = deepspeed_engine.deepspeed_config


def main(folder: Path, rank: int, world_size: int) -> None:
    torch.set_num_threads(1)
    deepspeed_engine.deepspeed_config = without_persistent_weights
    meeting = f"file://{folder}/meeting"
    dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world_size)
    comparison = Comparison(folder, rank, world_size)
    seen = {str(stage): comparison.of_stage(stage) for stage in (None, *STAGES)}
    variants = {
        "offload-1": comparison.of_variant(1, offload="cpu"),
        "offload-3": comparison.of_variant(3, offload="cpu"),
        "recompute-2": comparison.of_variant(2, recompute=True),
        "recompute-3": comparison.of_variant(3, recompute=True),
    }
    told = {
        "stages": seen,
        "variants": variants,
        "lacking": comparison.of_a_lost_shard(),
        "linear is torch's": torch.nn.functional.linear is LINEAR,
        "another function": comparison.of_another_function(),
    }
    (folder / f"rank-{rank}.json").write_text(json.dumps(told))
    dist.barrier()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
