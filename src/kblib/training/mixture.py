"""Which corpus each block of a mixture is read from, computed from the seed and the step alone.

The blocks of a run stand in one row. Each `WINDOW` of them holds exactly its share of every corpus,
in an order of its own; so the shares hold at every step, what was read of each corpus is known
without counting, and any step can be asked for at once, at any number of ranks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from kblib.training.order import BlockOrder, permuted

WINDOW = 1000
"""Blocks in a row of which each corpus gets exactly its share, a multiple of 1/WINDOW."""
_KEPT_WINDOWS = 4  # a step and the counting of its tokens ask for the same ones
_KEEP_APART = 0x6D6978
"""A word of the seeds of windows, so that they are not those of epochs."""


class MixedOrder:
    """Which blocks of which corpora make up the batch of a step.

    Parameters
    ----------
    n_blocks
        Blocks each corpus has; more than zero each.
    shares
        Share of each corpus in the row of blocks; they add up to 1.
    batch_size
        Blocks a step takes, over all ranks.
    seed
        The seed of the run.
    """

    def __init__(
        self, n_blocks: Sequence[int], shares: Sequence[float], batch_size: int, seed: int
    ) -> None:
        self.batch_size = batch_size
        self.seed = seed
        self.parts = whole_parts(shares, WINDOW)
        # The first corpus is read as if it were alone; the others have seeds of their own.
        self.orders = [
            BlockOrder(n, batch_size, seed, *([source] if source else []))
            for source, n in enumerate(n_blocks)
        ]
        self._of_place = np.repeat(np.arange(len(self.parts)), self.parts)
        self._known: dict[int, NDArray[np.int64]] = {}

    def batch(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return corpus and block of each place in the batch of a step, both (batch_size,)."""
        if len(self.orders) == 1:
            return np.zeros(self.batch_size, dtype=np.int64), self.orders[0].batch(step)
        serial = self.serial(step)
        windows, places = np.divmod(serial, WINDOW)
        ranks = self._ranks(windows)[windows - windows[0], places]
        sources = self._of_place[ranks]
        first = np.concatenate([[0], np.cumsum(self.parts)[:-1]])
        numbers = windows * self.parts[sources] + ranks - first[sources]
        blocks = np.empty_like(serial)
        for source in np.unique(sources):
            here = sources == source
            blocks[here] = self.orders[source].at(numbers[here])
        return sources, blocks

    def serial(self, step: int) -> NDArray[np.int64]:
        """Return the running number of each place in the batch: the key of its randomness."""
        return np.arange(step * self.batch_size, (step + 1) * self.batch_size, dtype=np.int64)

    def counts(self, steps: int) -> NDArray[np.int64]:
        """Return how many blocks of each corpus the first `steps` steps read."""
        windows, rest = divmod(steps * self.batch_size, WINDOW)
        counts = windows * self.parts
        if rest:
            begun = self._of_place[self._ranks(np.array([windows]))[0, :rest]]
            counts = counts + np.bincount(begun, minlength=len(self.parts))
        return counts

    def _ranks(self, windows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the order of each window from the first to the last, shape (windows, WINDOW)."""
        wanted = range(int(windows[0]), int(windows[-1]) + 1)
        for window in wanted:
            if window not in self._known:
                self._known[window] = self._order(window)
        found = np.stack([self._known[window] for window in wanted])
        while len(self._known) > _KEPT_WINDOWS:
            del self._known[next(iter(self._known))]
        return found

    def _order(self, window: int) -> NDArray[np.int64]:
        places = np.arange(WINDOW, dtype=np.int64)
        return permuted(places, WINDOW, seed=(self.seed, _KEEP_APART, window))


def whole_parts(shares: Sequence[float], whole: int) -> NDArray[np.int64]:
    """Divide `whole` by shares into whole numbers; the largest remainders are rounded up."""
    exact = np.asarray(shares, dtype=np.float64) * whole
    parts = np.floor(exact + 1e-9).astype(np.int64)
    short = whole - int(parts.sum())
    parts[np.argsort(-(exact - parts), kind="stable")[:short]] += 1
    return parts
