"""The ranks of a run as processes that a driver starts, watches and ends.

On one machine they are its children. On a cluster they are the tasks of one ``srun`` step
(`kblib.cluster.step`).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from kblib import files
from kblib.errors import IntegrityError
from kblib.jobs.start import DRIVER_VARIABLE
from kblib.runs import RunFolder
from kblib.sites import this_machine

_ONE_STACK_S = 0.2
"""Between the stacks of two ranks, which would else be written into each other."""


class RankProcesses(Protocol):
    """All ranks of an attempt."""

    def start(self) -> None:
        """Start them."""

    def alive(self) -> bool:
        """Say whether one of them still runs."""

    def codes(self) -> dict[int, int]:
        """Return the exit codes of those that have ended, a signal as a negative number.

        What came first stands first.
        """

    def ask_to_stop(self) -> None:
        """Ask them to write a checkpoint and end."""

    def dump_stacks(self) -> None:
        """Let each write into the log where it is."""

    def kill(self) -> None:
        """End them at once, and wait until they are gone."""


class RanksHere:
    """Ranks as child processes on this machine.

    Parameters
    ----------
    run
        The run folder; its config says the module and how many.
    attempt
        The attempt they belong to.
    lock_handle
        The descriptor of the run's lock, which they inherit: it stays held until the last is gone.
    """

    def __init__(self, run: RunFolder, attempt: int, lock_handle: int) -> None:
        self.run = run
        self.attempt = attempt
        self.lock_handle = lock_handle
        self._processes: list[subprocess.Popen[bytes]] = []
        self._ended: dict[int, int] = {}

    def start(self) -> None:
        """Start one process a rank."""
        config = self.run.config()
        words = [sys.executable, "-m", "kblib.jobs.start", config["module"]]
        world = int(config["ranks"])
        for environment in rank_environments(world, os.environ, settled_threads(self.run)):
            rank = subprocess.Popen(
                [*words, str(self.run.path), str(self.attempt)],
                stdin=subprocess.DEVNULL,
                env=environment,
                pass_fds=[self.lock_handle],
            )
            self._processes.append(rank)

    def alive(self) -> bool:
        """Say whether one of them still runs."""
        return any(rank.poll() is None for rank in self._processes)

    def codes(self) -> dict[int, int]:
        """Return the exit codes of those that have ended, in the order in which they were seen."""
        for number, rank in enumerate(self._processes):
            code = rank.poll()
            if code is not None:
                self._ended.setdefault(number, code)
        return dict(self._ended)

    def ask_to_stop(self) -> None:
        """Send SIGTERM, which the ranks take as a request."""
        self._signal(signal.SIGTERM)

    def dump_stacks(self) -> None:
        """Send the signal at which `kblib.jobs.start` has Python write its stacks, one by one."""
        for rank in self._processes:
            if rank.poll() is None:
                rank.send_signal(signal.SIGUSR2)
                time.sleep(_ONE_STACK_S)

    def kill(self) -> None:
        """End them at once, and wait until they are gone."""
        self._signal(signal.SIGKILL)
        for rank in self._processes:
            rank.wait()

    def _signal(self, number: signal.Signals) -> None:
        for rank in self._processes:
            if rank.poll() is None:
                rank.send_signal(number)


def settled_threads(run: RunFolder) -> int | None:
    """Return the threads of the first attempt: another number gives other last bits."""
    try:
        return int(files.read_json(run.settled_file)["threads"])
    except IntegrityError:
        return None


def rank_environments(
    world_size: int, base: Mapping[str, str], threads: int | None = None
) -> list[dict[str, str]]:
    """Return the environment of each rank on this machine: its number and its share of the cores.

    Parameters
    ----------
    threads
        Threads a rank; by default what `OMP_NUM_THREADS` says, else an equal share of the cores.
    """
    machine = this_machine()
    share = base.get("OMP_NUM_THREADS") or str(max(1, machine.cores // world_size))
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


def out_of_memory_kills() -> int:
    """Return how many processes of this control group were killed for memory; 0 if unknown."""
    try:
        lines = Path("/sys/fs/cgroup/memory.events").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
