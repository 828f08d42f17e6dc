"""Watching runs from outside: what tests of survival, views and browsers share."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from kblib.cluster import Run

PATIENCE_S = 120.0
SLOW_S = 300.0
"""Longest wait in a browser: a machine may be busy, and importing torch takes its time."""
_TRAINING = {"kblib.jobs.pretrain", "kblib.jobs.finetune"}


def losses(run: Run) -> dict[int, float]:
    """Return the training loss of each step."""
    table = run.metrics()
    return dict(zip(table["step"], table["loss"], strict=True))


def until(what: Callable[[], bool], *, patience_s: float = PATIENCE_S) -> None:
    """Wait until something is so; fail if it does not come about."""
    end = time.monotonic() + patience_s
    while not what():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


def rank_processes(folder: Path) -> list[psutil.Process]:
    """Return the processes that train in a run folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if _TRAINING & set(words) and str(folder) in words:
            found.append(process)
    return found
