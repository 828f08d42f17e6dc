"""The driver of a local run: starts the ranks, keeps the heartbeat, says how it ended.

``python -m kblib.jobs.driver RUN_FOLDER ATTEMPT`` is started by `submit` in a session of its own,
so that no kernel, tab or terminal takes it along. It imports no torch; the ranks do.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kblib.errors import KblibError
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE, STOPPED
from kblib.jobs.processes import RankProcesses, RanksHere, out_of_memory_kills
from kblib.jobs.turn import wait_for_turn
from kblib.jobs.watchdog import HANG_MIN, Watchdog
from kblib.runs import Phase, RunFolder, RunState, lock

_POLL_S = 0.25
_HEARTBEAT_S = 2.0
_GRACE_S = 300.0
"""How long ranks may take to checkpoint after a request to stop, before they are killed."""
_PREDECESSOR_S = 30.0
"""How long to wait for the last processes of a killed attempt to notice and end."""
_STACKS_S = 3.0
"""How long ranks that hang have to write where they are."""
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM)

log = logging.getLogger("kblib.driver")


@dataclass(frozen=True)
class Ending:
    """How the ranks ended: the driver's exit code and the reason in a sentence."""

    code: int
    why: str

    @property
    def phase(self) -> Phase:
        """What the run is after such an ending."""
        return {DONE: Phase.DONE, STOPPED: Phase.STOPPED}.get(self.code, Phase.FAILED)


