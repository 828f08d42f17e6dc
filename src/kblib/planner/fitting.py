"""Whether a job fits into the GPUs of a site, and what to change where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pandas as pd

from kblib.errors import PlanError
from kblib.jobs.specs import Pretrain
from kblib.planner.memory import DEEPSPEED_BUCKET, Memory, Setting, memory_per_gpu

STAGES = (0, 1, 2, 3)


@dataclass(frozen=True)
class Fit:
    """What each GPU must hold, at the stage of the job and at the others.

    Parameters
    ----------
    memory
        At the job's own stage.
    stages
        At every stage, beginning with none.
    gpus
        That share.
    gpu_memory_gib
        Of one of them.
    """

    memory: Memory
    stages: tuple[Memory, ...]
    gpus: int
    gpu_memory_gib: float

    @property
    def fits(self) -> bool:
        """Whether it does."""
        return self.memory.needed_gib <= self.gpu_memory_gib

    @property
    def table(self) -> pd.DataFrame:
        """One row a ZeRO stage: GiB of states and in all, what is left, whether it fits."""
        rows = [
            (
                one.setting.zero,
                round(one.states_gib, 1),
                round(one.needed_gib, 1),
                round(self.gpu_memory_gib - one.needed_gib, 1),
                one.needed_gib <= self.gpu_memory_gib,
            )
            for one in self.stages
        ]
        columns = ["ZeRO stage", "weights, gradients, optimiser", "all", "left", "fits"]
        return pd.DataFrame(rows, columns=columns)


def fit(job: Pretrain, gpus: int, gpu_memory_gib: float) -> Fit:
    """Count what each GPU holds, at every stage."""
    stages = tuple(memory_of(at_stage(job, stage), gpus) for stage in STAGES)
    return Fit(memory_of(job, gpus), stages, gpus, gpu_memory_gib)


def at_stage(job: Pretrain, stage: int) -> Pretrain:
    """Return the same job with another ZeRO stage; without one it keeps its engine."""
    if stage == 0:
        return replace(job, zero_stage=0, offload=None)
    return replace(job, engine="deepspeed", zero_stage=stage)


def memory_of(job: Pretrain, gpus: int) -> Memory:
    """Count what a GPU holds in the engine that carries the job out."""
    setting = setting_of(job, gpus)
    given = {name: getattr(setting, name) for name in Setting.__dataclass_fields__}
    return memory_per_gpu(job.shape, **given)


def setting_of(job: Pretrain, gpus: int) -> Setting:
    """Return how the engines train a job, as far as memory goes."""
    # torch's data parallelism keeps a second copy of all gradients as its buckets
    everything = job.shape.parameters()
    return Setting(
        micro_batch_size=micro_batch_size(job, gpus),
        seq_len=job.seq_len,
        dp=gpus,
        zero=job.zero_stage,
        dtype=job.dtype or "bf16",
        autocast=job.zero_stage == 0 and job.dtype != "fp32",
        activation_checkpointing=job.activation_checkpointing,
        offload=job.offload,
        guessed=job.mask_rate if job.shape.objective == "masked" else 1.0,
        bucket_size=everything if job.engine == "torch" else min(DEEPSPEED_BUCKET, everything),
    )


def micro_batch_size(job: Pretrain, gpus: int) -> int:
    """Return the blocks that go through the model of one GPU at once."""
    return max(1, job.batch_size // (gpus * job.grad_accum_steps))


def check_fits(job: Pretrain, found: Fit, site: str, nodes: int) -> None:
    """Refuse a job that does not fit.

    Raises
    ------
    PlanError
        With the numbers, and with the next thing that would fit.
    """
    if found.fits:
        return
    there, memory = found.gpu_memory_gib, found.memory
    where = f"with {_stage(job)} on {_gpus(found.gpus)}"
    if memory.states_gib > there - memory.context_gib:
        happened = (
            f"{job.shape.parameters() / 1e9:.1f} B parameters need {memory.states_gib:.1f} GiB per "
            f"GPU for weights, gradients and optimiser {where}; {there:.1f} GiB are there."
        )
    else:
        happened = (
            f"{job.shape} needs {memory.needed_gib:.1f} GiB per GPU {where}, "
            f"{memory.needed_gib - memory.states_gib:.1f} of them for what passes through it; "
            f"{there:.1f} GiB are there."
        )
    raise PlanError(happened, "", _advice(job, found, f'site="{site}", nodes={nodes}'))


def _advice(job: Pretrain, found: Fit, where: str) -> str:
    later = [one for one in found.stages if one.setting.zero > job.zero_stage]
    told = "; ".join(_told(one, found.gpu_memory_gib) for one in later)
    fitting = [one for one in later if one.needed_gib <= found.gpu_memory_gib]
    if fitting:
        return f"{told}. Try kb.plan(job, {where}, zero_stage={fitting[0].setting.zero})."
    for change, changed in _changes(job, found.gpus):
        if memory_of(changed, found.gpus).needed_gib <= found.gpu_memory_gib:
            return f"{told + '. ' if told else ''}It fits with kb.Pretrain(..., {change})."
    needs = f"{told}. " if told else ""
    return f"{needs}More nodes share more: at {where} nothing fits."


def _told(one: Memory, there: float) -> str:
    needs = f"ZeRO-{one.setting.zero} needs {one.needed_gib:.1f}"
    left = there - one.needed_gib
    return f"{needs} and leaves {left:.1f}" if left >= 0 else needs


def _changes(job: Pretrain, gpus: int) -> Iterator[tuple[str, Pretrain]]:
    """Yield what a job could change, the mildest first."""
    best = replace(at_stage(job, 3), offload=job.offload)
    stage = 'engine="deepspeed", zero_stage=3'
    pieces = job.batch_size // gpus
    yield f"{stage}, grad_accum_steps={pieces}", replace(best, grad_accum_steps=pieces)
    again = replace(best, grad_accum_steps=pieces, activation_checkpointing=True)
    more = f"{stage}, grad_accum_steps={pieces}, activation_checkpointing=True"
    yield more, again
    yield f'{more}, offload="cpu"', replace(again, offload="cpu")


def _stage(job: Pretrain) -> str:
    return f"ZeRO-{job.zero_stage}" if job.zero_stage else "every GPU holding the whole model"


def _gpus(number: int) -> str:
    return "1 GPU" if number == 1 else f"{number} GPUs"
