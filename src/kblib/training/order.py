"""The order of blocks.

Shuffled anew each epoch, computed from the seed and the step, stored nowhere.

A permutation of ten billion blocks cannot be kept in memory, and a saved generator state ties
a run to one number of ranks. So the shuffle is a small cipher: a Feistel network permutes the
numbers below a power of four, and numbers that fall outside the range are enciphered again until
they fall inside (cycle walking; Black & Rogaway 2002, Ciphers with arbitrary finite domains). Any
position can be asked for at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6
_AHEAD = 4096
"""Places enciphered at once: a hundred steps cost little more than one."""


class BlockOrder:
    """Which blocks make up the batch of a step.

    Parameters
    ----------
    n_blocks
        Blocks there are; more than zero.
    batch_size
        Blocks a step takes, over all ranks.
    seed
        The seed of the run.
    *also
        Further numbers of the seed, where several orders belong to one run.
    """

    def __init__(self, n_blocks: int, batch_size: int, seed: int, *also: int) -> None:
        self.n_blocks = n_blocks
        self.batch_size = batch_size
        self.seed = seed
        self._also = also
        self._first, self._known = 0, np.empty(0, dtype=np.int64)

    def batch(self, step: int) -> NDArray[np.int64]:
        """Return the block numbers of a step, shape (batch_size,).

        Epochs follow each other without a gap.
        """
        start = step * self.batch_size
        stop = start + self.batch_size
        if not self._first <= start <= stop <= self._first + len(self._known):
            self._first = start
            ahead = start + max(self.batch_size, _AHEAD)
            self._known = self.at(np.arange(start, ahead, dtype=np.int64))
        return self._known[start - self._first : stop - self._first]

    def at(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the blocks at these places of the row of all epochs, in any order of asking."""
        epochs, places = np.divmod(numbers, self.n_blocks)
        blocks = np.empty_like(places)
        for epoch in np.unique(epochs):
            here = epochs == epoch
            seed = (self.seed, int(epoch), *self._also)
            blocks[here] = permuted(places[here], self.n_blocks, seed=seed)
        return blocks

    def serial(self, step: int) -> NDArray[np.int64]:
        """Return the running number of each place in the batch.

        The key of its randomness, shape (batch_size,).
        """
        return np.arange(step * self.batch_size, (step + 1) * self.batch_size, dtype=np.int64)


def permuted(places: NDArray[np.int64], n: int, *, seed: tuple[int, ...]) -> NDArray[np.int64]:
    """Return where a pseudo-random permutation of 0..n-1 sends each of `places`."""
    half_bits = max(1, ((n - 1).bit_length() + 1) // 2)
    keys = np.asarray(np.random.SeedSequence(seed).generate_state(_ROUNDS, np.uint64), np.uint64)
    values = places.astype(np.uint64)
    outside = np.ones(len(values), dtype=bool)
    while outside.any():
        values[outside] = _feistel(values[outside], half_bits, keys)
        outside = values >= n
    return values.astype(np.int64)


def _feistel(
    values: NDArray[np.uint64], half_bits: int, keys: NDArray[np.uint64]
) -> NDArray[np.uint64]:
    mask = np.uint64((1 << half_bits) - 1)
    shift = np.uint64(half_bits)
    left, right = values >> shift, values & mask
    for key in keys:
        left, right = right, left ^ (_mix(right + key) & mask)
    return (left << shift) | right


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64 bits (the finaliser of SplitMix64; Steele et al. 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
