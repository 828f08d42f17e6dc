"""The training loop: the same for every engine, every model, one rank or many."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch

from kblib.errors import TrainingError
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch, Engine, StepOutcome
from kblib.training.schedule import learning_rate
from kblib.training.spikes import SpikeGuard
from kblib.training.traffic import seconds_of_traffic

_RATE_WINDOW = 50
"""Steps over which tokens a second are averaged.

Long enough to be calm, short enough to see a slow disk.
"""


class Batches(Protocol):
    """What the loop reads: the micro-batches of a step for one rank."""

    def step(self, step: int) -> Sequence[Batch]:
        """Return the micro-batches of step `step` (0 is the first)."""


def train(
    engine: Engine,
    batches: Batches,
    config: TrainingConfig,
    *,
    first_step: int,
    record: Callable[[Mapping[str, Any]], None],
    evaluate: Callable[[], Mapping[str, float]],
    save: Callable[[int], None],
    stop: Callable[[], bool],
    guard: SpikeGuard | None = None,
) -> int:
    """Train from `first_step` to `config.steps`, or until `stop` says so; return the steps done.

    Parameters
    ----------
    record
        Takes one record a step, one an evaluation and one a checkpoint. The loss of a step is that
        before its update.
    evaluate
        Scores the model on held-out text.
    save
        Writes the checkpoint of a step. Called every `config.save_every` steps, at the end, and
        before stopping.
    stop
        Asked once a step after the update, and again after an evaluation; a checkpoint is written
        before the loop returns.
    guard
        Undoes loss spikes; by default nothing does.

    Raises
    ------
    TrainingError
        If loss or gradient is no longer a finite number. Nothing of that step is saved.
    """
    clock = _Clock(config.batch_size * config.seq_len)
    step = first_step
    while step < config.steps:
        rate = learning_rate(config, step)
        reads = guard.data_step(step) if guard else step
        outcome = _step(engine, batches, config, reads, step, clock, stop)
        _check_finite(outcome, step)
        if guard and (spike := guard.look(step, outcome.loss, outcome.grad_norm)):
            record(_step_record(outcome, step + 1, rate, clock, config))
            step = guard.undo(spike)
            continue
        if guard:
            guard.remember(step, outcome.loss, outcome.grad_norm)
        step, stopping = step + 1, outcome.stopping
        record(_step_record(outcome, step, rate, clock, config))
        if step % config.eval_every == 0 or step == config.steps:
            scores, seconds = _timed(evaluate)
            record({"step": step, **scores, "evaluation_s": seconds})
            stopping = stopping or engine.any_rank(stop())
        if stopping or step % config.save_every == 0 or step == config.steps:
            _, seconds = _timed(partial(save, step))
            record({"step": step, "checkpoint_s": seconds})
        if stopping:
            return step
    return config.steps


def _step(
    engine: Engine,
    batches: Batches,
    config: TrainingConfig,
    reads: int,
    step: int,
    clock: _Clock,
    stop: Callable[[], bool],
) -> StepOutcome:
    """Read and do one step, and take its time; now and then also that of the traffic in it."""
    seed_step(config.seed, step, engine.rank)
    clock.start()
    found = batches.step(reads)
    clock.has_data()
    work = partial(engine.step, found, learning_rate(config, step), stop)
    if engine.world_size > 1 and (step + 1) % config.eval_every == 0:
        outcome, clock.communication_s = seconds_of_traffic(work)
    else:
        outcome, clock.communication_s = work(), None
    clock.stop()
    return outcome


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = work()
    return found, round(time.perf_counter() - began, 4)


def seed_step(seed: int, step: int, rank: int) -> None:
    """Set torch's generator (dropout) from seed, step and rank: its state is never saved."""
    mixed = np.random.SeedSequence((seed, step, rank)).generate_state(1, np.uint64)[0]
    torch.manual_seed(int(mixed))


def _check_finite(outcome: StepOutcome, step: int) -> None:
    if math.isfinite(outcome.loss) and math.isfinite(outcome.grad_norm):
        return
    raise TrainingError(
        f"At step {step + 1} the loss is {outcome.loss} and the gradient norm {outcome.grad_norm}.",
        "Both should be finite numbers; the checkpoints before this step are untouched.",
        "Try half the learning rate or a longer warm-up, in a new job.",
    )


def _step_record(
    outcome: StepOutcome, done: int, rate: float, clock: _Clock, config: TrainingConfig
) -> dict[str, Any]:
    traffic = clock.communication_s
    return {
        "step": done,
        "loss": outcome.loss,
        "learning_rate": rate,
        "grad_norm": outcome.grad_norm,
        "tokens": done * clock.tokens_a_step,
        "tokens_per_s": round(clock.tokens_per_s, 1),
        "data_s": round(clock.data_s, 4),
        "compute_s": round(clock.compute_s, 4),
        **({} if traffic is None else {"communication_s": round(traffic, 4)}),
        "seconds_left": round((config.steps - done) * clock.tokens_a_step / clock.tokens_per_s, 1),
        "time": time.time(),
    }


class _Clock:
    """Seconds of a step, and tokens a second over the last ones.

    Evaluation and saving do not count, nor does a step in which the traffic was measured.
    """

    def __init__(self, tokens_a_step: int) -> None:
        self.tokens_a_step = tokens_a_step
        self.data_s = self.compute_s = 0.0
        self.communication_s: float | None = None
        self._seconds: deque[float] = deque(maxlen=_RATE_WINDOW)
        self._began = self._ready = 0.0

    def start(self) -> None:
        self._began = time.perf_counter()

    def has_data(self) -> None:
        self._ready = time.perf_counter()

    def stop(self) -> None:
        ended = time.perf_counter()
        self.data_s, self.compute_s = self._ready - self._began, ended - self._ready
        if self.communication_s is None or not self._seconds:
            self._seconds.append(ended - self._began)

    @property
    def tokens_per_s(self) -> float:
        return self.tokens_a_step * len(self._seconds) / max(sum(self._seconds), 1e-9)
