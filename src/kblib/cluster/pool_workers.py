"""The workers of a pool as Dask's clusters know them: processes of this machine, or Slurm's jobs.

What a worker's job is stands in one place (`pool_scripts`): dask-jobqueue's own header is not used,
since it cannot say what our sites need. dask-jobqueue asks for workers and sends them away.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dask_jobqueue.slurm import SLURMCluster, SLURMJob
from distributed import Status
from distributed.deploy.spec import ProcessInterface, SpecCluster

from kblib import files
from kblib.cluster import gang, tls
from kblib.cluster.pool_scripts import worker_command, worker_name, worker_script
from kblib.cluster.pool_worker import SCRATCH, environment_of
from kblib.cluster.resources import Resources
from kblib.cluster.servers import QuietScheduler
from kblib.cluster.slurm import Slurm
from kblib.errors import KblibError
from kblib.runs import RunFolder
from kblib.sites import this_machine

log = logging.getLogger("kblib.pool")

_SECURE = {"protocol": "tls://", "dashboard": False}
_LEAVING_S = 10.0


class LocalWorker(ProcessInterface):
    """A worker as a process of this machine.

    Parameters
    ----------
    scheduler
        Where the head listens.
    name
        Of the worker.
    run
        The run folder.
    total
        How many there will be at most: they share the cores and the GPUs.
    """

    def __init__(self, scheduler: str, name: str, *, run: RunFolder, total: int) -> None:
        super().__init__(scheduler, name)  # type: ignore[no-untyped-call]
        number = int(name.rpartition("-")[2]) % total
        self.command = [sys.executable, *worker_command(run, scheduler, name)]
        self.environment = environment_of(number, total, _whole_machine())
        self.log_file = run.log_file
        self.scratch = Path(tempfile.mkdtemp(prefix=SCRATCH))  # a killed worker leaves it behind
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start the process."""
        self.process = await asyncio.to_thread(self._started)
        await super().start()  # type: ignore[no-untyped-call]

    def _started(self) -> subprocess.Popen[bytes]:
        with open(self.log_file, "ab") as output:
            return subprocess.Popen(
                [*self.command, f"--scratch={self.scratch}"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
            )

    async def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.terminate()
            try:
                await asyncio.to_thread(self.process.wait, _LEAVING_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                await asyncio.to_thread(self.process.wait)
        shutil.rmtree(self.scratch, ignore_errors=True)
        await super().close()  # type: ignore[no-untyped-call]


class LocalWorkers(SpecCluster):
    """Workers on this machine.

    Parameters
    ----------
    run
        The run folder.
    """

    def __init__(self, run: RunFolder) -> None:
        self.refusals: list[str] = []  # this machine refuses none
        security = tls.security(run)
        scheduler = {"host": "127.0.0.1", "security": security, **_SECURE}
        worker = {"run": run, "total": int(run.config()["pool"]["workers"])}
        super().__init__(  # type: ignore[no-untyped-call]
            scheduler={"cls": QuietScheduler, "options": scheduler},
            worker={"cls": LocalWorker, "options": worker},
            security=security,
            name=run.name,
        )

    def _new_worker_name(self, worker_number: int) -> str:
        return f"worker-{worker_number}"

    def there(self) -> list[Any]:
        """Return the workers that the scheduler has heard of, as Dask knows them."""
        return list(self.scheduler.workers.values()) if self.scheduler else []

    async def ended(self) -> set[str]:
        """Return the workers whose process has ended."""
        there = {name: worker.process for name, worker in self.workers.items()}
        return {name for name, one in there.items() if one is None or one.poll() is not None}


class SlurmWorker(SLURMJob):
    """A worker as a job of one node, whose script is ours.

    Parameters
    ----------
    scheduler
        Where the head listens.
    name
        Of the worker.
    script_of
        Gives the script, from both.
    slurm
        Where it is sent.
    refusals
        Takes what Slurm says when it refuses the job.
    notes
        Where the number of the job is noted, for a head that takes over.
    """

    def __init__(
        self,
        scheduler: str,
        name: str,
        *,
        script_of: Callable[[str, str], str],
        slurm: Slurm,
        refusals: list[str],
        notes: Path,
        **dask_jobqueue: Any,
    ) -> None:
        # Cores and memory are what dask-jobqueue insists on, for a header that is not used.
        super().__init__(scheduler, name, cores=1, memory="1GiB", **dask_jobqueue)  # type: ignore[no-untyped-call]
        self._script = script_of(scheduler, name)
        self._slurm = slurm
        self._refusals = refusals
        self._note = notes / name

    def job_script(self) -> str:
        """Return the script that is sent."""
        return self._script

    async def _submit_job(self, script_filename: str) -> str:
        script = await asyncio.to_thread(Path(script_filename).read_text, encoding="utf-8")
        try:
            number = await asyncio.to_thread(self._slurm.submit, script)
        except KblibError as error:
            self._refusals.append(str(error))
            log.warning("a worker could not be asked for: %s", error)
            raise
        files.write_atomic(self._note, number.encode())
        return number

    async def close(self) -> None:
        """Take the job out of the queue, or end it."""
        if self.job_id:
            try:
                await asyncio.to_thread(self._slurm.cancel, self.job_id)
            except KblibError as error:
                log.warning("%s", error)
        self._note.unlink(missing_ok=True)
        await ProcessInterface.close(self)


class SlurmWorkers(SLURMCluster):
    """Workers on nodes.

    Parameters
    ----------
    run
        The run folder.
    """

    job_cls = SlurmWorker  # type: ignore[assignment]

    def __init__(self, run: RunFolder) -> None:
        self.notes = run.workers
        self.notes.mkdir(exist_ok=True)
        self.site = gang.cluster_of_run(run)
        self.slurm = gang.slurm_of(run)
        self.jobs_name = worker_name(run)
        self.refusals: list[str] = []
        asked = Resources(**run.config()["pool"]["resources"])
        variables = gang.variables_of(self.site)

        def script_of(head: str, name: str) -> str:
            return worker_script(run, self.site, asked, head, name, variables)

        options = {"interface": self.site.interface} if self.site.interface else {}
        super().__init__(
            name=run.name,
            security=tls.security(run),
            protocol="tls://",
            scheduler_cls=QuietScheduler,
            scheduler_options={**options, **_SECURE},
            processes=asked.ranks_per_node,
            script_of=script_of,
            slurm=self.slurm,
            refusals=self.refusals,
            notes=run.workers,
        )

    def _new_worker_name(self, worker_number: int) -> str:
        return f"worker-{worker_number}"

    def there(self) -> list[Any]:
        """Return the workers that the scheduler has heard of, as Dask knows them."""
        return list(self.scheduler.workers.values()) if self.scheduler else []

    async def take_over(self) -> None:
        """Keep the workers that a lost head left; a job that nobody noted is ended."""
        jobs = await asyncio.to_thread(self.slurm.queue, self.jobs_name)
        there = {job.id for job in jobs}
        for note in sorted(self.notes.iterdir()):
            number = note.read_text(encoding="ascii")
            if number not in there:
                note.unlink()
                continue
            there.remove(number)
            worker = self.job_cls(self.scheduler_address, note.name, **self._job_kwargs)
            worker.job_id, worker.status = number, Status.running
            self.workers[note.name], self.worker_spec[note.name] = worker, self.new_spec
            self._i = max(self._i, 1 + int(note.name.rpartition("-")[2]))
        if there:
            await asyncio.to_thread(self.slurm.cancel, *sorted(there))
        if self.workers:
            log.info("%d workers of the last head go on", len(self.workers))

    async def let_go(self) -> None:
        """Leave all workers to the next head."""
        if self._adaptive is not None:
            self._adaptive.stop()
        for worker in self.workers.values():
            worker.status = Status.closed
        self.workers.clear()
        self.worker_spec.clear()

    async def ended(self) -> set[str]:
        """Return the workers whose job Slurm has no more in its queue, or never took."""
        jobs = await asyncio.to_thread(self.slurm.queue, self.jobs_name)
        known = {job.id for job in jobs}
        return {name for name, worker in self.workers.items() if worker.job_id not in known}


def _whole_machine() -> dict[str, str]:
    """Return the environment in which this machine says its GPUs and cores as a node does."""
    machine = this_machine()
    gpus = {"CUDA_VISIBLE_DEVICES": ",".join(map(str, range(machine.gpus)))} if machine.gpus else {}
    return {"SLURM_CPUS_PER_TASK": str(machine.cores), **gpus, **os.environ}
