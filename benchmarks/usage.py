"""What a command took, by the operating system's account of the finished process."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.outcome import BenchmarkError


@dataclass(frozen=True)
class Usage:
    """What processes took.

    Parameters
    ----------
    cpu_s
        Seconds of user and system, all threads.
    wall_s
        Seconds from start to end.
    peak_mib
        Largest resident memory.
    """

    cpu_s: float
    wall_s: float
    peak_mib: float

    def then(self, other: Usage) -> Usage:
        """Return what both took, one after the other."""
        peak = max(self.peak_mib, other.peak_mib)
        return Usage(self.cpu_s + other.cpu_s, self.wall_s + other.wall_s, peak)


def usage_of(
    command: Sequence[str | Path], *, stdin: Path | None = None, stdout: Path | None = None
) -> Usage:
    """Run a command and return what it took.

    Raises
    ------
    BenchmarkError
        If it fails.
    """
    said = Path(f"{stdout or os.devnull}.said") if stdout else Path(os.devnull)
    with (
        open(stdin or os.devnull, "rb") as text,
        open(stdout or os.devnull, "wb") as out,
        open(said, "wb") as errors,
    ):
        return _waited_for([str(part) for part in command], text, out, errors)


def _waited_for(command: list[str], text: IO[bytes], out: IO[bytes], errors: IO[bytes]) -> Usage:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdin=text, stdout=out, stderr=errors)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise BenchmarkError(f"{Path(command[0]).name} ended with {process.returncode}.")
    wall = time.perf_counter() - began
    return Usage(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)
