"""Work on many pieces side by side, results in order; for functions that give the lock back."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")
Found = TypeVar("Found")
_AHEAD = 2  # pieces a thread: enough that none waits, few enough that memory stays small


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def side_by_side(function: Callable[[Piece], Found], pieces: Iterable[Piece]) -> Iterator[Found]:
    """Yield what a function makes of each piece, in order, one thread a core.

    Pieces are taken as they are needed. With one core, nothing is handed to a thread.
    """
    n_threads = cores()
    if n_threads == 1:
        yield from map(function, pieces)
        return
    with ThreadPoolExecutor(n_threads) as pool:
        waiting: deque[Future[Found]] = deque()
        try:
            for piece in pieces:
                waiting.append(pool.submit(function, piece))
                if len(waiting) >= n_threads * (_AHEAD + 1):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
