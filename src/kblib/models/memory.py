"""Does a model fit? Asked before loading, so that the answer is a sentence, not a dead kernel."""

from __future__ import annotations

from pathlib import Path

from kblib.errors import ModelError

GIB = 1 << 30
_ROOM = 0.2 * GIB  # activations of a short text and what loading needs beside the weights
_FACTOR = 1.1  # buffers, and the allocator's rounding


def needed_bytes(n_parameters: int, bytes_per: float = 4) -> float:
    """Return an estimate of what loading so many parameters and reading a short text takes."""
    return n_parameters * bytes_per * _FACTOR + _ROOM


def free_bytes(root: Path = Path("/")) -> int | None:
    """Return how much memory this process may still take, by the machine and its control groups.

    Parameters
    ----------
    root
        Where ``proc`` and ``sys`` are found.

    Returns
    -------
    int or None
        None where neither can be read, such as on macOS.
    """
    found = [_machine(root), *_control_groups(root)]
    known = [room for room in found if room is not None]
    return min(known) if known else None


def fits_memory(n_parameters: int, bytes_per: float = 4) -> bool:
    """Tell whether so many parameters fit into the free memory; True if that cannot be known."""
    free = free_bytes()
    return free is None or needed_bytes(n_parameters, bytes_per) <= free


def check_memory(name: str, n_parameters: int, bytes_per: float = 4) -> None:
    """Refuse a model that does not fit.

    Raises
    ------
    ModelError
        Naming what it needs and what is free, in GiB.
    """
    free = free_bytes()
    need = needed_bytes(n_parameters, bytes_per)
    if free is not None and need > free:
        raise ModelError(
            f"The model '{name}' has {n_parameters / 1e6:,.0f} million parameters and needs about "
            f"{need / GIB:.1f} GiB of memory; {free / GIB:.1f} GiB are free.",
            "It would be stopped by the system while loading.",
            "Close other notebooks (Kernel, Shut Down), or take a smaller model from catalog().",
        )


def _machine(root: Path) -> int | None:
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _control_groups(root: Path) -> list[int | None]:
    """Return the room in each control group from ours up to the root: cgroup v2, then v1."""
    rooms = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        base = root / "sys/fs/cgroup" / controllers
        folder = base / path.lstrip("/")
        while True:
            rooms.append(_room(folder, second_version=not controllers))
            if folder == base or base not in folder.parents:
                break
            folder = folder.parent
    return rooms


def _room(folder: Path, *, second_version: bool) -> int | None:
    limit_file, used_file = (
        ("memory.max", "memory.current")
        if second_version
        else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    )
    limit, used = _read(folder / limit_file).strip(), _read(folder / used_file).strip()
    if not limit.isdigit() or not used.isdigit():  # no such file, or "max"
        return None
    cached = 0  # file pages the kernel gives back when memory is asked for
    for line in _read(folder / "memory.stat").splitlines():
        if line.startswith(("inactive_file ", "total_inactive_file ")):
            cached = int(line.split()[1])
    return max(0, int(limit) - int(used) + cached)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
