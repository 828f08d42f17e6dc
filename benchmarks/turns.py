"""Peers that take turns: each does the same work once a round, so that all meet the same load."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Turn:
    """Wall and processor seconds of one peer in each round."""

    wall_s: tuple[float, ...]
    cpu_s: tuple[float, ...]

    @property
    def usual_s(self) -> float:
        """The wall seconds of the middle round."""
        return median(self.wall_s)


def take_turns(peers: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Turn]:
    """Time each peer once a round; every other round goes backwards."""
    taken: dict[str, list[tuple[float, float]]] = {peer: [] for peer in peers}
    for number in range(rounds):
        for peer in list(peers) if number % 2 == 0 else reversed(list(peers)):
            wall, cpu = time.perf_counter(), time.process_time()
            peers[peer]()
            taken[peer].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {
        peer: Turn(tuple(wall for wall, _ in turns), tuple(cpu for _, cpu in turns))
        for peer, turns in taken.items()
    }


def best(turns: Mapping[str, Turn], beginning: str) -> float | None:
    """Return the least usual seconds of the peers whose name begins so; None if there are none."""
    found = [turn.usual_s for peer, turn in turns.items() if peer.startswith(beginning)]
    return min(found, default=None)
