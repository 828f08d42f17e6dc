"""What is left to do of a batch, and how it is handed out: many shards at a time, never all.

A task of Dask costs about 2 ms, a shard of it 0.06 ms when a hundred share one (measured: `make
bench ARGS="pool"`). So shards go out in chunks of about `CHUNK_S` seconds, as long as they have
been seen to take, and in smaller ones towards the end, so that all workers end together.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterable

from kblib.jobs.shard_work import Outcome

CHUNK_S = 2.0
"""Lost at most with a worker that is killed, and how often a worker is heard of."""
MOST_IN_A_CHUNK = 1_000
_GROWTH = 8
"""The first shard of a run may be quick by chance: a chunk is so many times the last at most."""
_NEWEST_WEIGHS = 0.3
MOST_DEATHS = 3
"""Workers that a shard may take with it before it counts as failed."""
_HOPELESS = 20


class Backlog:
    """The shards of a run: waiting, with a worker, done, failed.

    Parameters
    ----------
    n_shards
        All of them.
    done
        Those that have a result already.
    failed
        Those that failed before and are not tried again, with the error.
    """

    def __init__(self, n_shards: int, done: Iterable[int], failed: dict[int, str]) -> None:
        self.n_shards = n_shards
        self.done = set(done)
        self.failed = {n: why for n, why in failed.items() if n not in self.done}
        left = (n for n in range(n_shards) if n not in self.done and n not in self.failed)
        self._waiting = deque(left)
        self._suspects: deque[int] = deque()
        self._away: dict[str, list[int]] = {}
        self._deaths: Counter[int] = Counter()
        self._seconds: float | None = None
        self._last_size = 0
        self._sent = 0

    @property
    def unfinished(self) -> bool:
        """Whether anything waits or is with a worker."""
        return bool(self._waiting or self._suspects or self._away)

    @property
    def away(self) -> int:
        """How many chunks are with workers."""
        return len(self._away)

    @property
    def left(self) -> int:
        """How many shards are neither done nor failed."""
        return self.n_shards - len(self.done) - len(self.failed)

    @property
    def seconds_a_shard(self) -> float | None:
        """How long a shard takes of late (s); None until one is done."""
        return self._seconds

    @property
    def hopeless(self) -> bool:
        """Whether so many shards have failed, and none is done, that the function must be wrong."""
        return not self.done and len(self.failed) >= _HOPELESS

    def wanted(self) -> int:
        """Return how many processes could work now, each at a chunk."""
        waiting = len(self._waiting) + len(self._suspects)
        return len(self._away) + math.ceil(waiting / self._size())

    def take(self, slots: int) -> tuple[str, list[int]] | None:
        """Hand out the next chunk, under a name; None if nothing waits.

        Parameters
        ----------
        slots
            How many processes share what is left.
        """
        if self._suspects:  # alone, so that it takes nothing else with it
            chunk = [self._suspects.popleft()]
        elif self._waiting:
            fair = math.ceil(len(self._waiting) / (2 * max(1, slots)))
            chunk = [self._waiting.popleft() for _ in range(max(1, min(self._size(), fair)))]
        else:
            return None
        self._sent += 1
        name = str(self._sent)
        self._away[name] = chunk
        return name, chunk

    def come_back(self, name: str, outcomes: Iterable[Outcome]) -> dict[int, str]:
        """Take in what became of a chunk; return the shards that failed, with why."""
        chunk = set(self._away.pop(name, ()))
        worked: list[float] = []
        failed: dict[int, str] = {}
        for number, seconds, error in outcomes:
            chunk.discard(number)
            if error:
                failed[number] = error
            else:
                self.done.add(number)
            if seconds:
                worked.append(seconds)
        self._waiting.extendleft(sorted(chunk - self.done, reverse=True))
        self.failed |= {n: why for n, why in failed.items() if n not in self.done}
        self._learn(worked)
        return failed

    def lose(self, name: str, is_done: Callable[[int], bool]) -> dict[int, str]:
        """Take back a chunk whose worker is gone; return shards that now count as failed.

        Shards of a chunk are done in order, so that the first without a result is the one at which
        the worker ended.
        """
        chunk = self._away.pop(name, [])
        self.done |= {n for n in chunk if is_done(n)}
        left = [n for n in chunk if n not in self.done and n not in self.failed]
        if not left:
            return {}
        first, *others = left
        self._waiting.extendleft(reversed(others))
        self._deaths[first] += 1
        if self._deaths[first] < MOST_DEATHS:
            self._suspects.append(first)
            return {}
        why = (
            f"Its worker ended at it {MOST_DEATHS} times: killed from outside, out of memory, by a "
            "crash, or since it took more than 'hang_min' minutes; log.txt may tell."
        )
        self.failed[first] = why
        return {first: why}

    def _size(self) -> int:
        if self._seconds is None:
            return 1
        fitting = round(CHUNK_S / max(self._seconds, 1e-6))
        return max(1, min(fitting, MOST_IN_A_CHUNK, self._last_size * _GROWTH))

    def _learn(self, worked: list[float]) -> None:
        if not worked:
            return
        mean = sum(worked) / len(worked)
        known = mean if self._seconds is None else self._seconds
        self._seconds = (1 - _NEWEST_WEIGHS) * known + _NEWEST_WEIGHS * mean
        self._last_size = max(self._last_size, len(worked))
