"""Seconds of the imports a notebook begins with, each in a fresh process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from statistics import median

from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.tables import Cell

OURS = ("kblib", "kbnotebooks")
BESIDE = ("torch",)
BAR_S = 1.0
_CODE = """
import time
began = time.perf_counter()
import {module}
print(time.perf_counter() - began)
"""


def measure(*, quick: bool = False) -> Outcome:
    """Time each import in turn, several times over; the medians of ours stay below a second."""
    rounds = 2 if quick else 7
    modules = (*OURS, *BESIDE)
    for module in modules:  # the first reads the disk and writes bytecode
        seconds_of_import(module)
    seconds: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(rounds):
        for module in modules:
            seconds[module].append(seconds_of_import(module))
    rows: list[list[Cell]] = [
        [f"`import {module}`", round(median(found), 3), round(max(found), 3)]
        for module, found in seconds.items()
    ]
    note = (
        f"Each in {rounds} fresh processes, in turn, files in the cache of the system; the start "
        "of Python itself is not counted."
    )
    columns = ["import", "median, s", "slowest, s"]
    result = measured("imports", "Imports", columns, rows, note, ["numpy", "torch"])
    return Outcome(result, missed({module: median(seconds[module]) for module in OURS}))


def missed(medians: dict[str, float]) -> tuple[str, ...]:
    """Return a sentence for each import that takes a second or longer."""
    return tuple(
        f"Missed: `import {module}` took {seconds:.2f} s; less than {BAR_S:g} s was wanted."
        for module, seconds in medians.items()
        if seconds >= BAR_S
    )


def seconds_of_import(module: str) -> float:
    """Return the seconds one import takes in a fresh process, outside the clone.

    Raises
    ------
    BenchmarkError
        If the module cannot be imported.
    """
    with tempfile.TemporaryDirectory() as elsewhere:
        command = [sys.executable, "-c", _CODE.format(module=module)]
        done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"`import {module}` failed: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout)
