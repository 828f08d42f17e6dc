"""What a command took, by the operating system's account of the finished process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.outcome import BenchmarkError

# A process begins with the memory of the one that starts it, and Linux counts that into its peak
# for good; so a small one starts it.
_LAUNCHER = """
import json, os, subprocess, sys, time
with open(sys.argv[1], "rb") as given, open(sys.argv[2], "wb") as out:
    began = time.perf_counter()
    process = subprocess.Popen(sys.argv[3:], stdin=given, stdout=out)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
process.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps({
    "code": process.returncode,
    "cpu_s": used.ru_utime + used.ru_stime,
    "wall_s": wall,
    "peak_mib": used.ru_maxrss / 1024,
}))
"""


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
    paths = [str(path or os.devnull) for path in (stdin, stdout)]
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, *paths, *map(str, command)]
    done = subprocess.run(launcher, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout)
    if found.pop("code"):
        raise BenchmarkError(f"{Path(command[0]).name} failed: {done.stderr[-300:].strip()}")
    return Usage(**found)
