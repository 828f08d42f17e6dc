"""What a pretraining may choose beside its numbers: where it starts, how it computes and keeps.

Jobs that choose nothing of it keep the keys they had before there was a choice.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from kblib.errors import JobError

SCHEDULES = ("linear", "cosine")
DTYPES = ("fp32", "bf16", "fp16")
OFFLOADS = ("cpu",)


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The choices of a pretraining, each with what is usual."""

    continue_from: str | None = None
    schedule: str = "linear"
    final_learning_rate: float = 0.0
    beta2: float = 0.98
    dtype: str | None = None
    activation_checkpointing: bool = False
    offload: str | None = None
    whole_words: bool = False
    keep: int = 2


CHOICES = tuple(field.name for field in fields(Choices))
_USUAL = {field.name: field.default for field in fields(Choices)}


def check_choices(job: Any) -> None:
    """Check that each choice is one there is, and that they fit each other.

    Raises
    ------
    JobError
        Naming the first that does not, with one that does.
    """
    _check_names(job)
    for name in ("activation_checkpointing", "whole_words"):
        if not isinstance(getattr(job, name), bool):
            raise _refused(job, name, "True or False was expected.")
    if isinstance(job.keep, bool) or not isinstance(job.keep, int) or job.keep < 1:
        raise _refused(job, "keep", "A whole number of checkpoints, at least 1, was expected.")
    if not _is_share(job.final_learning_rate, up_to=1.0):
        raise _refused(job, "final_learning_rate", "It is a share of learning_rate, from 0 to 1.")
    if not _is_share(job.beta2, up_to=0.999999) or job.beta2 == 0:
        raise _refused(job, "beta2", "It lies above 0 and below 1.")
    _check_they_fit(job)


def _check_names(job: Any) -> None:
    if job.schedule not in SCHEDULES:
        raise _refused(job, "schedule", f"Known are {' and '.join(SCHEDULES)}.")
    if job.dtype is not None and job.dtype not in DTYPES:
        raise _refused(job, "dtype", f"Known are {', '.join(DTYPES)}; None asks the machine.")
    if job.offload is not None and job.offload not in OFFLOADS:
        raise _refused(job, "offload", "'cpu' is the only place; None leaves it on the GPU.")


def _check_they_fit(job: Any) -> None:
    shared = job.engine == "deepspeed" and job.zero_stage > 0
    if job.offload and not shared:
        raise JobError(
            f"Pretrain got offload='{job.offload}' with engine='{job.engine}', "
            f"zero_stage={job.zero_stage}.",
            "What is kept in the node's memory is what DeepSpeed's ZeRO shares out.",
            'kb.Pretrain(..., engine="deepspeed", zero_stage=2, offload="cpu")',
        )
    if job.dtype == "fp16" and not shared:
        raise JobError(
            f"Pretrain got dtype='fp16' with engine='{job.engine}', zero_stage={job.zero_stage}.",
            "fp16 needs a scaled loss, which DeepSpeed keeps with ZeRO stage 1 and above.",
            'kb.Pretrain(..., engine="deepspeed", zero_stage=1, dtype="fp16"), or dtype="bf16"',
        )


def _is_share(value: Any, *, up_to: float) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value <= up_to


def _refused(job: Any, name: str, expected: str) -> JobError:
    example = f"kb.Pretrain(..., {name}={_USUAL[name]!r})"
    return JobError(f"Pretrain got {name}={getattr(job, name)!r}.", expected, example)
