"""The training loop: the same for every engine, every model, one rank or many."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch

from kblib.errors import TrainingError
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch, Engine, StepOutcome
from kblib.training.schedule import learning_rate

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
) -> int:
    """Train from `first_step` to `config.steps`, or until `stop` says so; return the steps done.

    Parameters
    ----------
    record
        Takes one record a step, and one an evaluation. The loss of a step is that before its
        update.
    evaluate
        Scores the model on held-out text.
    save
        Writes the checkpoint of a step. Called every `config.save_every` steps, at the end, and
        before stopping.
    stop
        Asked once a step; a checkpoint is written before the loop returns.

    Raises
    ------
    TrainingError
        If loss or gradient is no longer a finite number. Nothing of that step is saved.
    """
    clock = _Clock(config.batch_size * config.seq_len)
    for step in range(first_step, config.steps):
        clock.start()
        rate = learning_rate(config, step)
        seed_step(config.seed, step, engine.rank)
        outcome = engine.step(batches.step(step), rate)
        _check_finite(outcome, step)
        clock.stop()
        done = step + 1
        record(_step_record(outcome, done, rate, clock, config))
        if done % config.eval_every == 0 or done == config.steps:
            record({"step": done, **evaluate()})
        stopping = engine.any_rank(stop())
        if stopping or done % config.save_every == 0 or done == config.steps:
            save(done)
        if stopping:
            return done
    return config.steps


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
    return {
        "step": done,
        "loss": outcome.loss,
        "learning_rate": rate,
        "grad_norm": outcome.grad_norm,
        "tokens": done * clock.tokens_a_step,
        "tokens_per_s": round(clock.tokens_per_s, 1),
        "seconds_left": round((config.steps - done) * clock.tokens_a_step / clock.tokens_per_s, 1),
        "time": time.time(),
    }


class _Clock:
    """Tokens a second over the last steps; evaluation and saving do not count."""

    def __init__(self, tokens_a_step: int) -> None:
        self.tokens_a_step = tokens_a_step
        self._seconds: deque[float] = deque(maxlen=_RATE_WINDOW)
        self._began = 0.0

    def start(self) -> None:
        self._began = time.perf_counter()

    def stop(self) -> None:
        self._seconds.append(time.perf_counter() - self._began)

    @property
    def tokens_per_s(self) -> float:
        return self.tokens_a_step * len(self._seconds) / max(sum(self._seconds), 1e-9)
