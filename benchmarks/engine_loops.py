"""The loops that `benchmarks.engines` compares, each in processes of its own.

DeepSpeed makes every process a rank, and Trainer in such a process would become another one: so
each side has its own, and takes a turn when it is told to. B blocks, T tokens, K masked positions.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from transformers.utils import logging

from benchmarks.loop import SHAPE, job
from benchmarks.loops import Loop, OurLoop, ReadyBatches, Steps
from benchmarks.trainer import TrainerLoop
from kblib.jobs.prepare import prepare
from kblib.jobs.processes import rank_environments
from kblib.models.build import build_masked
from kblib.training.batches import BlockBatches
from kblib.training.config import TrainingConfig
from kblib.training.deepspeed_engine import (
    DeepSpeedEngine,
    deepspeed_config,
    import_deepspeed,
)
from kblib.training.engine import adamw
from kblib.training.objective import MaskedObjective

OURS, BARE, TRAINER, DDP = "this project's loop", "bare", "Trainer", "bare torch.distributed"
STAGE = 1
_SEED = 1
_CPU = torch.device("cpu")


class Side:
    """One of the loops, in as many processes as it has ranks.

    Parameters
    ----------
    kind
        Which loop.
    world
        How many ranks; each has one thread, and a core where there are as many.
    config
        The numbers of the training.
    folder
        Where its ranks meet and write.
    """

    def __init__(self, kind: str, world: int, config: TrainingConfig, folder: Path) -> None:
        folder.mkdir()
        self._ranks = []
        others = active_children()
        for rank, environment in enumerate(rank_environments(world, {"OMP_NUM_THREADS": "1"})):
            if kind == TRAINER:
                environment = {"OMP_NUM_THREADS": "1"}
            self._ranks.append(
                ProcessPoolExecutor(
                    1,
                    mp_context=get_context("spawn"),
                    initializer=_set_up,
                    initargs=(kind, rank, world, config, folder),
                )
            )
            _start(self._ranks[-1], environment)
        self._processes = [one for one in active_children() if one not in others]

    def run(self, n: int) -> Steps:
        """Take the next `n` steps with every rank; return what the first one saw."""
        return first_rank([rank.submit(_take, n) for rank in self._ranks])

    def turn(self, n: int) -> float:
        """Return the seconds of `n` steps, after one that is not counted."""
        return self.run(n + 1).seconds

    def close(self) -> None:
        """End its processes, also one that waits for a peer that failed.

        They have nothing to save, and one that ends slowly would be in the next ones' way.
        """
        for process in self._processes:
            process.kill()
        for rank in self._ranks:
            rank.shutdown()


def first_rank(told: Sequence[Future[Steps]]) -> Steps:
    """Return what the first rank saw when all are done; raise at once what one of them raises."""
    done, _ = wait(told, return_when=FIRST_EXCEPTION)
    for one in done:
        one.result()
    return told[0].result()


def _start(process: ProcessPoolExecutor, environment: dict[str, str]) -> None:
    """Start a process with an environment of its own; threads and allocator read it then."""
    before = dict(os.environ)
    os.environ.update({k: v for k, v in environment.items() if k not in ("RANK", "WORLD_SIZE")})
    try:
        process.submit(os.getpid)
    finally:
        os.environ.clear()
        os.environ.update(before)


_loop: list[Loop] = []
"""The loop of this process."""


def _take(n: int) -> Steps:
    return _loop[0].run(n)


def _set_up(kind: str, rank: int, world: int, config: TrainingConfig, folder: Path) -> None:
    torch.set_num_threads(1)
    logging.set_verbosity_error()
    if world > 1:
        meeting = f"file://{folder}/meeting"
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=world)
    data = prepare(job())
    batches = BlockBatches(data.train, data.tokenizer, SHAPE, config, rank=rank, world_size=world)
    _loop.append(_made(kind, batches, config, folder / f"rank-{rank}"))


def _made(kind: str, batches: BlockBatches, config: TrainingConfig, folder: Path) -> Loop:
    folder.mkdir()
    model = build_masked(SHAPE, seed=_SEED)
    if kind == TRAINER:
        return TrainerLoop(model, batches, config, folder)
    if kind == DDP:
        return BareDistributedLoop(MaskedObjective(model), batches, config)
    if kind == BARE:
        return BareDeepSpeedLoop(MaskedObjective(model), batches, config)
    engine = DeepSpeedEngine(
        MaskedObjective(model), config, _CPU, zero_stage=STAGE, dtype=torch.float32
    )
    return OurLoop(model, batches, config, folder / "metrics.jsonl", engine)


class BareDeepSpeedLoop:
    """DeepSpeed's own engine, called by hand: no journal, no schedule, no checks, tensors ready."""

    def __init__(self, objective: nn.Module, batches: BlockBatches, config: TrainingConfig) -> None:
        self.ready = ReadyBatches(batches)
        told = deepspeed_config(
            config,
            world_size=dist.get_world_size() if dist.is_initialized() else 1,
            zero_stage=STAGE,
            dtype=torch.float32,
            n_parameters=sum(value.numel() for value in objective.parameters()),
        )
        self.engine, *_ = import_deepspeed(_CPU).initialize(
            model=objective,
            optimizer=adamw(dict(objective.named_parameters()), config),
            config=told,
            dist_init_required=False,
        )

    def run(self, n: int) -> Steps:
        """Take the next `n` steps."""
        steps = Steps()
        for batch in self.ready.next(n):
            loss = self.engine(**batch)
            self.engine.backward(loss)
            self.engine.step()
            steps.add(_mean(loss.detach()))
        return steps


class BareDistributedLoop:
    """torch's own data-parallel training, written by hand."""

    def __init__(self, objective: nn.Module, batches: BlockBatches, config: TrainingConfig) -> None:
        self.ready = ReadyBatches(batches)
        self.parameters = list(objective.parameters())
        self.forward: nn.Module = objective.train()
        self.clip_norm = config.clip_norm
        self.optimizer = adamw(dict(objective.named_parameters()), config)
        if dist.is_initialized():
            self.forward = DistributedDataParallel(objective)

    def run(self, n: int) -> Steps:
        """Take the next `n` steps."""
        steps = Steps()
        for batch in self.ready.next(n):
            loss = self.forward(**batch)
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            steps.add(_mean(loss.detach()))
        return steps


def _mean(loss: Any) -> float:
    """Return the mean loss of all ranks, as every loop that is watched has to work it out."""
    if dist.is_initialized() and dist.get_world_size() > 1:
        dist.all_reduce(loss)
        loss = loss / dist.get_world_size()
    return float(loss)
