"""How long the ranks talk to each other in a step, measured in one of many by torch's profiler.

The profiler sees the traffic of every engine alike, that of torch and that of DeepSpeed. Much of it
goes on while gradients are still computed, so the seconds of traffic are a part of the seconds of
computing, not another term of the sum.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch.profiler import ProfilerActivity, profile

T = TypeVar("T")


def seconds_of_traffic(work: Callable[[], T]) -> tuple[T, float]:
    """Do some work; return what it gave, and the seconds in which ranks exchanged something."""
    wanted = [ProfilerActivity.CPU]
    if torch.cuda.is_available():
        wanted.append(ProfilerActivity.CUDA)
    with profile(activities=wanted) as profiler:
        found = work()
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in profiler.events() or ()
        if _is_traffic(event.name.lower(), on_a_gpu=event.device_type.name == "CUDA")
    ]
    return found, covered(spans) / 1e6


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Return the length that spans cover together; where they overlap it counts once."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def _is_traffic(name: str, *, on_a_gpu: bool) -> bool:
    """Say so of gloo's own spans, and of NCCL's kernels; their launch takes no time to speak of."""
    return name.startswith("nccl") if on_a_gpu else name.startswith("gloo:")
