"""The lock of a run: held by its driver and its ranks, released by the kernel when all are gone.

It answers two questions without clocks and process numbers: may a driver start, and does one live?
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_RETRY_S = 0.1


def take(path: Path, *, patience_s: float) -> int | None:
    """Take the lock and return its file descriptor; None if somebody holds it all the time.

    The descriptor is to be handed to the processes that work in the run, and never closed.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    end = time.monotonic() + patience_s
    while not _locked(handle):
        if time.monotonic() > end:
            os.close(handle)
            return None
        time.sleep(_RETRY_S)
    return handle


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold a lock while a block runs; wait for whoever has it, who may be copying a corpus."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def is_held(path: Path) -> bool | None:
    """Say whether a process of this machine holds the lock; None where nobody can tell.

    That is where no lock was ever taken, on a disk without locks, and for other users.
    """
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return None
    try:
        return not _locked(handle)
    except OSError:
        return None
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
