"""A pool: as many workers as can work now, by Dask, and the shards that they are given.

Dask finds out who is there, hands out and takes in. A task is the name of a run and numbers of
shards; what comes back is plain as well.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any
from weakref import WeakSet

import dask
from distributed import Adaptive, Client, Future, KilledWorker, Status

from kblib.cluster.pool_workers import LocalWorkers, SlurmWorkers
from kblib.errors import KblibError
from kblib.jobs.shard_work import Outcome, carry_out
from kblib.runs import RunFolder

log = logging.getLogger("kblib.pool")

DASK = {
    "distributed.scheduler.allowed-failures": 0,  # the head counts who dies at what
    "distributed.scheduler.worker-ttl": "120s",  # a node without power says no goodbye
    "distributed.scheduler.work-stealing": False,  # a chunk stays where it was begun
    "distributed.scheduler.http.routes": [],  # pages that nobody can ask for
    "distributed.deploy.lost-worker-timeout": "1s",
}
"""Dask's words for what a pool asks of it."""
MOST_STARTS_LOST = 5
"""Workers in a row that end before the head hears of them, after which a run gives up."""
_ADAPT_S = 1.0
_LOOK_HERE_S, _LOOK_SLURM_S = 0.5, 5.0
_RESULT_S = 10.0


@dataclass(frozen=True)
class Answer:
    """What became of a chunk.

    Parameters
    ----------
    chunk
        Its name.
    outcomes
        Of its shards.
    stops
        What should end the run; empty if nothing should.
    lost
        Whether its worker is gone.
    """

    chunk: str
    outcomes: list[Outcome]
    stops: str = ""
    lost: bool = False


class ByNeed(Adaptive):
    """As many workers as can work now, by what the head knows is left.

    Parameters
    ----------
    wanted
        Says how many processes could work now.
    """

    def __init__(self, cluster: Any, *, wanted: Callable[[], int], **options: Any) -> None:
        super().__init__(cluster, **options)
        self._wanted = wanted

    async def target(self) -> int:
        """Return how many there should be."""
        return self._wanted()

    @property
    def observed(self) -> set[Any]:
        """Those that are there; Dask's own list may be cut short."""
        workers: list[Any] = self.cluster.there()  # type: ignore[attr-defined]
        return {worker.name for worker in workers}


