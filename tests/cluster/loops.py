"""An event loop in a thread of its own: the browser of other tests keeps one in the main thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

T = TypeVar("T")


class LoopAside:
    """Runs coroutines one after another in one loop, beside the caller's thread."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._loop = self._thread.submit(asyncio.new_event_loop).result()

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        """Return what a coroutine returns, or raise what it raises."""
        return self._thread.submit(self._loop.run_until_complete, coroutine).result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._thread.submit(self._loop.close).result()
        self._thread.shutdown()
