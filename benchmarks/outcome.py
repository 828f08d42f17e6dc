"""What a benchmark hands back, and where it was measured."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.tables import Cell, Result

_CPU_FIELDS = ("model name", "cpu family", "model")


class BenchmarkError(Exception):
    """A comparison that cannot be made, told in full sentences."""


@dataclass(frozen=True)
class Outcome:
    """A measured table, and the bars it did not reach.

    Parameters
    ----------
    result
        The table.
    missed
        One sentence a bar that was missed.
    """

    result: Result
    missed: tuple[str, ...] = ()

    def said(self) -> Result:
        """Return the table; what was missed stands first in its note."""
        note = " ".join([*self.missed, self.result.note])
        return replace(self.result, note=note)


def measured(
    name: str,
    title: str,
    columns: list[str],
    rows: list[list[Cell]],
    note: str,
    packages: Iterable[str],
) -> Result:
    """Return a result of today, on this machine, made by ``make bench ARGS=name``."""
    return Result(
        title=title,
        command=f'make bench ARGS="{name}"',
        date=date.today().isoformat(),
        machine=machine(packages),
        columns=columns,
        rows=rows,
        note=note,
    )


def machine(packages: Iterable[str]) -> str:
    """Return processor, cores, memory, and the versions of Python and `packages`."""
    memory_gib = psutil.virtual_memory().total / 2**30
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{name} {version(name)}" for name in packages]
    return f"{processor()}, {cores()} cores, {memory_gib:.0f} GiB, {', '.join(versions)}"


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the processor, with family and model where the system tells them."""
    try:
        lines = cpuinfo.read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    halves = [line.partition(":") for line in lines]
    told = {name.strip(): value.strip() for name, _, value in halves}
    if any(field not in told for field in _CPU_FIELDS):
        return platform.processor() or platform.machine()
    return f"{told['model name']} (family {told['cpu family']}, model {told['model']})"


def aligned(columns: list[str], rows: list[list[Cell]]) -> str:
    """Return a table as text for a terminal: columns of equal width, two spaces apart."""
    lists: list[list[Cell]] = [[*columns], *rows]
    cells = [[str(cell) for cell in row] for row in lists]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])
