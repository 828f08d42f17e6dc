"""What a run has taken: hours of its attempts, and the GPU-hours that a site counts for them.

A site bills the GPUs that a job holds on all its nodes, used or not. Where none are held, on nodes
without any and on this machine, each process counts as if it had one: a budget has to be of
something there too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kblib.runs.folder import RunFolder


def gpus_held(config: Mapping[str, Any]) -> int:
    """Return the GPUs that an attempt holds on all its nodes; of a batch, its head."""
    asked = config.get("resources", {})
    return int(asked.get("nodes") or 0) * int(asked.get("gpus_per_node") or 0)


def counted(config: Mapping[str, Any]) -> int:
    """Return what each hour of a training counts: the GPUs that it holds, or else its ranks."""
    return gpus_held(config) or int(config.get("ranks") or 0)


def begun(attempt: Mapping[str, Any]) -> float:
    """Return when an attempt had its machines for itself (Unix seconds)."""
    return float(attempt.get("begun", attempt["submitted"]))


def seconds_of(run: RunFolder, records: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return how long each of a run's attempts took, as its records say (s).

    One whose driver could not tell the end lasted until it was last heard; one that was never
    heard, until the next one began.
    """
    ends: list[Any] = [one.get("ended") for one in records]
    if None in ends:
        ends = _with_last_words(run, records)
    pairs = zip(records, ends, strict=True)
    return [max(0.0, float(end or 0.0) - begun(one)) for one, end in pairs]


def _with_last_words(run: RunFolder, records: Sequence[Mapping[str, Any]]) -> list[float]:
    state = run.written_state()
    heard = {state.attempt: state.heartbeat}
    if any(one.get("ended") is None and one["attempt"] not in heard for one in records):
        heard = _times(run.metrics()) | heard
    following = [*(float(one["submitted"]) for one in records[1:]), math.inf]
    found = []
    for one, after in zip(records, following, strict=True):
        last = heard.get(int(one["attempt"])) or (after if after < math.inf else state.heartbeat)
        found.append(float(one.get("ended") or min(last, after)))
    return found


def _times(lines: Iterable[Mapping[str, Any]]) -> dict[int, float]:
    """Return when each attempt was last heard in the journal."""
    told = (line for line in lines if "time" in line)
    return {int(line.get("attempt", 0)): float(line["time"]) for line in told}


def spent_gpu_hours(run: RunFolder, *, before: int | None = None) -> float:
    """Return the GPU-hours of a run's attempts; waiting in a queue costs nothing.

    Parameters
    ----------
    before
        Only of the attempts before this one.
    """
    config = run.config()
    if "pool" in config:
        return _told_by_heads(run, before)
    records = run.attempt_records()
    seconds = seconds_of(run, records)
    taken = [s for one, s in zip(records, seconds, strict=True) if _is_before(one, before)]
    return counted(config) * sum(taken) / 3600


def _is_before(about: Mapping[str, Any], attempt: int | None) -> bool:
    return attempt is None or int(about.get("attempt", 0)) < attempt


def _told_by_heads(run: RunFolder, before: int | None) -> float:
    """Return what the heads of a batch have counted of its workers, once they had heard of them."""
    told = (one for one in reversed(run.metrics()) if "gpu_hours" in one)
    return next((float(one["gpu_hours"]) for one in told if _is_before(one, before)), 0.0)


def gpus_of_a_worker(config: Mapping[str, Any]) -> float:
    """Return the GPUs that one process of a batch holds; 1 where there is none."""
    asked = config["pool"].get("resources", {})
    held, processes = int(asked.get("gpus_per_node") or 0), int(asked.get("ranks_per_node") or 1)
    return held / processes or 1.0
