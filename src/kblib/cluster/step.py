"""The ranks of a run as one step of a Slurm job: ``srun`` starts them on all nodes at once.

No ssh, no launcher of a framework's own: each task learns its number from Slurm.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
from collections.abc import Sequence

from kblib.cluster import slurm_answers as answers
from kblib.jobs.processes import settled_threads
from kblib.runs import RunFolder

log = logging.getLogger("kblib.gang")

_KILL_PATIENCE_S = 60.0
_LAST_WORDS_S = 10.0
"""For what srun said before it ended; a child of its own may hold the pipe open."""


class StepRanks:
    """Ranks as the tasks of one step.

    Parameters
    ----------
    run
        The run folder; its config says the module, the nodes and how many ranks.
    attempt
        The attempt they belong to.
    python
        The command that starts Python on a node, a container's prefix included.
    """

    def __init__(self, run: RunFolder, attempt: int, python: Sequence[str]) -> None:
        self.run = run
        self.attempt = attempt
        self.python = list(python)
        self.lost_nodes: list[str] = []
        self.out_of_memory = False
        self._step: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._ended: dict[int, int] = {}

    def start(self) -> None:
        """Start all ranks."""
        config = self.run.config()
        world, nodes = int(config["ranks"]), int(config["resources"]["nodes"])
        self.run.stop_file(self.attempt).unlink(missing_ok=True)
        self.run.meeting_file(self.attempt).unlink(missing_ok=True)
        step = [
            "srun",
            f"--nodes={nodes}",
            f"--ntasks={world}",
            f"--ntasks-per-node={world // nodes}",
            # From Slurm 22.05 on srun does not inherit it.
            f"--cpus-per-task={os.environ.get('SLURM_CPUS_PER_TASK', '1')}",
            "--kill-on-bad-exit=1",
            "--overlap",  # Dask stands beside the ranks, on the same cores
            "--unbuffered",
            f"--output={self.run.log_file}",
            f"--error={self.run.log_file}",
            "--open-mode=append",
            f"--job-name={self.run.name}",
        ]
        words = ["-m", "kblib.jobs.start", config["module"], str(self.run.path), str(self.attempt)]
        self._step = subprocess.Popen(
            [*step, *self.python, *words],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=self._environment(),
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def alive(self) -> bool:
        """Say whether the step goes on."""
        return self._step is not None and self._step.poll() is None

    def codes(self) -> dict[int, int]:
        """Return how tasks ended of which srun has told, and the code of the whole at its end."""
        if self._step is not None and self._step.poll() is not None:
            if self._reader is not None:
                self._reader.join(_LAST_WORDS_S)
            if not self._ended:
                self._ended[0] = self._step.returncode
        return dict(self._ended)

    def ask_to_stop(self) -> None:
        """Leave the file that rank 0 looks for; all ranks agree on it at the next step."""
        self.run.stop_file(self.attempt).touch()

    def dump_stacks(self) -> None:
        """Have each rank write its stacks into the log; srun passes the signal on."""
        if self._step is not None and self.alive():
            self._step.send_signal(signal.SIGUSR2)

    def kill(self) -> None:
        """End the step: srun ends its tasks when it is told to twice, or they lose it."""
        if self._step is None or not self.alive():
            return
        self._step.terminate()
        try:
            self._step.wait(_KILL_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._step.kill()
            self._step.wait()

    def _environment(self) -> dict[str, str]:
        # Numbers of the batch step would be taken for those of the new one.
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_STEP", "PMI"))}
        threads = settled_threads(self.run)
        cores = int(os.environ.get("SLURM_CPUS_PER_TASK", "1"))
        return {
            **kept,
            "OMP_NUM_THREADS": str(threads or kept.get("OMP_NUM_THREADS") or cores),
            "OMP_WAIT_POLICY": "PASSIVE",
            "PYTHONUNBUFFERED": "1",
        }

    def _read(self) -> None:
        """Take srun's own messages, which tell who ended first and how."""
        for line in (self._step.stderr if self._step else None) or ():
            log.warning("%s", line.rstrip())
            self._ended.update(
                {n: c for n, c in answers.endings_of_srun(line).items() if n not in self._ended}
            )
            if lost := answers.node_of_srun(line):
                self.lost_nodes.append(lost)
            self.out_of_memory |= answers.tells_of_memory(line)
