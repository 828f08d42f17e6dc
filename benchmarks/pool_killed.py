"""Many shards while workers and heads are killed at random: each result is committed once."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.outcome import BenchmarkError, Outcome, cores, measured
from benchmarks.pool_shards import ON_NODES, packages, results, sites_to_measure
from benchmarks.tables import Cell
from kblib.cluster import Run, submit
from kblib.jobs.batch import BatchTask
from kblib.jobs.batch_result import BatchResult
from kblib.runs import Phase, RunFolder

SHARDS, STRIKES, QUICK_SHARDS, QUICK_STRIKES = 20_000, 16, 1_500, 3
SEED = 1
_HEADS = 0.25
"""Share of the strikes that take the head."""
_LOOK_S = 0.1
_WORKER, _HEAD = "kblib.cluster.pool_worker", "kblib.cluster.pool_head"
_PATIENCE_S = 1_800.0


@dataclass
class Record:
    """What was seen of a run: how often it was struck, and files that changed."""

    workers: int = 0
    heads: int = 0
    known: dict[int, tuple[int, int]] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)

    def look(self, run: Run) -> int:
        """Compare all result files with what they were; return how many there are."""
        shards = results(run)
        for number in shards.done():
            stat = shards.file(number).stat()
            now = (stat.st_ino, stat.st_mtime_ns)
            if self.known.setdefault(number, now) != now:
                self.changed.add(number)
        return len(self.known)


def measure(*, quick: bool = False) -> Outcome:
    """Strike a run on each site that is there."""
    shards, strikes = (QUICK_SHARDS, QUICK_STRIKES) if quick else (SHARDS, STRIKES)
    rows: list[list[Cell]] = []
    missed: list[str] = []
    with sites_to_measure(quick=quick) as sites:
        for site in sites:
            row, wrong = _struck(site, shards, strikes)
            rows.append(row)
            missed += wrong
    columns = ["site", "results", "rows", "changed afterwards", "workers killed", "heads killed"]
    columns += ["begun again", "s"]
    note = (
        f"{shards:,} shards on {cores()} workers. After a random number of results (seed {SEED}) a "
        "random worker, or the head, gets SIGKILL; on the emulated cluster the next head is the "
        "job that waits behind the first, on this machine it is `resume`. Inode and time of every "
        "result file are compared at each strike and at the end: a second commit would change "
        "them. Shards that were begun again are those whose worker was killed at them."
    )
    title = "Shards while workers and heads are killed"
    result = measured("pool_killed", title, columns, rows, note, packages())
    return Outcome(result, tuple(missed))


def _struck(site: str, shards: int, strikes: int) -> tuple[list[Cell], list[str]]:
    draw, record, began = random.Random(SEED), Record(), time.perf_counter()
    with tempfile.TemporaryDirectory() as notes:
        run = _send(site, shards, notes)
        for at in sorted(draw.sample(range(shards // 20, shards * 9 // 10), strikes)):
            _go_on_until(run, record, at)
            _strike(run, record, draw)
        _go_on_until(run, record, shards)
        run.wait(_PATIENCE_S)
        record.look(run)
        times = Counter(line for path in Path(notes).iterdir() for line in _lines(path))
    found = BatchResult.of(RunFolder(run.folder)).table["shard"]
    again = sum(times.values()) - len(times)
    row: list[Cell] = [site, len(record.known), len(found), len(record.changed)]
    row += [record.workers, record.heads, again, round(time.perf_counter() - began)]
    return row, _wrong(site, shards, record, sorted(found))


def _send(site: str, shards: int, notes: str) -> Run:
    task = BatchTask("benchmarks.pool_shards:noted", list(range(shards)), {"folder": notes})
    asked: Any = {} if site == "local" else ON_NODES
    return submit(task, site=site, workers=cores(), fresh=True, **asked)


def _go_on_until(run: Run, record: Record, at: int) -> None:
    """Wait until so many results are there; on this machine a run without its head is resumed.

    Raises
    ------
    BenchmarkError
        If it does not come about.
    """
    end = time.monotonic() + _PATIENCE_S
    while record.look(run) < at:
        state = run.state
        if state.phase is Phase.FAILED and "is gone" not in state.why:
            raise BenchmarkError(f"The run failed. {state.why}")
        if state.over:
            run.resume()
        if time.monotonic() > end:
            raise BenchmarkError(f"No more than {len(record.known)} results came. {run.log(20)}")
        time.sleep(_LOOK_S)


def _strike(run: Run, record: Record, draw: random.Random) -> None:
    """Kill the head, or one of the workers that are there."""
    module = _HEAD if draw.random() < _HEADS else _WORKER
    there = sorted(_processes(run, module), key=lambda process: process.pid)
    if not there:
        return
    with suppress(psutil.NoSuchProcess):
        os.kill(draw.choice(there).pid, signal.SIGKILL)
        record.heads += module == _HEAD
        record.workers += module == _WORKER


def _processes(run: Run, module: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if module in words and str(run.folder) in words:
                yield process


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


def _wrong(site: str, shards: int, record: Record, found: list[int]) -> list[str]:
    wrong = []
    if found != list(range(shards)):
        wrong.append(f"Missed: on site {site} the rows are not those of {shards:,} shards.")
    if record.changed:
        some = sorted(record.changed)[:5]
        wrong.append(f"Missed: on site {site} results were committed twice, such as {some}.")
    return wrong
