"""A whole run with DeepSpeed on this machine, against the same job with torch's engine."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from kblib.cluster import Run, submit
from kblib.jobs.specs import Pretrain
from kblib.training.precision import choose_dtype
from tests.watching import PATIENCE_S, losses

pytest.importorskip("deepspeed", reason="DeepSpeed comes with the extra 'cluster'")


@pytest.fixture(scope="module")
def shared(job: Pretrain) -> Run:
    """Give the run of the short job whose weights a rank holds in parts only."""
    return submit(replace(job, engine="deepspeed", zero_stage=3)).wait(2 * PATIENCE_S)


@pytest.fixture(scope="module")
def tolerance() -> float:
    """Give nats after 60 steps: rounding, or that of weights in bfloat16 where there are units."""
    return 1e-3 if choose_dtype(torch.device("cpu")) == torch.float32 else 0.05


def test_losses_of_a_run_are_those_of_torch(
    shared: Run, uninterrupted: Run, tolerance: float
) -> None:
    assert losses(shared) == pytest.approx(losses(uninterrupted), abs=tolerance)


def test_evaluations_are_those_of_torch(shared: Run, uninterrupted: Run, tolerance: float) -> None:
    """Evaluation goes through a model of which each rank has a part."""
    plain, parts = (run.metrics()["eval_loss"].dropna() for run in (uninterrupted, shared))
    assert list(plain.index) == list(parts.index) != []
    assert list(parts) == pytest.approx(list(plain), abs=tolerance)


def test_result_is_the_whole_model(
    shared: Run, uninterrupted: Run, job: Pretrain, tolerance: float
) -> None:
    assert shared.result().shape == job.shape
    plain, parts = (
        json.loads((run.folder / "result" / "model" / "scores.json").read_text())
        for run in (uninterrupted, shared)
    )
    assert parts["n"] == plain["n"] > 0
    assert parts["loss"] == pytest.approx(plain["loss"], abs=tolerance)
    assert parts["loss"] < math.log(job.shape.vocab_size)


@pytest.mark.slow
def test_two_ranks_go_on_from_a_model_that_one_of_them_reads(
    uninterrupted: Run, job: Pretrain, tolerance: float
) -> None:
    """Each keeps a part from the first weight on; torch's engine holds all of it."""
    origin = str(uninterrupted.folder / "result" / "model")
    further = replace(job, continue_from=origin, steps=6, warmup_steps=1, dropout=0.0)
    plain = submit(further).wait(2 * PATIENCE_S)
    shared = submit(replace(further, engine="deepspeed", zero_stage=3), ranks=2)
    assert losses(shared.wait(2 * PATIENCE_S)) == pytest.approx(losses(plain), abs=tolerance)
    assert losses(plain)[1] < losses(uninterrupted)[1] - tolerance


@pytest.mark.slow
def test_minutes_are_turned_into_steps_with_a_model_of_parts(job: Pretrain) -> None:
    """What is tried for its speed is built anew: a part of a model cannot be copied."""
    asked = replace(job, steps=None, minutes=0.05, engine="deepspeed", zero_stage=3)
    run = submit(replace(asked, warmup_steps=None, save_every=1000), ranks=2).wait(2 * PATIENCE_S)
    assert len(losses(run)) >= 1
    assert run.result().shape == job.shape
