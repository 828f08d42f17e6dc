"""How busy the nodes of a run are: read on each by its Dask worker, written down by the scheduler.

A reading takes milliseconds and travels with the heartbeats that Dask sends anyway. Only the
scheduler appends to ``telemetry.jsonl``, so that a view needs a file and no connection.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from kblib.runs import RunFolder, journal

EVERY_S = 5.0
"""Between two readings of a node, at least."""
_LINES_A_SECOND = 0.8
"""Of all nodes together: two days of any gang stay below 20 MB."""
_PROGRAM_S = 10.0
_AMD = "card*/device/mem_info_vram_{}"
_COLUMNS = {
    "time": "Float64",
    "attempt": "Int64",
    "node": "string",
    "cpu_percent": "Float64",
    "memory_gib": "Float64",
    "memory_total_gib": "Float64",
    "gpu_memory_gib": "Float64",
    "gpu_memory_total_gib": "Float64",
}


@dataclass(frozen=True)
class Reading:
    """One look at a node.

    Parameters
    ----------
    time
        When (Unix seconds).
    node
        Its name.
    cpu_percent
        Of all its cores together, 0 to 100, since the look before.
    memory_gib, memory_total_gib
        Used, whoever uses it, and there in all.
    gpu_memory_gib, gpu_memory_total_gib
        Of all its GPUs together; None where there are none, or the site hides them from a step
        that asked for none.
    """

    time: float
    node: str
    cpu_percent: float
    memory_gib: float
    memory_total_gib: float
    gpu_memory_gib: float | None = None
    gpu_memory_total_gib: float | None = None


class NodeReader:
    """Reads the node it is on, not more often than every few seconds, however often it is asked.

    Parameters
    ----------
    nodes
        How many nodes are read for the same file; many are read more rarely.
    """

    def __init__(self, nodes: int) -> None:
        self.every_s = max(EVERY_S, nodes / _LINES_A_SECOND)
        self._last: Reading | None = None
        self._cores = core_seconds()

    def __call__(self, now: float | None = None) -> dict[str, Any]:
        """Return the newest reading as plain data."""
        now = time.time() if now is None else now
        if self._last is None or now - self._last.time >= self.every_s:
            before, self._cores = self._cores, core_seconds()
            self._last = read_node(now, busy_percent(before, self._cores))
        return asdict(self._last)


def node_name() -> str:
    """Return the name by which Slurm knows this machine; its own, where there is no Slurm."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def core_seconds() -> tuple[float, float]:
    """Return how long the cores of this machine have worked, and how long they have been there.

    psutil's own percentages are of the time since the last call of the same thread.
    """
    times = psutil.cpu_times()
    # Guests are part of user and nice already.
    there = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return there - times.idle - getattr(times, "iowait", 0.0), there


def busy_percent(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Return the share of the cores' time, between two looks, in which they worked.

    Examples
    --------
    >>> busy_percent((10.0, 100.0), (15.0, 120.0))
    25.0
    """
    worked, there = (late - early for early, late in zip(before, after, strict=True))
    return round(min(100.0, max(0.0, 100 * worked / there)), 1) if there > 0 else 0.0


def read_node(now: float, cpu_percent: float) -> Reading:
    """Read the node that this process is on."""
    memory = psutil.virtual_memory()
    used, total = gpu_memory_gib()
    return Reading(
        time=now,
        node=node_name(),
        cpu_percent=cpu_percent,
        memory_gib=round((memory.total - memory.available) / 2**30, 3),
        memory_total_gib=round(memory.total / 2**30, 3),
        gpu_memory_gib=used,
        gpu_memory_total_gib=total,
    )


def gpu_memory_gib(sysfs: Path = Path("/sys/class/drm")) -> tuple[float | None, float | None]:
    """Return how much memory of the node's GPUs is used, and how much they have; None without any.

    NVIDIA's are asked by ``nvidia-smi``; of AMD's the kernel (amdgpu) tells in files.
    """
    if shutil.which("nvidia-smi") and (found := _nvidia()):
        return found
    used, total = (
        [int(path.read_text()) for path in sorted(sysfs.glob(_AMD.format(what)))]
        for what in ("used", "total")
    )
    return (sum(used) / 2**30, sum(total) / 2**30) if total else (None, None)


def _nvidia() -> tuple[float, float] | None:
    query = ["--query-gpu=memory.used,memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            ["nvidia-smi", *query], capture_output=True, text=True, check=True, timeout=_PROGRAM_S
        )
        rows = [line.split(",") for line in done.stdout.splitlines() if line.strip()]
        used, total = (sum(float(row[n]) for row in rows) / 2**10 for n in (0, 1))  # it says MiB
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None
    return (used, total) if rows else None


class TelemetryWriter:
    """Appends readings to the file of a run, each once. One process at a time may have one.

    Parameters
    ----------
    attempt
        Written into each line.
    """

    def __init__(self, run: RunFolder, attempt: int) -> None:
        self.file = run.telemetry_file
        self.attempt = attempt
        self._written: dict[str, float] = {}
        journal.mend(self.file)

    def write(self, readings: Iterable[Mapping[str, Any]]) -> None:
        """Append what is newer than the last of the same node."""
        for reading in readings:
            node, when = str(reading["node"]), float(reading["time"])
            if when > self._written.get(node, 0.0):
                journal.append(self.file, {"attempt": self.attempt, **reading})
                self._written[node] = when


def telemetry_table(run: RunFolder) -> pd.DataFrame:
    """Return one row a reading, the oldest first; none where no Dask stood beside the ranks."""
    rows = journal.Tail(run.telemetry_file).new()
    table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
    return table.sort_values("time", ignore_index=True)
