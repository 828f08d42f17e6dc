"""Measure how fast this machine trains a shape.

``python -m kblib.jobs.measure '{"shape": {...}, "config": {...}}'`` prints JSON. A process of its
own, so that a planner without torch can ask. Random weights and random tokens: speed does not
depend on what the numbers are.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import torch

from kblib.models.build import build_model
from kblib.models.shape import ModelShape
from kblib.training.batches import RandomBatches
from kblib.training.config import TrainingConfig
from kblib.training.engine import TorchEngine
from kblib.training.objective import objective_for

_WARM_UP_STEPS = 2
_LEAST_STEPS = 4


def seconds_a_step(step: Callable[[int], object], *, budget_s: float) -> float:
    """Return the median seconds of a step.

    Two steps to warm up, then as many as fit into the budget, at least four.
    """
    for number in range(_WARM_UP_STEPS):
        step(number)
    seconds: list[float] = []
    while len(seconds) < _LEAST_STEPS or sum(seconds) < budget_s:
        began = time.perf_counter()
        step(_WARM_UP_STEPS + len(seconds))
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[len(seconds) // 2]


def measure_shape(shape: ModelShape, config: TrainingConfig, *, budget_s: float = 4.0) -> float:
    """Return tokens a second of training `shape` on this machine, one rank, with random tokens."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    objective = objective_for(build_model(shape, dropout=0.0, seed=0), shape)
    engine = TorchEngine(objective, config, device)
    batches = RandomBatches(shape, config)
    seconds = seconds_a_step(lambda step: engine.step(batches.step(step), 1e-4), budget_s=budget_s)
    return config.batch_size * config.seq_len / seconds


def main(arguments: list[str]) -> int:
    """Measure what the command line asks for and print tokens a second and threads."""
    asked = json.loads(arguments[0])
    config = TrainingConfig(
        steps=1, learning_rate=1e-4, warmup_steps=1, eval_every=1, save_every=1, **asked["config"]
    )
    rate = measure_shape(ModelShape.from_dict(asked["shape"]), config)
    sys.stdout.write(json.dumps({"tokens_per_s": rate, "threads": torch.get_num_threads()}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
