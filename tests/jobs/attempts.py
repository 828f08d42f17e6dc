"""One attempt at a training, in this very process: quick, and open to whatever a test injects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from kblib.corpora import Corpus
from kblib.jobs.pretrain import Pretraining
from kblib.jobs.rank import Ranks
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder


def tiny_causal(films: Corpus, *, steps: int, **changes: Any) -> Pretrain:
    """Return a training of a second: a causal model of one layer, looked at twice."""
    shape = ModelShape(1, 2, 16, "gpt_neox", vocab_size=280, seq_len=64)
    numbers = {"seq_len": 16, "batch_size": 4, "learning_rate": 1e-2, "valid": 0.1, "test": 0.1}
    every = {"eval_every": steps // 2, "save_every": steps // 2}
    return Pretrain(films, shape, steps=steps, **{**numbers, **every, **changes})


def new_run(path: Path, job: Pretrain) -> RunFolder:
    saved = job.with_saved_corpus().to_dict()
    return RunFolder.create(path, {"job": saved, "site": "local", "ranks": 1})


def attempt(run: RunFolder, stop: Callable[[], bool] = lambda: False) -> int:
    """Carry out the next attempt of a run; return the exit code."""
    number = len(run.attempt_records()) + 1
    run.begin_attempt(number - 1, {})
    ranks = Ranks(0, 1, torch.device("cpu"))
    return Pretraining(run, number, ranks).carry_out(stop)  # type: ignore[arg-type]


def losses(run: RunFolder) -> dict[int, float]:
    """Return the loss of each step; what was done again counts once."""
    return {line["step"]: line["loss"] for line in run.metrics() if "loss" in line}


def events(run: RunFolder, kind: str) -> list[dict[str, Any]]:
    return [line for line in run.metrics() if line.get("event") == kind]
