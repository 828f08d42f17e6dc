"""The driver of a local run: starts the ranks, keeps the heartbeat, says how it ended.

``python -m kblib.jobs.driver RUN_FOLDER ATTEMPT`` is started by `submit` in a session of its own,
so that no kernel, tab or terminal takes it along. It imports no torch; the ranks do.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kblib import files
from kblib.errors import IntegrityError
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE, STOPPED
from kblib.jobs.start import DRIVER_VARIABLE
from kblib.runs import Phase, RunFolder, RunState, lock
from kblib.sites import this_machine

_POLL_S = 0.25
_HEARTBEAT_S = 2.0
_GRACE_S = 300.0
"""How long ranks may take to checkpoint after a request to stop, before they are killed."""
_PREDECESSOR_S = 30.0
"""How long to wait for the last processes of a killed attempt to notice and end."""
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
    lock_handle
        The descriptor of the lock, which the ranks inherit.
    """

    def __init__(self, run: RunFolder, attempt: int, lock_handle: int) -> None:
        self.run = run
        self.attempt = attempt
        self.lock_handle = lock_handle
        self.config = run.config()
        self.tail = run.tail()
        self.ranks: list[subprocess.Popen[bytes]] = []
        self.codes: list[int | None] = []
        self.stop_asked_at: float | None = None
        self.forced = False
        self.out_of_memory = _out_of_memory_kills()
        self.state = RunState(
            Phase.RUNNING,
            attempt=attempt,
            host=socket.gethostname(),
            pid=os.getpid(),
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
        except Exception as error:
            log.exception("the driver failed")
            self._end_ranks()
            ending = Ending(FAILED, f"The driver failed: {type(error).__name__}: {error}")
        self._read_progress()
        self._write(phase=ending.phase, why=ending.why, exit_code=ending.code)
        log.info("attempt %d ended: %s %s", self.attempt, ending.phase.value, ending.why)
        self.run.end_attempt(self.attempt, ended=time.time(), exit_code=ending.code, why=ending.why)
        return ending.code

    def _start_ranks(self) -> None:
        module, world = self.config["module"], int(self.config["ranks"])
        for environment in rank_environments(world, os.environ, self._settled_threads()):
            words = [sys.executable, "-m", "kblib.jobs.start", module]
            rank = subprocess.Popen(
                [*words, str(self.run.path), str(self.attempt)],
                stdin=subprocess.DEVNULL,
                env=environment,
                # The lock stays held until the last of them is gone.
                pass_fds=[self.lock_handle],
            )
            self.ranks.append(rank)
        if self.stop_asked_at is not None:
            self._ask_ranks_to_stop("SIGTERM came before they were started")

    def _settled_threads(self) -> int | None:
        """Return the threads of the first attempt: another number gives other last bits."""
        try:
            return int(files.read_json(self.run.settled_file)["threads"])
        except IntegrityError:
            return None

    def _watch(self) -> None:
        """Wait for the ranks; when one fails, end the others; keep how each ended."""
        beat = time.monotonic()
        while any(rank.poll() is None for rank in self.ranks):
            if time.monotonic() - beat >= _HEARTBEAT_S:
                beat = time.monotonic()
                self._heartbeat()
            if self.stop_asked_at is None and (who := self.run.asked_to_stop(self.attempt)):
                self._ask_ranks_to_stop(f"asked by {who}")
            if self._grace_is_over():
                self.forced = True
                self._end_ranks()
            if any(rank.poll() not in (None, DONE, STOPPED) for rank in self.ranks):
                self._end_ranks()
            time.sleep(_POLL_S)
        self.codes = self.codes or [rank.returncode for rank in self.ranks]

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
        for record in self.tail.new():
            step = record.get("step", self.state.step)
            self.state = replace(self.state, step=step, steps=record.get("steps", self.state.steps))

    def _write(self, **changes: Any) -> None:
        self.state = replace(self.state, heartbeat=time.time(), **changes)
        self.run.write_state(self.state)

    def _ask_ranks_to_stop(self, why: str) -> None:
        log.info("asked to stop: %s", why)
        self.stop_asked_at = self.stop_asked_at or time.monotonic()
        for rank in self.ranks:
            if rank.poll() is None:
                rank.send_signal(signal.SIGTERM)

    def _end_ranks(self) -> None:
        # One that failed by itself ends a moment before its peers notice: its code tells.
        self.codes = self.codes or [rank.poll() for rank in self.ranks]
        for rank in self.ranks:
            if rank.poll() is None:
                rank.kill()
        for rank in self.ranks:
            rank.wait()

    def _ending(self) -> Ending:
        """Read the reason off the exit codes: what came from outside goes before what followed."""
        killed = {n: -code for n, code in enumerate(self.codes) if code is not None and code < 0}
        outside = {n: number for n, number in killed.items() if number in _FROM_OUTSIDE}
        told = self.run.failure(self.attempt)
        if self.stop_asked_at is not None and told is None and len(outside) == len(killed):
            how = f" by force, after {_GRACE_S:.0f} s of waiting" if self.forced else ""
            return Ending(STOPPED, f"Stopped on request{how}.")
        if killed and _out_of_memory_kills() > self.out_of_memory:
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
        if set(self.codes) - {None, DONE, STOPPED}:
            return Ending(FAILED, "A rank ended without a word; log.txt may tell.")
        return Ending(STOPPED if STOPPED in self.codes else DONE, "")


def rank_environments(
    world_size: int, base: Mapping[str, str], threads: int | None = None
) -> list[dict[str, str]]:
    """Return the environment of each rank on this machine: its number and its share of the cores.

    Parameters
    ----------
    threads
        Threads a rank; by default what `OMP_NUM_THREADS` says, else an equal share of the cores.
    """
    share = base.get("OMP_NUM_THREADS") or str(max(1, this_machine().cores // world_size))
    shared = {
        DRIVER_VARIABLE: str(os.getpid()),
        "WORLD_SIZE": str(world_size),
        # Large blocks stay with the allocator instead of going back to the system at every step.
        "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
        "OMP_NUM_THREADS": share if threads is None else str(threads),
        # Threads that spin at barriers take the cores from whoever shares the machine.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "true",
        "PYTHONUNBUFFERED": "1",
    }
    return [{**base, **shared, "RANK": str(n), "LOCAL_RANK": str(n)} for n in range(world_size)]


def _out_of_memory_kills() -> int:
    """Return how many processes of this control group were killed for memory; 0 if unknown."""
    try:
        lines = Path("/sys/fs/cgroup/memory.events").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def main(arguments: list[str]) -> int:
    """Drive the attempt that the command line names, unless another one has the run."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run, attempt = RunFolder(Path(arguments[0])), int(arguments[1])
    handle = lock.take(run.lock_file, patience_s=_PREDECESSOR_S)
    if handle is None or run.written_state().attempt != attempt:
        log.warning("attempt %d does not begin: another one has this run", attempt)
        return INFRASTRUCTURE
    return Driver(run, attempt, handle).drive()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
