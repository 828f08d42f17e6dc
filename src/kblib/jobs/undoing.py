"""A run's guard against loss spikes: what it remembers, and how it goes back, in the run folder."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from kblib import files
from kblib.jobs.rank import Ranks
from kblib.runs import RunFolder
from kblib.training.checkpoint import find_checkpoint
from kblib.training.engine import Engine
from kblib.training.spikes import WINDOW, Skip, Spike, SpikeGuard

log = logging.getLogger("kblib.spikes")

Record = Callable[[Mapping[str, Any]], None]


def spike_guard(
    run: RunFolder,
    ranks: Ranks,
    engine: Engine,
    record: Record,
    settle: Callable[[], None],
    *,
    nats: float,
    first_step: int,
) -> SpikeGuard:
    """Return the guard of an attempt that begins at `first_step`; it knows what was before.

    Parameters
    ----------
    record
        Writes an event into the journal; rank 0's only.
    settle
        Waits for the checkpoint that is being written, on every rank.
    nats
        How far above the usual loss a spike is.
    """

    def newest() -> int | None:
        settle()
        found = find_checkpoint(run) if ranks.rank == 0 else None
        return ranks.same_for_all(found.step if found else 0) or None

    def take_back(spike: Spike, skip: Skip | None) -> None:
        if ranks.rank == 0:
            if skip is not None:
                skips = [*skips_of(run), skip]
                files.write_json(run.skips_file, {"skips": [asdict(one) for one in skips]})
            record(_event(spike, skip))
        log.warning("%s", _in_words(spike, skip))
        ranks.wait_for_all()
        if skip is not None:
            engine.load(run.checkpoint(skip.step))

    guard = SpikeGuard(nats, newest, take_back, skips_of(run))
    for line in _steps_before(run, first_step):
        guard.remember(int(line["step"]) - 1, float(line["loss"]), float(line["grad_norm"]))
    return guard


def skips_of(run: RunFolder) -> list[Skip]:
    """Return the batches that a run has left out, in the order in which they were met.

    Raises
    ------
    IntegrityError
        If the list is damaged: without it the run would read other batches from there on.
    """
    if not run.skips_file.exists():
        return []
    said = files.read_json(run.skips_file)["skips"]
    return [Skip(int(one["step"]), int(one["batches"])) for one in said]


def _steps_before(run: RunFolder, first_step: int) -> list[dict[str, Any]]:
    """Return the lines of the steps just before one, in order; what was done again counts once."""
    window = range(first_step - WINDOW + 1, first_step + 1)
    found = {line["step"]: line for line in run.metrics() if "loss" in line and "event" not in line}
    return [found[step] for step in window if step in found]


def _event(spike: Spike, skip: Skip | None) -> dict[str, Any]:
    return {
        "event": "spike",
        "step": spike.step + 1,
        "loss": spike.loss,
        "usual": spike.usual,
        "why": spike.why,
        "back_to": skip.step if skip else None,
        "skipped": skip.batches if skip else 0,
        "said": _in_words(spike, skip),
        "time": time.time(),
    }


def _in_words(spike: Spike, skip: Skip | None) -> str:
    seen = f"A loss spike at step {spike.step + 1}. {spike.why}"
    if skip is None:
        return f"{seen} There was no checkpoint to go back to: training went on."
    return (
        f"{seen} Training went back to the checkpoint of step {skip.step} and left out the "
        f"{skip.batches} batches behind it."
    )
