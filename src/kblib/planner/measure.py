"""Measuring a rate where none is known: a few seconds of real training in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from kblib.errors import PlanError
from kblib.jobs.processes import rank_environments
from kblib.jobs.rates import Rate, keep_rate
from kblib.jobs.specs import Pretrain

_PATIENCE_S = 300.0
"""Importing torch from a slow disk takes a minute; a few steps of a large model take more."""


def measure_here(job: Pretrain) -> Rate:
    """Train for a few seconds with random tokens in a process of its own and write the rate down.

    Raises
    ------
    PlanError
        If the measurement fails, with its last line.
    """
    asked = {
        "shape": job.shape.to_dict(),
        "config": {
            "seq_len": job.seq_len,
            "batch_size": job.batch_size,
            "grad_accum_steps": job.grad_accum_steps,
            "mask_rate": job.mask_rate,
        },
    }
    command = [sys.executable, "-m", "kblib.jobs.measure", json.dumps(asked)]
    (environment,) = rank_environments(1, os.environ)  # threads and memory as in a run
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=_PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        raise _not_measured(job, f"it was not over after {_PATIENCE_S:g} s.") from None
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise _not_measured(job, last)
    answer = json.loads(done.stdout.splitlines()[-1])
    threads = answer["threads"]
    on = "1 thread" if threads == 1 else f"{threads} threads"
    source = f"measured here with random tokens on {on}"
    return keep_rate(job, "local", 1, answer["tokens_per_s"], source)


def _not_measured(job: Pretrain, why: str) -> PlanError:
    return PlanError(
        f"The rate of {job.shape} could not be measured here: {why}",
        "A few seconds of training were expected.",
        "Is the training part installed? python -m kblib doctor",
    )