class Pool:
    """Workers, as many as are wanted, and what they are asked for.

    Parameters
    ----------
    run
        The run folder.
    cluster
        Dask's cluster, which starts and ends workers.
    most
        Processes at most.
    wanted
        Says how many processes could work now.
    look_s
        How often to see whether workers have ended before they were heard of.
    """

    def __init__(
        self,
        run: RunFolder,
        cluster: LocalWorkers | SlurmWorkers,
        most: int,
        wanted: Callable[[], int],
        look_s: float,
    ) -> None:
        self._folder = str(run.path)
        self._cluster = cluster
        self._client = Client(cluster, set_as_default=False)
        self._look_s = look_s
        self._looked = time.monotonic()
        self._answers: SimpleQueue[tuple[str, Future[Any]]] = SimpleQueue()
        self._futures: dict[str, Future[Any]] = {}
        self._heard_of: WeakSet[Any] = WeakSet()
        self._starts_lost = 0
        run.announce_scheduler(cluster.scheduler_address)
        self._take_over()
        cluster.adapt(
            Adaptive=ByNeed,
            minimum=0,
            maximum=most,
            interval=_ADAPT_S,
            wanted=wanted,
            worker_key=job_of,
        )

    def _take_over(self) -> None:
        if isinstance(self._cluster, SlurmWorkers):
            try:
                self._cluster.sync(self._cluster.take_over)  # type: ignore[no-untyped-call]
            except KblibError as error:  # then there are new ones
                log.warning("workers of the last head are not known: %s", error)

    def hand_over(self) -> None:
        """Leave all workers to the next head, which has them noted."""
        if isinstance(self._cluster, SlurmWorkers):
            self._cluster.sync(self._cluster.let_go)  # type: ignore[no-untyped-call]

    @property
    def slots(self) -> int:
        """How many processes are there to work."""
        return sum(worker.status is Status.running for worker in self._cluster.there())

    def send(self, chunk: str, numbers: list[int]) -> None:
        """Ask for some shards."""
        key = f"shards-{chunk}"
        future = self._client.submit(carry_out, self._folder, numbers, key=key, pure=False)
        self._futures[chunk] = future
        future.add_done_callback(lambda done: self._answers.put((chunk, done)))

    def answers(self, patience_s: float) -> list[Answer]:
        """Return what has come back, after a wait for the first."""
        came = []
        try:
            came.append(self._answers.get(timeout=patience_s))
            while True:
                came.append(self._answers.get_nowait())
        except Empty:
            read = [self._read(chunk, future) for chunk, future in came]
            return [answer for answer in read if answer is not None]

    def _read(self, chunk: str, future: Future[Any]) -> Answer | None:
        try:
            given = future.result(timeout=_RESULT_S)
        except TimeoutError:  # its worker went with the answer, and Dask has it done again
            future.add_done_callback(lambda done: self._answers.put((chunk, done)))
            return None
        except (KilledWorker, CancelledError):
            answer = Answer(chunk, [], lost=True)
        except Exception as error:  # noqa: BLE001  whatever kept a worker from answering
            told = f"No worker can do a shard. {type(error).__name__}: {error}"
            answer = Answer(chunk, [], stops=told)
        else:
            answer = Answer(chunk, given["outcomes"], given["stops"])
        del self._futures[chunk]
        return answer

    def look_after(self) -> str:
        """Have workers replaced that ended unheard; return why there can be none, or nothing."""
        if time.monotonic() - self._looked > self._look_s:
            self._looked = time.monotonic()
            try:
                self._cluster.sync(self._drop_ended)  # type: ignore[no-untyped-call]
            except KblibError as error:  # Slurm does not answer; it will
                log.warning("%s", error)
        if self._starts_lost < MOST_STARTS_LOST:
            return ""
        if refusals := self._cluster.refusals:
            return f"No worker can be asked for. {refusals[-1]}"
        return (
            f"{self._starts_lost} workers in a row ended before they had begun; the end of "
            "log.txt may tell why."
        )

    async def _drop_ended(self) -> None:
        """Forget workers that have ended, so that `adapt` asks for others."""
        there = {job_of(worker) for worker in self._cluster.there()}
        self._heard_of.update(one for name, one in self._cluster.workers.items() if name in there)
        if there:
            self._starts_lost = 0
        if there >= set(self._cluster.workers):
            return
        for name in await self._cluster.ended() - there:
            worker = self._cluster.workers.pop(name, None)
            if worker is None:
                continue
            self._starts_lost += worker not in self._heard_of
            await worker.close()

    def close(self) -> None:
        """Send all workers away."""
        self._client.close()
        self._cluster.close()


def job_of(worker: Any) -> str:
    """Return the job, or process, that a worker belongs to: ``worker-3`` of ``worker-3-1``."""
    return "-".join(str(worker.name).split("-")[:2])


@contextmanager
def open_pool(run: RunFolder, wanted: Callable[[], int]) -> Iterator[Pool]:
    """Give the pool of a run, here or on its cluster; at the end all workers are sent away."""
    logging.getLogger("distributed").setLevel(logging.ERROR)
    config = run.config()
    workers = int(config["pool"]["workers"])
    with dask.config.set(DASK):
        if "resources" in config:
            slurm = SlurmWorkers(run)
            most = workers * int(config["pool"]["resources"]["ranks_per_node"])
            pool = Pool(run, slurm, most, wanted, _LOOK_SLURM_S)
        else:
            pool = Pool(run, LocalWorkers(run), workers, wanted, _LOOK_HERE_S)
        try:
            yield pool
        finally:
            pool.close()
