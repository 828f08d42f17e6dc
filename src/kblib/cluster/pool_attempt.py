"""One attempt at a batch: what is left is handed out, what comes back is told.

Nothing that matters is kept in mind: what is done lies in ``result/``, so that the next attempt
goes on where this one was lost.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from kblib.cluster import tls
from kblib.cluster.backlog import Backlog
from kblib.cluster.pool import Answer, open_pool
from kblib.cluster.pool_budget import PoolBudget
from kblib.errors import KblibError
from kblib.jobs.driver import Ending
from kblib.jobs.exit_codes import DONE, FAILED, STOPPED
from kblib.runs import Phase, RunFolder, RunState, journal
from kblib.runs.shards import ShardFiles

log = logging.getLogger("kblib.pool")

_HEARTBEAT_S = 2.0
_PATIENCE_S = 0.25
_MOST_LINES = 500
"""About so many lines a tenfold of time: a run of days is told in a few thousand."""
_SHOWN_FAILURES = 3


class Workers(Protocol):
    """What a head asks of a pool."""

    @property
    def slots(self) -> int:
        """How many processes are there to work."""

    def send(self, chunk: str, numbers: list[int]) -> None:
        """Ask for some shards."""

    def answers(self, patience_s: float) -> list[Answer]:
        """Return what has come back, after a wait for the first."""

    def look_after(self) -> str:
        """Have lost workers replaced; return why there can be none, or nothing."""

    def hand_over(self) -> None:
        """Leave all workers to the next head."""


Opening = Callable[[RunFolder, Callable[[], int]], AbstractContextManager[Workers]]


@dataclass
class Pace:
    """When the next line about the progress is due: often at first, then ever more rarely."""

    began: float
    last: float = 0.0

    def is_due(self, now: float) -> bool:
        """Say whether it is, and take it as written if so."""
        due = now - self.last >= max(_HEARTBEAT_S, (now - self.began) / _MOST_LINES)
        self.last = now if due else self.last
        return due


class PoolHead:
    """One attempt at a batch.

    Parameters
    ----------
    run
        The run folder; its lock is held.
    attempt
        The attempt that was claimed.
    opening
        Gives the pool.
    """

    def __init__(self, run: RunFolder, attempt: int, opening: Opening = open_pool) -> None:
        self.run = run
        self.attempt = attempt
        self.opening = opening
        self.shards = ShardFiles(run)
        told = {n: str(about["error"]) for n, about in self.shards.failed().items()}
        self.backlog = Backlog(int(run.config()["pool"]["shards"]), self.shards.done(), told)
        self.begun_with = len(self.backlog.done)
        self.began = time.monotonic()
        self.pace = Pace(self.began)
        self.budget = PoolBudget(run, attempt)
        self.beat = 0.0
        self.slots = 0
        self.stops = ""
        self.asked_to_leave = ""
        self.wall_time_is_near = False
        self.state = RunState(
            Phase.RUNNING, attempt=attempt, host=socket.gethostname(), pid=os.getpid()
        )

    def drive(self) -> int:
        """Carry out the attempt; return the exit code. Whatever happens, the state tells it."""
        signal.signal(signal.SIGTERM, lambda *_: self._leave("SIGTERM came"))
        signal.signal(signal.SIGUSR1, self._hear_of_the_wall_time)
        try:
            self._write()
            self._begin()
            if self.backlog.unfinished:
                with self.opening(self.run, self.backlog.wanted) as pool:
                    self._work(pool)
                    if self._next_one_goes_on():
                        pool.hand_over()
            ending = self._ending()
        except Exception as error:
            log.exception("the head failed")
            kind = "" if isinstance(error, KblibError) else f"{type(error).__name__}: "
            ending = Ending(FAILED, f"The head failed: {kind}{error}")
        self._tell_where_it_ended()
        return self._end(ending)

    def _begin(self) -> None:
        self.run.set_reserve_aside()
        done, event = len(self.backlog.done), "resumed" if self.attempt > 1 else "began"
        self._append({"event": event, "step": done, "workers_at_most": self._workers()})
        log.info("attempt %d: %d of %d shards are done", self.attempt, done, self.backlog.n_shards)

    def _workers(self) -> int:
        return int(self.run.config()["pool"]["workers"])

    def _work(self, pool: Workers) -> None:
        """Hand out and take in until all is done, or there is a reason to end."""
        while self.backlog.unfinished and not self._reason_to_end():
            self.slots = pool.slots
            while self.backlog.away < self.slots and (chunk := self.backlog.take(self.slots)):
                pool.send(*chunk)
            for answer in pool.answers(_PATIENCE_S):
                self._take_in(answer)
            self.stops = self.stops or pool.look_after()
            self._heartbeat()

    def _reason_to_end(self) -> bool:
        if not self.asked_to_leave and (who := self.run.asked_to_stop(self.attempt)):
            self._leave(f"asked by {who}")
        return bool(self.asked_to_leave or self.stops or self.backlog.hopeless)

    def _take_in(self, answer: Answer) -> None:
        if answer.lost:
            log.warning("a worker was lost; what it had not done goes to others")
            failed = self.backlog.lose(answer.chunk, self.shards.is_done)
            for number, why in failed.items():
                about = {"shard": number, "item": item_of(self.run, number), "error": why}
                self.shards.write_failure(number, about)
        else:
            failed = self.backlog.come_back(answer.chunk, answer.outcomes)
            self.stops = self.stops or answer.stops
        for number, why in failed.items():
            self._append({"event": "shard_failed", "shard": number, "why": why})

    def _heartbeat(self) -> None:
        """Tell how far it is; a disk that does not answer for once ends nothing."""
        now = time.monotonic()
        if now - self.beat < _HEARTBEAT_S:
            return
        self.beat = now
        try:
            self.budget.count(self.slots)
            self.budget.stop_if_spent()
            self._write()
            if self.pace.is_due(now):
                self._tell_progress()
        except FileNotFoundError:  # somebody has removed the run: nobody wants its results
            raise
        except OSError as error:
            log.warning("the heartbeat could not be written: %s", error)

    def _tell_progress(self) -> None:
        self.budget.count(self.slots)
        done, seconds = len(self.backlog.done), time.monotonic() - self.began
        rate = (done - self.begun_with) / max(seconds, 1e-9)
        record: dict[str, Any] = {
            "step": done,
            "steps": self.backlog.n_shards,
            "failed": len(self.backlog.failed),
            "workers": self.slots,
            "shards_per_s": round(rate, 3),
            "gpu_hours": round(self.budget.gpu_hours, 6),
        }
        if rate:
            record["seconds_left"] = round(self.backlog.left / rate, 1)
        self._append(record)

    def _tell_where_it_ended(self) -> None:
        try:
            self._tell_progress()
        except OSError as error:  # the state, for which room is kept, says it as well
            log.warning("the last progress could not be written: %s", error)

    def _append(self, record: dict[str, Any]) -> None:
        line = {**record, "attempt": self.attempt, "time": time.time()}
        journal.append(self.run.metrics_file, line)

    def _write(self, **changes: Any) -> None:
        done, steps = len(self.backlog.done), self.backlog.n_shards
        self.state = replace(self.state, heartbeat=time.time(), step=done, steps=steps, **changes)
        self.run.write_state(self.state)

    def _leave(self, why: str) -> None:
        log.info("asked to stop: %s", why)
        self.asked_to_leave = self.asked_to_leave or why

    def _hear_of_the_wall_time(self, *_: object) -> None:
        self.wall_time_is_near = True
        self._leave("the wall time is near")

    def _ending(self) -> Ending:
        backlog = self.backlog
        if self.stops:
            return Ending(FAILED, self.stops)
        if backlog.hopeless and backlog.unfinished:
            return Ending(
                FAILED, f"The first {len(backlog.failed)} shards all failed. {self._some()}"
            )
        if backlog.unfinished:
            if self.wall_time_is_near and not self.run.asked_to_stop(self.attempt):
                return Ending(STOPPED, "The wall time was near; the next job goes on.")
            why = self.run.reason_to_stop(self.attempt)
            return Ending(STOPPED, why or "Stopped on request.")
        if backlog.failed:
            failed, done = len(backlog.failed), len(backlog.done)
            return Ending(
                FAILED,
                f"{failed} of {backlog.n_shards} shards failed; "
                f"the results of the other {done} are there. {self._some()}",
            )
        return Ending(DONE, "")

    def _some(self) -> str:
        """Say which shards failed, the first of them, and why."""
        told = self.shards.failed()
        numbers = sorted(self.backlog.failed)[:_SHOWN_FAILURES]
        said = [
            f"Shard {n} ({str(told.get(n, {}).get('item'))[:80]}): {self.backlog.failed[n]}"
            for n in numbers
        ]
        rest = len(self.backlog.failed) - len(numbers)
        return "; ".join([*said, *([f"and {rest} more"] if rest else [])])

    def _end(self, ending: Ending) -> int:
        self.run.end_attempt(
            self.attempt,
            ended=time.time(),
            exit_code=ending.code,
            why=ending.why,
            step=len(self.backlog.done),
        )
        phase = self._next_phase(ending)
        if phase is not Phase.QUEUED:
            tls.remove_keys(self.run)
            self.shards.tidy()
        self._write(phase=phase, why=ending.why, exit_code=ending.code)
        log.info("attempt %d ended: %s %s", self.attempt, phase.value, ending.why)
        return ending.code

    def _next_one_goes_on(self) -> bool:
        """Say whether another head waits to go on with the same workers."""
        return False

    def _next_phase(self, ending: Ending) -> Phase:
        """Return what the run is after an ending."""
        return ending.phase


def item_of(run: RunFolder, number: int) -> Any:
    """Return a shard as the run folder names it; nothing is imported or opened for it."""
    job = run.config()["job"]
    return job["shards"][number] if "shards" in job else {"first_row": number * job["rows"]}
