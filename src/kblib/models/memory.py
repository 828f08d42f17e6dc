"""Does a model fit? Asked before loading, so that the answer is a sentence, not a dead kernel."""

from __future__ import annotations

from pathlib import Path

from kblib.errors import ModelError
from kblib.sites import memory_groups

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
    found = [_machine(root), *(group.free for group in memory_groups(root))]
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
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    free = (line for line in lines if line.startswith("MemAvailable:"))
    return next((int(line.split()[1]) * 1024 for line in free), None)
