"""Dask beside a gang, as the driver sees it: started after the ranks, and never in their way.

One scheduler on the driver's node, one worker a node in a step that overlaps that of the ranks and
takes no GPU. What is lost is started again a few times and then given up; the ranks do not notice.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from kblib.cluster import slurm_answers as answers
from kblib.cluster.tls import check_keys
from kblib.errors import KblibError
from kblib.jobs.start import DRIVER_VARIABLE
from kblib.runs import RunFolder

log = logging.getLogger("kblib.gang")

MOST_STARTS_AGAIN = 3
"""Of the scheduler, and of the worker of each node, in one attempt."""
_SHARE_OF_MEMORY, _LEAST_MIB = 32, 512
"""A worker may have one part in 32 of what the job has of a node; Slurm ends one that takes more,
instead of a rank."""
_LAST_WORDS_S = 5.0
"""For what srun said before it ended; a child of its own may hold the pipe open."""
_NICE = ["nice", "-n", "5"]
_NO_GPU = {"gpus-per-node": ["--gpus-per-node=0"], "gres": ["--gres=none"], "none": []}
"""How a step asks for none of the job's GPUs, in the words in which the site asks for some."""
_OF_THE_RANKS = ("SLURM_STEP", "PMI", "SLURM_CPUS_PER_TASK", "SLURM_TRES_PER_TASK")
"""Variables of the batch step that ``srun`` would take for options of the new one."""


def why_none(run: RunFolder) -> str:
    """Return why no Dask can stand beside the ranks of a run, in a sentence; empty if it can."""
    said = run.config().get("no_dask", "It was submitted without.")
    if said:
        return str(said)
    missing = [name for name in ("dask", "distributed") if find_spec(name) is None]
    if missing:
        return f"The Python of the job has no {' and no '.join(missing)}."
    try:
        check_keys(run)
    except (KblibError, OSError) as error:
        return str(error)
    return ""


