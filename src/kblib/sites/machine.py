"""The machine this process runs on: cores, memory, GPUs, and what its container allows of them."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Machine:
    """What this machine has.

    Usable cores, memory in GiB (the smaller of machine and cgroup), GPUs.
    """

    cores: int
    memory_gib: float
    gpus: int


@dataclass(frozen=True)
class MemoryGroup:
    """A control group that limits memory: its limit, and what may still be taken, in bytes."""

    limit: int
    free: int


def this_machine() -> Machine:
    """Measure the machine this process runs on."""
    limits = (group.limit for group in memory_groups())
    memory = min(psutil.virtual_memory().total, *limits)
    return Machine(cores=_usable_cores(), memory_gib=memory / 2**30, gpus=_visible_gpus())


def _visible_gpus() -> int:
    """Count the GPUs that a program started now would see; without importing torch."""
    for variable in ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
        if variable in os.environ:
            return len([name for name in os.environ[variable].split(",") if name not in ("", "-1")])
    if Path("/dev/nvidiactl").exists():
        return len(list(Path("/dev").glob("nvidia[0-9]*")))
    return len(list(Path("/dev/dri").glob("renderD*"))) if Path("/dev/kfd").exists() else 0


def _usable_cores() -> int:
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(seen or 1, _cgroup_cores()))


def _cgroup_cores() -> int:
    """Return the whole cores that a container may use (Binder shows all of the host's)."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
    except (OSError, ValueError):
        return sys.maxsize
    return sys.maxsize if quota == "max" else round(int(quota) / int(period))


def memory_groups(root: Path = Path("/")) -> list[MemoryGroup]:
    """Return the control groups that limit this process's memory, from its own up to the root.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are found.
    """
    groups = []
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):  # "": the second version, one tree for all
            continue
        base = root / "sys/fs/cgroup" / controllers
        folder = base / path.lstrip("/")
        while True:
            groups.append(_memory_group(folder, second_version=not controllers))
            if folder == base or base not in folder.parents:
                break
            folder = folder.parent
    return [group for group in groups if group is not None]


def _memory_group(folder: Path, *, second_version: bool) -> MemoryGroup | None:
    limit_file, used_file = (
        ("memory.max", "memory.current")
        if second_version
        else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    )
    limit, used = _text(folder / limit_file).strip(), _text(folder / used_file).strip()
    if not limit.isdigit() or not used.isdigit():  # no such file, or "max"
        return None
    cached = 0  # file pages the kernel gives back when memory is asked for
    for line in _text(folder / "memory.stat").splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            cached = int(line.split()[1])
    return MemoryGroup(int(limit), max(0, int(limit) - int(used) + cached))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
