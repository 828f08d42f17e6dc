"""The driver of a local run.

Starts the ranks, keeps the heartbeat, hears requests to stop, says how it ended.

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

import psutil

from kblib import files
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE, STOPPED
from kblib.runs import Phase, RunFolder, RunState
from kblib.sites import this_machine

_POLL_S = 0.25
_HEARTBEAT_S = 2.0
_GRACE_S = 60.0
"""How long ranks may take to checkpoint after a request to stop, before they are killed."""

log = logging.getLogger("kblib.driver")


@dataclass(frozen=True)
class Ending:
    """How the ranks ended: the driver's exit code and the reason in a sentence."""

    code: int
    why: str


class Driver:
    """One attempt at a run, on this machine.

    Parameters
    ----------
    run
        The run folder.
    attempt
        The attempt that was claimed for this driver.
    """

    def __init__(self, run: RunFolder, attempt: int) -> None:
        self.run = run
        self.attempt = attempt
        self.config = run.config()
        self.tail = run.tail()
        self.ranks: list[subprocess.Popen[bytes]] = []
        self.codes: list[int | None] = []
        self.stop_asked_at: float | None = None
        self.state = RunState(
            Phase.RUNNING,
            attempt=attempt,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=psutil.Process().create_time(),
            steps=run.state().steps,
        )

    def drive(self) -> int:
        """Carry out the attempt; return the exit code."""
        signal.signal(signal.SIGTERM, lambda *_: self._ask_ranks_to_stop("SIGTERM came"))
        self.run.cancel_file.unlink(missing_ok=True)
        self.run.failure_file.unlink(missing_ok=True)
        out_of_memory = _out_of_memory_kills()
        self.ranks = self._start_ranks()
        self._watch()
        ending = self._ending(out_of_memory)
        self._heartbeat()
        phase = {DONE: Phase.DONE, STOPPED: Phase.STOPPED}.get(ending.code, Phase.FAILED)
        self._write(phase=phase, why=ending.why, exit_code=ending.code)
        self.run.end_attempt(self.attempt, ended=time.time(), exit_code=ending.code, why=ending.why)
        log.info("attempt %d ended: %s %s", self.attempt, phase.value, ending.why)
        return ending.code

    def _start_ranks(self) -> list[subprocess.Popen[bytes]]:
        world = int(self.config["ranks"])
        module = self.config["module"]
        environments = rank_environments(world, os.environ)
        return [
            subprocess.Popen(
                [sys.executable, "-m", module, str(self.run.path), str(self.attempt)],
                stdin=subprocess.DEVNULL,
                env=environment,
            )
            for environment in environments
        ]

    def _watch(self) -> None:
        """Wait for the ranks; when one fails, end the others; keep how each ended."""
        beat = 0.0
        if self.stop_asked_at is not None:
            self._ask_ranks_to_stop("SIGTERM came before they were started")
        while any(rank.poll() is None for rank in self.ranks):
            if time.monotonic() - beat >= _HEARTBEAT_S:
                beat = time.monotonic()
                self._heartbeat()
            if self.stop_asked_at is None and self.run.cancel_file.exists():
                self._ask_ranks_to_stop(
                    f"asked by {files.read_json(self.run.cancel_file).get('by', 'a client')}"
                )
            overdue = (
                self.stop_asked_at is not None and time.monotonic() - self.stop_asked_at > _GRACE_S
            )
            if overdue or any(rank.poll() not in (None, DONE, STOPPED) for rank in self.ranks):
                self._kill_ranks()
            time.sleep(_POLL_S)

        self.codes = self.codes or [rank.returncode for rank in self.ranks]

    def _heartbeat(self) -> None:
        for record in self.tail.new():
            self.state = replace(
                self.state,
                step=record.get("step", self.state.step),
                steps=record.get("steps", self.state.steps),
            )
        self._write()

    def _write(self, **changes: Any) -> None:
        self.state = replace(self.state, heartbeat=time.time(), **changes)
        self.run.write_state(self.state)

    def _ask_ranks_to_stop(self, why: str) -> None:
        log.info("asked to stop: %s", why)
        self.stop_asked_at = self.stop_asked_at or time.monotonic()
        for rank in self.ranks:
            if rank.poll() is None:
                rank.send_signal(signal.SIGTERM)

    def _kill_ranks(self) -> None:
        # One that failed by itself ends a moment before its peers notice: its code tells.
        self.codes = [rank.poll() for rank in self.ranks]
        for rank in self.ranks:
            if rank.poll() is None:
                rank.kill()
        for rank in self.ranks:
            rank.wait()

    def _ending(self, out_of_memory_before: int) -> Ending:
        codes = [code for code in self.codes if code is not None]
        errors = [code for code in codes if code > 0 and code != STOPPED]
        killed = {n: code for n, code in enumerate(self.codes) if code is not None and code < 0}
        if errors and not killed:
            return Ending(FAILED, self._failure())
        if self.stop_asked_at is not None:
            # Ranks that were still starting, or waiting for a peer, end by the signal itself.
            return Ending(STOPPED, "Stopped on request.")
        if killed:
            number, code = next(iter(killed.items()))
            more = _out_of_memory_kills() > out_of_memory_before
            cause = "the machine was out of memory" if more else "by hand, or by the machine"
            name = signal.Signals(-code).name
            return Ending(INFRASTRUCTURE, f"Rank {number} was killed with {name} ({cause}).")
        return Ending(STOPPED if STOPPED in codes else DONE, "")

    def _failure(self) -> str:
        if self.run.failure_file.exists():
            return str(files.read_json(self.run.failure_file)["message"])
        return "A rank ended without a word; the last lines of log.txt may tell."


def rank_environments(world_size: int, base: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the environment of each rank on this machine.

    Its number, its peers, its share of the cores.
    """
    threads = max(1, this_machine().cores // world_size)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        "WORLD_SIZE": str(world_size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        # Large blocks stay with the allocator instead of going back to the system at every step.
        "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
        "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
        "OMP_NUM_THREADS": base.get("OMP_NUM_THREADS", str(threads)),
        # Threads that spin at barriers take the cores from whoever shares the machine.
        "OMP_WAIT_POLICY": "PASSIVE",
        "TOKENIZERS_PARALLELISM": "true",
        "PYTHONUNBUFFERED": "1",
    }
    return [{**base, **shared, "RANK": str(n), "LOCAL_RANK": str(n)} for n in range(world_size)]


def _out_of_memory_kills() -> int:
    """Return how many processes of this control group were killed for memory so far.

    0 where nobody counts.
    """
    try:
        lines = Path("/sys/fs/cgroup/memory.events").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def main(arguments: list[str]) -> int:
    """Drive the attempt that the command line names."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    run_path, attempt = arguments
    return Driver(RunFolder(Path(run_path)), int(attempt)).drive()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
