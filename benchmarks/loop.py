"""Tokens a second of the training loop, beside a bare loop and transformers' Trainer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import torch
from transformers import PreTrainedModel
from transformers.utils import logging

from benchmarks.loops import BareLoop, Loop, OurLoop
from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.pairs import Pair, Turn, ratio_of, take_turns
from benchmarks.tables import Cell
from benchmarks.trainer import TrainerLoop
from kblib.corpora import load_sample, newsreel_filters
from kblib.jobs.prepare import Prepared, prepare
from kblib.jobs.processes import rank_environments
from kblib.jobs.specs import Pretrain
from kblib.models.build import build_masked
from kblib.models.shape import ModelShape
from kblib.training.batches import BlockBatches
from kblib.training.config import TrainingConfig

SHAPE = ModelShape(4, 4, 256, architecture="bert", vocab_size=30_522, seq_len=128)
CONFIG = TrainingConfig(
    steps=1_000_000,  # never reached: each turn stops after its few steps
    seq_len=SHAPE.seq_len,
    batch_size=16,
    learning_rate=1e-4,
    warmup_steps=1,
    final_learning_rate=1.0,
    eval_every=1_000_000,
    save_every=1_000_000,
    mask_rate=0.15,
)
TOLERANCE_NATS = 1e-4
_COMPARED_STEPS = 2
_SEED = 1


@dataclass(frozen=True)
class Rival:
    """What ours is compared with.

    Parameters
    ----------
    name
        As the table calls it.
    pairs, steps
        How many pairs, and how many steps of each are timed after one to warm up.
    bar
        How many times as fast ours must be at least, or None where that is only of interest.
    """

    name: str
    pairs: int
    steps: int
    bar: float | None = None


BARE = Rival("bare PyTorch loop with the same head", pairs=41, steps=4, bar=0.97)
FULL = Rival("bare PyTorch loop with the full head", pairs=9, steps=2)
TRAINER = Rival("transformers' Trainer with its full head", pairs=15, steps=2, bar=2.5)
OURS = "this project's loop"
Found = Mapping[Rival, list[Pair]]


def measure(*, quick: bool = False) -> Outcome:
    """Let ours take turns with each of the others, in processes of two kinds.

    Beside the bare loop both have the environment of a rank: large blocks stay with the allocator.
    Elsewhere each step maps and unmaps its tables of logits, and which of two equal loops that
    costs more is an accident of the process. Trainer runs as its users start it, and ours with it.
    """
    found: Found = {}
    losses: list[float] = []
    for rivals, environment in (
        ((BARE,), rank_environments(1, os.environ)[0]),
        ((FULL, TRAINER), dict(os.environ)),
    ):
        some, losses = _in_a_process(rivals, environment, quick=quick)
        found = {**found, **some}
    result = measured(
        "loop",
        "Training loop",
        ["loop", "tokens/s", "ours / it", "95 % interval", "wanted", "pairs"],
        _rows(found, _config(quick=quick)),
        _note(_config(quick=quick), losses[0]),
        ["torch", "transformers", "accelerate"],
    )
    return Outcome(result, missed(found))


def _in_a_process(
    rivals: tuple[Rival, ...], environment: Mapping[str, str], *, quick: bool
) -> tuple[Found, list[float]]:
    """Compare in a new process that has an environment; the allocator reads it at its start."""
    before = dict(os.environ)
    numbers = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
    os.environ.update({k: v for k, v in environment.items() if k not in numbers})
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            return process.submit(_compare, rivals, quick=quick).result()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _compare(rivals: tuple[Rival, ...], *, quick: bool) -> tuple[Found, list[float]]:
    """Check that all loops do the same work, then let ours take turns with each of the others."""
    data = prepare(job())
    timed = [replace(rival, pairs=6, steps=1) if quick else rival for rival in rivals]
    with tempfile.TemporaryDirectory() as folder:
        ours, others = build_loops(SHAPE, _config(quick=quick), data, Path(folder))
        losses = first_losses({OURS: ours, **others})
        found = {
            rival: take_turns(
                _turn(ours, rival.steps), _turn(others[rival.name], rival.steps), rival.pairs
            )
            for rival in timed
        }
    return found, losses


def _config(*, quick: bool) -> TrainingConfig:
    return replace(CONFIG, batch_size=2) if quick else CONFIG


def job() -> Pretrain:
    """Return the job whose tokens are read: the cleaned newsreels in pieces of `SHAPE`."""
    films = load_sample("newsreels").filter(*newsreel_filters())
    return Pretrain(films, SHAPE, steps=1, seq_len=SHAPE.seq_len, mask_rate=CONFIG.mask_rate)


def build_loops(
    shape: ModelShape, config: TrainingConfig, data: Prepared, folder: Path
) -> tuple[Loop, dict[str, Loop]]:
    """Return our loop and the others by name, each with a model of the same weights."""
    logging.set_verbosity_error()
    batches = BlockBatches(data.train, data.tokenizer, shape, config)

    def model() -> PreTrainedModel:
        return build_masked(shape, seed=_SEED)

    return OurLoop(model(), batches, config, folder / "metrics.jsonl"), {
        BARE.name: BareLoop(model(), batches, config),
        FULL.name: BareLoop(model(), batches, config, full_head=True),
        TRAINER.name: TrainerLoop(model(), batches, config, folder),
    }


def first_losses(loops: Mapping[str, Loop]) -> list[float]:
    """Take the first steps with every loop; return their losses, which are the same.

    Raises
    ------
    BenchmarkError
        If a loss differs by more than `TOLERANCE_NATS`: then it is not the same work.
    """
    losses = {name: loop.run(_COMPARED_STEPS).losses for name, loop in loops.items()}
    for step, of_step in enumerate(zip(*losses.values(), strict=True), start=1):
        if max(of_step) - min(of_step) > TOLERANCE_NATS:
            told = ", ".join(f"{name} {values[step - 1]:.5f}" for name, values in losses.items())
            raise BenchmarkError(
                f"The loops do not do the same work. Losses of step {step}: {told}."
            )
    return next(iter(losses.values()))


def _turn(loop: Loop, steps: int) -> Turn:
    return lambda: loop.run(steps + 1).seconds


def _rows(found: Found, config: TrainingConfig) -> list[list[Cell]]:
    a_step = config.batch_size * config.seq_len
    rival, pairs = next(iter(found.items()))  # as a run is: the bare loop comes first
    ours = [rival.steps * a_step / pair.ours for pair in pairs]
    rows: list[list[Cell]] = [[OURS, round(median(ours)), "", "", "", ""]]
    for rival, pairs in found.items():
        theirs = median(rival.steps * a_step / pair.other for pair in pairs)
        ratio = ratio_of(pairs)
        interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
        wanted = "" if rival.bar is None else f"at least {rival.bar:g}"
        rows.append([rival.name, round(theirs), f"{ratio.value:.3f}", interval, wanted, len(pairs)])
    return rows


def missed(found: Found) -> tuple[str, ...]:
    """Return a sentence for each bar that the lower end of an interval does not reach."""
    low = {rival: ratio_of(pairs).low for rival, pairs in found.items()}
    return tuple(
        f"Missed: at the lower end of the interval the loop has {low[rival]:.3f} times the "
        f"tokens/s of the {rival.name}; at least {rival.bar:g} was wanted."
        for rival in found
        if rival.bar is not None and low[rival] < rival.bar
    )


def _note(config: TrainingConfig, loss: float) -> str:
    return (
        f"BERT {SHAPE.n_layer} x {SHAPE.n_embd}, vocabulary {SHAPE.vocab_size:,}, "
        f"{config.batch_size} x {config.seq_len} packed newsreel tokens a step, "
        f"{config.mask_rate:.0%} masked, float32, {torch.get_num_threads()} threads. Ours reads "
        "and masks its blocks and writes its journal as in a run; the others get their tensors "
        "ready. Beside the bare loop with the same head both have the memory settings that a run "
        "gives its ranks, beside the others both have none. All begin with the same weights and "
        "batches and agree in the losses of the first "
        f"{_COMPARED_STEPS} steps within {TOLERANCE_NATS:g} nats (the first: {loss:.4f}). Pairs "
        "took turns, first one, then the other ahead, each turn after a step to warm up; the "
        "ratio is the median of the pairs, its interval is by the binomial. Setting up, evaluation "
        "and checkpoints are not counted. The bare loop with the full head shows how much of the "
        "lead over Trainer the head makes."
    )
