"""What the attempts at a run took: from when to when, on which nodes, how many GPU-hours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from kblib.runs import RunFolder
from kblib.runs.hours import begun, gpus_held, seconds_of

COLUMNS = (
    "attempt", "job", "nodes", "begun", "ended", "hours", "gpus", "gpu_hours", "ranks",
    "rank_hours", "step", "saved", "exit_code", "why",
)  # fmt: skip


def attempts_table(run: RunFolder) -> pd.DataFrame:
    """Return one row an attempt, the first one first.

    ``begun`` and ``ended`` are in UTC; an attempt that goes on has no end, and its hours are those
    until its driver was last heard. ``gpus`` are what the job held on all its nodes, used or not:
    their ``gpu_hours`` are what a site bills. ``ranks`` are the processes that trained, each with
    one GPU or with none: their ``rank_hours`` are what the work had of it. Both count from the
    driver's first word to its last; the seconds in which a scheduler makes nodes ready are not in
    them. ``step`` is the last one it did, ``saved`` that of the newest checkpoint then: what lies
    between is done again.

    Returns
    -------
    DataFrame
        Shape (n_attempts, 14).
    """
    config, records = run.config(), run.attempt_records()
    pairs = zip(records, seconds_of(run, records), strict=True)
    rows = [_row(record, config, seconds / 3600) for record, seconds in pairs]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    for name in ("begun", "ended"):
        table[name] = pd.to_datetime(table[name].astype("Float64"), unit="s", utc=True)
    return table.astype(dict.fromkeys(("step", "saved", "exit_code"), "Int64"))


def _row(record: Mapping[str, Any], config: Mapping[str, Any], hours: float) -> tuple[Any, ...]:
    gpus, ranks = gpus_held(config), int(config.get("ranks") or 0)
    return (
        record["attempt"],
        str(record.get("job", "")),
        str(record.get("nodes", "")),
        begun(record),
        record.get("ended"),
        hours,
        gpus,
        hours * gpus,
        ranks,
        hours * ranks,
        record.get("step"),
        record.get("saved"),
        record.get("exit_code"),
        str(record.get("why", "")),
    )
