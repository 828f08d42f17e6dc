"""Drawing at random so that the same draw comes out in ten years, on any machine.

Marks are made by hand and must outlive the libraries of today, but NumPy promises no stream of
random numbers across its versions. So each place gets a number of its own, from its number and the
seed alone, and those with the smallest numbers are drawn: without replacement, all equally likely,
and a larger draw holds the smaller one.

References
----------
Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators (the mixing function).
NEP 19, Random number generator policy (NumPy).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from kblib.ngrams.index import Ints

GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
LOW_BITS = 20
"""Of a number; they say nothing of its rank, which the high bits make."""


def drawn(places: Ints, n: int, seed: str) -> tuple[Ints, NDArray[np.float64]]:
    """Draw `n` of some places.

    Parameters
    ----------
    places
        Numbers that tell the places apart.
    seed
        Any text; another one gives another draw.

    Returns
    -------
    tuple
        Which were drawn, as numbers into `places`, in random order; and for each of them when its
        turn comes, from 0 to 1, spread evenly.
    """
    mixed = _mixed(places, seed)
    order = np.argsort(mixed, kind="stable")[:n]
    within = (mixed[order] & np.uint64((1 << LOW_BITS) - 1)) / (1 << LOW_BITS)
    return order, (np.arange(len(order)) + within) / max(len(order), 1)


def own_numbers(places: Ints, seed: str) -> NDArray[np.float64]:
    """Return a number for each place, from 0 to 1, that depends on nothing but place and seed."""
    return (_mixed(places, seed) >> np.uint64(11)) / 2.0**53


def _mixed(places: Ints, seed: str) -> NDArray[np.uint64]:
    start = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:8], "little")
    z = places.astype(np.uint64) * np.uint64(GOLDEN) + np.uint64(start)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(FIRST)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(SECOND)
    return z ^ (z >> np.uint64(31))


def allot(n: int, sizes: list[int]) -> list[int]:
    """Spread `n` evenly over strata; what a small one cannot take goes to the others.

    Examples
    --------
    >>> allot(10, [2, 100, 0, 50])
    [2, 4, 0, 4]
    """
    parts = [0] * len(sizes)
    left = n
    for rank, number in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        parts[number] = min(sizes[number], left // (len(sizes) - rank))
        left -= parts[number]
    return parts