class Driver:
    """One attempt at a run, on this machine.

    Parameters
    ----------
    run
        The run folder; its lock is held.
    attempt
        The attempt that was claimed for this driver.
    ranks
        What it drives.
    """

    def __init__(self, run: RunFolder, attempt: int, ranks: RankProcesses) -> None:
        self.run = run
        self.attempt = attempt
        self.ranks = ranks
        self.config = run.config()
        self.tail = run.tail()
        self.codes: dict[int, int] = {}
        self.stop_asked_at: float | None = None
        self.forced = False
        self.hung = False
        self.watchdog = Watchdog(attempt, float(self.config.get("hang_min", HANG_MIN)))
        self.out_of_memory = out_of_memory_kills()
        self.state = RunState(
            Phase.RUNNING,
            attempt=attempt,
            host=socket.gethostname(),
            pid=os.getpid(),
            step=run.written_state().step,
            steps=run.written_state().steps,
        )

    def drive(self) -> int:
        """Carry out the attempt; return the exit code. Whatever happens, the state tells it."""
        signal.signal(signal.SIGTERM, lambda *_: self._ask_ranks_to_stop("SIGTERM came"))
        try:
            self.run.tidy()
            self._write()
            self._start_ranks()
            self._watch()
            ending = self._ending()
        except KblibError as error:
            self._end_ranks()
            ending = Ending(FAILED, str(error))
        except Exception as error:
            log.exception("the driver failed")
            self._end_ranks()
            ending = Ending(FAILED, f"The driver failed: {type(error).__name__}: {error}")
        self._read_progress()
        self.run.end_attempt(
            self.attempt,
            ended=time.time(),
            exit_code=ending.code,
            why=ending.why,
            step=self.state.step,
            saved=self.run.newest_checkpoint(),
        )
        phase = self._next_phase(ending)
        self._write(phase=phase, why=self._why(ending), exit_code=ending.code)
        log.info("attempt %d ended: %s %s", self.attempt, self.state.phase.value, ending.why)
        return ending.code

    def _next_phase(self, ending: Ending) -> Phase:
        """Return what the run is after an ending."""
        return ending.phase

    def _why(self, ending: Ending) -> str:
        """Return what is told of the run after an ending."""
        return ending.why

    def _start_ranks(self) -> None:
        self.ranks.start()
        if self.stop_asked_at is not None:
            self._ask_ranks_to_stop("SIGTERM came before they were started")

    def _watch(self) -> None:
        """Wait for the ranks; when one fails, end the others; keep how each ended."""
        beat = time.monotonic()
        while self.ranks.alive():
            if time.monotonic() - beat >= _HEARTBEAT_S:
                beat = time.monotonic()
                self._heartbeat()
            if self.stop_asked_at is None and (who := self.run.asked_to_stop(self.attempt)):
                self._ask_ranks_to_stop(f"asked by {who}")
            if self._grace_is_over():
                self.forced = True
                self._end_ranks()
            if set(self.ranks.codes().values()) - {DONE, STOPPED}:
                self._end_ranks()
            elif self.watchdog.barks():
                self._end_ranks_that_hang()
            time.sleep(_POLL_S)
        self.codes = self.codes or self.ranks.codes()

    def _grace_is_over(self) -> bool:
        asked = self.stop_asked_at
        return asked is not None and time.monotonic() - asked > _GRACE_S

    def _heartbeat(self) -> None:
        """Tell how far the ranks are; a disk that does not answer for once ends no training."""
        try:
            self._read_progress()
            self._write()
        except OSError as error:
            log.warning("the heartbeat could not be written: %s", error)

    def _read_progress(self) -> None:
        records = self.tail.new()
        self.watchdog.hear(records)
        for record in records:
            step = record.get("step", self.state.step)
            self.state = replace(self.state, step=step, steps=record.get("steps", self.state.steps))

    def _write(self, **changes: Any) -> None:
        self.state = replace(self.state, heartbeat=time.time(), **changes)
        self.run.write_state(self.state)

    def _ask_ranks_to_stop(self, why: str) -> None:
        log.info("asked to stop: %s", why)
        self.stop_asked_at = self.stop_asked_at or time.monotonic()
        self.ranks.ask_to_stop()

    def _end_ranks(self) -> None:
        # One that failed by itself ends a moment before its peers notice: its code tells.
        self.codes = self.codes or self.ranks.codes()
        self.ranks.kill()

    def _end_ranks_that_hang(self) -> None:
        log.warning(
            "no step for %g minutes: each rank writes where it is", self.watchdog.patience_min
        )
        self.hung = True
        self.ranks.dump_stacks()
        time.sleep(_STACKS_S)
        self._end_ranks()

    def _ending(self) -> Ending:
        """Read the reason off the exit codes: what came from outside goes before what followed."""
        killed = {n: -code for n, code in self.codes.items() if code < 0}
        outside = {n: number for n, number in killed.items() if number in _FROM_OUTSIDE}
        told = self.run.failure(self.attempt)
        if self.hung and told is None:
            silent = f"No step for {self.watchdog.patience_min:g} minutes"
            return Ending(INFRASTRUCTURE, f"{silent}; where each rank was is in log.txt.")
        if self.stop_asked_at is not None and told is None and len(outside) == len(killed):
            how = f" by force, after {_GRACE_S:.0f} s of waiting" if self.forced else ""
            why = self.run.reason_to_stop(self.attempt)
            return Ending(STOPPED, why or f"Stopped on request{how}.")
        if killed and out_of_memory_kills() > self.out_of_memory:
            return Ending(FAILED, "A rank was killed because the machine was out of memory.")
        if outside:
            rank, number = next(iter(outside.items()))
            name = signal.Signals(number).name
            return Ending(INFRASTRUCTURE, f"Rank {rank} was killed from outside ({name}).")
        if told is not None:
            return Ending(FAILED, told)
        if killed:
            rank, number = next(iter(killed.items()))
            return Ending(FAILED, f"Rank {rank} crashed ({signal.Signals(number).name}).")
        if INFRASTRUCTURE in self.codes.values():
            return Ending(INFRASTRUCTURE, "A rank lost touch with its peers.")
        if set(self.codes.values()) - {DONE, STOPPED}:
            return Ending(FAILED, "A rank ended without a word; log.txt may tell.")
        return Ending(STOPPED if STOPPED in self.codes.values() else DONE, "")


def main(arguments: list[str]) -> int:
    """Drive the attempt that the command line names, unless another one has the run."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run, attempt = RunFolder(Path(arguments[0])), int(arguments[1])
    handle = lock.take(run.lock_file, patience_s=_PREDECESSOR_S)
    if handle is None or run.written_state().attempt != attempt:
        log.warning("attempt %d does not begin: another one has this run", attempt)
        return INFRASTRUCTURE
    if not wait_for_turn(run, attempt):
        return STOPPED
    return Driver(run, attempt, RanksHere(run, attempt, handle)).drive()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
