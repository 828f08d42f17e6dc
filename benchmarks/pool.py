"""Seconds of a pool beside bare Dask that writes the same files, and what a no-op shard costs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

from benchmarks.intervals import Estimate, median_estimate
from benchmarks.outcome import Outcome, cores, measured
from benchmarks.pool_shards import bare_dask, packages, pool, sites_to_measure
from benchmarks.tables import Cell

BAR = 1.3
BARE = "bare Dask, one task a shard"
_NAMES = {"local": "pool on this machine", "emulator": "pool on the emulated cluster"}
Seconds = Callable[[int, float, int], float]
"""Takes shards, milliseconds of each, and workers."""


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Parameters
    ----------
    shards, ms
        Of the comparison.
    rounds
        How often each way does it, in turn.
    no_ops, few
        Shards that do nothing: a cost is the difference of the two, a shard.
    """

    shards: int = 2_000
    ms: float = 50.0
    rounds: int = 6
    no_ops: int = 4_000
    few: int = 500


QUICK = Size(shards=20, ms=20.0, rounds=6, no_ops=400, few=100)


@dataclass(frozen=True)
class Found:
    """Seconds of each round, and milliseconds a no-op shard."""

    seconds: list[float]
    no_op_ms: float


def measure(*, quick: bool = False) -> Outcome:
    """Let bare Dask and pools do the same shards in turn, with as many workers as cores."""
    size, workers = QUICK if quick else Size(), cores()
    with sites_to_measure(quick=quick) as sites:
        ways: dict[str, Seconds] = {BARE: bare_dask}
        ways |= {_NAMES[site]: functools.partial(pool, site) for site in sites}
        found = _find(ways, size, workers)
    columns = ["way", "median, s", "ratio", "95 % interval", "wanted", "no-op shard, ms"]
    note = _note(size, workers)
    result = measured("pool", "Pool of shards", columns, _rows(found), note, packages())
    return Outcome(result, missed(found))


def _find(ways: Mapping[str, Seconds], size: Size, workers: int) -> dict[str, Found]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    order = list(ways)
    for number in range(size.rounds):
        for name in order if number % 2 else reversed(order):
            seconds[name].append(ways[name](size.shards, size.ms, workers))
    return {name: Found(seconds[name], _no_op_ms(ways[name], size, workers)) for name in order}


def _no_op_ms(way: Seconds, size: Size, workers: int) -> float:
    """Return what one more shard costs: starting and ending cancel out."""
    more = way(size.no_ops, 0.0, workers) - way(size.few, 0.0, workers)
    return 1000 * more / (size.no_ops - size.few)


def ratio(found: Mapping[str, Found], name: str) -> Estimate:
    """Return how many times the seconds of bare Dask a way takes, with its interval."""
    pairs = zip(found[name].seconds, found[BARE].seconds, strict=True)
    return median_estimate([ours / bare for ours, bare in pairs])


def _rows(found: Mapping[str, Found]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for name, one in found.items():
        cells: list[Cell] = [name, round(median(one.seconds), 1)]
        if name == BARE:
            cells += ["", "", ""]
        else:
            it = ratio(found, name)
            cells += [f"{it.value:.3f}", f"{it.low:.3f} to {it.high:.3f}", f"at most {BAR:g}"]
        rows.append([*cells, round(one.no_op_ms, 2)])
    return rows


def missed(found: Mapping[str, Found]) -> tuple[str, ...]:
    """Return a sentence for each pool whose interval reaches above the bar."""
    high = {name: ratio(found, name).high for name in found if name != BARE}
    return tuple(
        f"Missed: at the upper end of the interval the {name} takes {value:.3f} times the seconds "
        f"of bare Dask; at most {BAR:g} was wanted."
        for name, value in high.items()
        if value > BAR
    )


def _note(size: Size, workers: int) -> str:
    return (
        f"{size.shards:,} shards of {size.ms:g} ms of processor time on {workers} workers, from "
        "submit to the last word of the run, {turns} rounds in turn; bare Dask is a LocalCluster "
        "of as many processes, its start and end included, and writes the same Parquet files in "
        "the same way (temporary file, fsync, link). The pool has TLS, a head that outlives the "
        "notebook, progress and failures by shard; it begins with no worker and asks for them as "
        "they can work. A no-op shard still writes its file; its cost is the difference between "
        f"{size.no_ops:,} and {size.few:,} of them, divided by how many more there are."
    ).replace("{turns}", str(size.rounds))
