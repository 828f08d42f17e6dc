"""What the attempts at a run took: from when to when, on which nodes, how many GPU-hours."""

from __future__ import annotations

from typing import Any

import pandas as pd

from kblib.runs import RunFolder

COLUMNS = (
    "attempt", "job", "nodes", "begun", "ended", "hours", "gpus", "gpu_hours", "step", "saved",
    "exit_code", "why",
)  # fmt: skip


def attempts_table(run: RunFolder) -> pd.DataFrame:
    """Return one row an attempt, the first one first.

    ``begun`` and ``ended`` are in UTC; an attempt that goes on has no end, and its hours are those
    until its driver was last heard. ``gpus`` are what the job held, used or not: on all its nodes.
    ``step`` is the last one it did, ``saved`` that of the newest checkpoint then: what lies between
    is done again. ``gpu_hours`` count from the driver's first word to its last; the seconds in
    which a scheduler makes nodes ready are not in them.

    Returns
    -------
    DataFrame
        Shape (n_attempts, 12).
    """
    held = _gpus(run.config())
    records = run.attempt_records()
    heard = run.written_state().heartbeat
    # One that lost its driver, of which Slurm could not be asked, ended before the next began.
    last_word = [*(float(one["submitted"]) for one in records[1:]), heard]
    rows = [_row(one, held, last) for one, last in zip(records, last_word, strict=False)]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("begun", "ended"):
        table[name] = pd.to_datetime(table[name].astype("Float64"), unit="s", utc=True)
    return table.astype(dict.fromkeys(("step", "saved", "exit_code"), "Int64"))


def _gpus(config: dict[str, Any]) -> int:
    asked = config.get("resources", {})
    return int(asked.get("nodes") or 0) * int(asked.get("gpus_per_node") or 0)


def _row(record: dict[str, Any], gpus: int, heard: float) -> tuple[Any, ...]:
    begun, ended = float(record["submitted"]), record.get("ended")
    hours = max(0.0, float(ended or heard) - begun) / 3600
    return (
        record["attempt"],
        str(record.get("job", "")),
        str(record.get("nodes", "")),
        begun,
        ended,
        hours,
        gpus,
        hours * gpus,
        record.get("step"),
        record.get("saved"),
        record.get("exit_code"),
        str(record.get("why", "")),
    )
