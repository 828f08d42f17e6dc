"""The numbers of a pretraining: their defaults, and what is refused before anything is done."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from numbers import Integral, Real

from kblib.errors import JobError
from kblib.jobs.choices import CHOICES, Choices, check_choices

LENGTHS = ("steps", "tokens", "epochs", "minutes")
WHOLE = (
    "steps",
    "seq_len",
    "batch_size",
    "grad_accum_steps",
    "warmup_steps",
    "seed",
    "eval_every",
    "save_every",
    "zero_stage",
)
_POSITIVE = (
    "seq_len",
    "batch_size",
    "grad_accum_steps",
    "learning_rate",
    "eval_every",
    "save_every",
)
REAL = (
    "tokens",
    "epochs",
    "minutes",
    "learning_rate",
    "weight_decay",
    "dropout",
    "mask_rate",
    "random_rate",
    "keep_rate",
    "valid",
    "test",
    "spike_nats",
)
_MAY_BE_ABSENT = (*LENGTHS, "warmup_steps", "spike_nats")
_USUAL_LENGTHS = {"steps": 1000, "tokens": 2e9, "epochs": 6, "minutes": 2}
"""For examples in messages."""
USUAL_WARM_UP = 100
_LARGEST = 2**63 - 1
_SHARE_IN_STEPS = 0.85
"""Share of the minutes asked for that goes into steps.

The rest is set-up, evaluation and saving.
"""
_SHARES = {"mask_rate": 0.9, "valid": 0.5, "test": 0.5}
"""Shares that must be more than nothing, and their largest."""
LATER = ("isolate_documents", "sample_prompt", "spike_nats", *CHOICES)
"""What jobs of before did not have: where it is as usual nothing is said, so that keys stay."""
ENGINES = ("torch", "deepspeed")
_HIGHEST_ZERO_STAGE = 3
_SHARES_OR_NOTHING = {"dropout": 0.9, "random_rate": 0.4, "keep_rate": 0.4}


@dataclass(frozen=True, kw_only=True)
class Numbers(Choices):
    """The numbers of a pretraining that have a default."""

    steps: int | None = None
    tokens: float | None = None
    epochs: float | None = None
    minutes: float | None = None
    seq_len: int = 64
    batch_size: int = 32
    grad_accum_steps: int = 1
    learning_rate: float = 1.5e-3
    warmup_steps: int | None = None
    weight_decay: float = 0.01
    dropout: float = 0.0
    mask_rate: float = 0.25
    random_rate: float = 0.1
    keep_rate: float = 0.1
    seed: int = 1
    eval_every: int = 100
    save_every: int = 200
    valid: float = 0.03
    test: float = 0.05
    split_by: str | None = None
    engine: str = "torch"
    zero_stage: int = 0
    isolate_documents: bool = False
    sample_prompt: str | None = None
    spike_nats: float | None = 1.0
    name: str | None = None


def check_numbers(job: Numbers) -> None:
    """Check that exactly one length is given, and that each number is one that can be used.

    Raises
    ------
    JobError
        Naming the first that cannot, with an example that can.
    """
    given = [name for name in LENGTHS if getattr(job, name) is not None]
    if len(given) != 1:
        raise JobError(
            f"Pretrain got {' and '.join(given) if given else 'no length'}.",
            f"Exactly one of {', '.join(LENGTHS)} says how long to train.",
            "kb.Pretrain(corpus, shape, minutes=2)",
        )
    _check_kinds(job)
    _check_bounds(job, given[0])
    _check_shares(job)
    _check_warm_up(job)
    _check_engine(job)
    check_choices(job)
    _check_texts(job)


def steps_in(minutes: float, seconds_a_step: float) -> int:
    """Return the optimiser steps that fit into so many minutes; at least one."""
    return max(1, int(minutes * 60 * _SHARE_IN_STEPS / seconds_a_step))


def wrong(job: Numbers, name: str, expected: str) -> JobError:
    """Return the error of a number: what it is, what was expected, one that is right."""
    usual = _USUAL_LENGTHS.get(name) or next(f.default for f in fields(Numbers) if f.name == name)
    shown = USUAL_WARM_UP if usual is None else usual
    example = f"kb.Pretrain(..., {name}={shown!r})"
    return JobError(f"Pretrain got {name}={getattr(job, name)!r}.", expected, example)


def _check_kinds(job: Numbers) -> None:
    """Refuse what is no number, or none that a file and a random generator can hold."""
    for name in (*WHOLE, *REAL):
        value = getattr(job, name)
        if value is None and name in _MAY_BE_ABSENT:
            continue
        whole = name in WHOLE
        kind = Integral if whole else Real
        if isinstance(value, bool) or not issubclass(type(value), kind):
            raise wrong(job, name, f"A {'whole ' if whole else ''}number was expected.")
        if whole and value > _LARGEST:
            raise wrong(job, name, f"{_LARGEST} is the largest that is kept.")
        if not whole and value == math.inf:
            raise wrong(job, name, "A number with an end was expected.")


def _check_bounds(job: Numbers, length: str) -> None:
    for name in (length, *_POSITIVE):
        if not getattr(job, name) > 0:
            raise wrong(job, name, "It should be larger than 0.")
    for name in ("warmup_steps", "weight_decay", "seed"):
        if not (getattr(job, name) or 0) >= 0:
            raise wrong(job, name, "It should not be below 0.")


def _check_shares(job: Numbers) -> None:
    for name, top in _SHARES.items():
        if not 0 < getattr(job, name) <= top:
            raise wrong(job, name, f"It should be larger than 0, and {top} at most.")
    for name, top in _SHARES_OR_NOTHING.items():
        if not 0 <= getattr(job, name) <= top:
            raise wrong(job, name, f"It lies between 0 and {top}.")


def _check_warm_up(job: Numbers) -> None:
    """Refuse a warm-up longer than the run, where its length is known beforehand."""
    tokens_a_step = job.batch_size * job.seq_len
    steps = math.ceil(job.tokens / tokens_a_step) if job.tokens else job.steps
    if steps and job.warmup_steps and job.warmup_steps > steps:
        raise JobError(
            f"Pretrain got warmup_steps={job.warmup_steps}, and {steps} steps in all.",
            "The learning rate would never reach its top.",
            f"kb.Pretrain(..., warmup_steps={max(1, steps // 10)})",
        )


def _check_engine(job: Numbers) -> None:
    if job.engine not in ENGINES:
        raise wrong(job, "engine", f"The engines are {' and '.join(ENGINES)}.")
    if not 0 <= job.zero_stage <= _HIGHEST_ZERO_STAGE:
        raise wrong(job, "zero_stage", f"ZeRO has the stages 0 to {_HIGHEST_ZERO_STAGE}.")
    if job.zero_stage and job.engine != "deepspeed":
        raise JobError(
            f"Pretrain got zero_stage={job.zero_stage} with engine='{job.engine}'.",
            "ZeRO is DeepSpeed's; every rank of torch's engine holds the whole model.",
            f'kb.Pretrain(..., engine="deepspeed", zero_stage={job.zero_stage})',
        )


def _check_texts(job: Numbers) -> None:
    if not isinstance(job.isolate_documents, bool):
        raise wrong(job, "isolate_documents", "True or False was expected.")
    if job.spike_nats is not None and not job.spike_nats > 0:
        raise wrong(job, "spike_nats", "It should be larger than 0, or None to undo no spikes.")
    if job.sample_prompt is not None and not isinstance(job.sample_prompt, str):
        raise wrong(job, "sample_prompt", "The beginning of a text was expected, or None.")
