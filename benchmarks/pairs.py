"""Compare two things that take time, turn by turn: what slows the machine slows both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.intervals import Estimate, median_estimate

Turn = Callable[[], float]
"""Does a fixed amount of work; returns the seconds it took."""


@dataclass(frozen=True)
class Pair:
    """Seconds of both sides in one pair."""

    ours: float
    other: float

    @property
    def ratio(self) -> float:
        """How many times as fast as the other ours was."""
        return self.other / self.ours


def take_turns(ours: Turn, other: Turn, n: int) -> list[Pair]:
    """Run both `n` times, ours first in even pairs and second in odd ones."""
    pairs = []
    for number in range(n):
        if number % 2:
            other_s = other()
            pairs.append(Pair(ours(), other_s))
        else:
            ours_s = ours()
            pairs.append(Pair(ours_s, other()))
    return pairs


def ratio_of(pairs: list[Pair]) -> Estimate:
    """Return the median ratio of the pairs with its 95 % interval."""
    return median_estimate([pair.ratio for pair in pairs])