class Beside:
    """The Dask of one attempt.

    Parameters
    ----------
    run
        The run folder, with keys in it.
    attempt
        The attempt of the ranks.
    nodes
        Where they are; this process is on one of them.
    python
        The command that starts Python on a node, a container's prefix included.
    gpu_option
        How the site asks for GPUs, and so how to ask for none.
    """

    def __init__(
        self,
        run: RunFolder,
        attempt: int,
        nodes: Sequence[str],
        python: Sequence[str],
        gpu_option: str,
    ) -> None:
        self.run = run
        self.attempt = attempt
        self.nodes = list(nodes)
        self.python = list(python)
        self.gpu_option = gpu_option
        self.given_up = False
        self.lost: Counter[str] = Counter()
        self._scheduler: subprocess.Popen[bytes] | None = None
        self._steps: list[WorkerStep] = []
        self._begun = False

    def tend(self) -> None:
        """Start what is not there, once more what was lost; whatever goes wrong is only told."""
        if self.given_up:
            return
        try:
            self._tend_scheduler()
            self._tend_workers()
        except Exception as error:  # noqa: BLE001  # whatever it is, the ranks must not hear of it
            self._give_up("scheduler", f"it could not be started: {error}")
            self.stop()

    def stop(self) -> None:
        """End all of it at once, and wait for nothing: the end of the job ends what is left."""
        for step in self._steps:
            step.end()
        self._steps = []
        if self._scheduler is not None and self._scheduler.poll() is None:
            self._scheduler.terminate()
        with suppress(OSError):
            self.run.scheduler_file.unlink(missing_ok=True)

    def _tend_scheduler(self) -> None:
        code = self._scheduler.poll() if self._scheduler is not None else None
        if self._scheduler is not None and code is None:
            return
        if code is not None:
            self.run.scheduler_file.unlink(missing_ok=True)
            if not self._may_start_again("scheduler", code):
                self.stop()
                return
        words = ["-m", "kblib.cluster.beside", "scheduler", str(self.run.path), str(self.attempt)]
        with open(self.run.dask_log_file, "ab") as output:
            self._scheduler = subprocess.Popen(
                [*_NICE, sys.executable, *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, DRIVER_VARIABLE: str(os.getpid())},
            )

    def _tend_workers(self) -> None:
        if self.given_up:
            return
        lost = {node: code for step in self._steps for node, code in step.lost().items()}
        again = {node for node, code in lost.items() if self._may_start_again(node, code)}
        missing = [node for node in self.nodes if node in again] if self._begun else self.nodes
        self._steps = [step for step in self._steps if step.nodes]
        if missing:
            self._steps.append(WorkerStep(self._command(missing), missing, self.run.dask_log_file))
            self._begun = True

    def _may_start_again(self, part: str, code: int) -> bool:
        """Tell that the scheduler, or the worker of a node, is lost; say whether to try again."""
        self.lost[part] += 1
        how = f"it was killed ({signal.Signals(-code).name})" if code < 0 else f"it ended ({code})"
        if self.lost[part] > MOST_STARTS_AGAIN:
            self._give_up(part, how)
            return False
        log.warning("Dask lost its %s: %s; it is started again", _named(part), how)
        self.run.tell("dask_lost", part=_named(part), why=how, attempt=self.attempt)
        return True

    def _give_up(self, part: str, how: str) -> None:
        self.given_up |= part == "scheduler"
        log.warning("Dask goes on without its %s: %s; the ranks go on", _named(part), how)
        self.run.tell("dask_given_up", part=_named(part), why=how, attempt=self.attempt)

    def _command(self, nodes: Sequence[str]) -> list[str]:
        """Return the step of workers on nodes; its settings hold whatever the site's are."""
        mib = _worker_mib()
        return [
            "srun",
            f"--nodes={len(nodes)}",
            f"--ntasks={len(nodes)}",
            "--ntasks-per-node=1",
            f"--nodelist={','.join(nodes)}",
            "--cpus-per-task=1",
            f"--mem={mib}M",
            *_NO_GPU[self.gpu_option],
            "--overlap",
            "--kill-on-bad-exit=0",
            "--wait=0",  # the others go on when one is lost
            f"--output={self.run.dask_log_file}",
            "--open-mode=append",
            f"--job-name={self.run.name}",
            *self.python[:-1],
            *_NICE,
            self.python[-1],
            "-m",
            "kblib.cluster.beside",
            "worker",
            str(self.run.path),
            str(mib),
        ]


class WorkerStep:
    """Workers on some nodes, as the tasks of one step.

    Parameters
    ----------
    command
        What starts it.
    nodes
        Where, in the order in which Slurm counts the tasks.
    log_file
        Where the messages of ``srun`` go; those of the ranks stand in a file without them.
    """

    def __init__(self, command: Sequence[str], nodes: Sequence[str], log_file: Path) -> None:
        self.nodes = list(nodes)
        self._log_file = log_file
        self._order = list(nodes)
        self._told: dict[str, int] = {}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_environment(os.environ),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def lost(self) -> dict[str, int]:
        """Return the nodes whose worker has ended since the last call, each with its code."""
        code = self._process.poll()
        if code is not None:
            self._reader.join(_LAST_WORDS_S)
        told = dict(self._told)
        lost = {
            node: told.get(node, code) for node in self.nodes if node in told or code is not None
        }
        self.nodes = [node for node in self.nodes if node not in lost]
        return {node: code or 0 for node, code in lost.items()}

    def end(self) -> None:
        """End all of them."""
        if self._process.poll() is None:
            self._process.terminate()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            with suppress(OSError), open(self._log_file, "a", encoding="utf-8") as file:
                file.write(line)
            for task, code in answers.endings_of_srun(line).items():
                self._told.setdefault(self._order[task], code)


def _named(part: str) -> str:
    return part if part == "scheduler" else f"worker on {part}"


def _worker_mib() -> int:
    """Return how much memory a worker may have, of what the job has on a node."""
    given = os.environ.get("SLURM_MEM_PER_NODE", "")
    return max(_LEAST_MIB, int(given) // _SHARE_OF_MEMORY if given.isdigit() else 0)


def _environment(base: Mapping[str, str]) -> dict[str, str]:
    kept = {k: v for k, v in base.items() if not k.startswith(_OF_THE_RANKS)}
    return {**kept, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
