"""Dask's own processes beside the ranks.

``python -m kblib.cluster.beside scheduler RUN ATTEMPT``, or ``worker RUN MIB``.

Plain Dask, with three differences. Nothing is said or heard without the keys of the run. No port is
opened for web pages, which ask for no certificate. And a worker whose scheduler is gone waits for
the next one, instead of ending.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import dask
from distributed import Scheduler

from kblib.cluster.servers import QuietScheduler, QuietWorker
from kblib.cluster.telemetry import NodeReader, TelemetryWriter, node_name
from kblib.cluster.tls import security
from kblib.jobs.start import DRIVER_VARIABLE, end_with_driver
from kblib.runs import RunFolder

log = logging.getLogger("kblib.beside")

_LOOK_S = 1.0
_SCHEDULER_ANSWERS_S = 60.0
_WORKER_IS_LOST_S = 60.0
"""Without a heartbeat: a node that loses its power closes no connection. Dask's own is 5 min."""

_SCRATCH: list[str] = []
"""Folders of this process. Those of one that was killed, as srun ends tasks, are taken by the next
server of Dask on the node."""
_QUIET: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    # What idle servers of Dask do twenty to a hundred times a second, beside ranks that compute.
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.memory.monitor-interval": "1s",
    "distributed.worker.profile.enabled": False,
    "distributed.scheduler.active-memory-manager.start": False,
}


async def serve_scheduler(run: RunFolder, attempt: int) -> None:
    """Serve until the scheduler is told to close; write down what the workers tell of nodes."""
    writer = TelemetryWriter(run, attempt)
    async with QuietScheduler(
        protocol="tls",
        interface=_interface(),
        security=security(run),
        worker_ttl=_WORKER_IS_LOST_S,
    ) as scheduler:
        _SCRATCH.append(scheduler.local_directory)
        run.announce_scheduler(scheduler.address)
        while scheduler.status.name == "running":
            _write_readings(scheduler, writer)
            await asyncio.sleep(_LOOK_S)


def _write_readings(scheduler: Scheduler, writer: TelemetryWriter) -> None:
    readings = [one.metrics.get("node") for one in scheduler.workers.values()]
    try:
        writer.write(reading for reading in readings if reading)
    except OSError as error:  # a full disk, or one that does not answer for once
        log.warning("telemetry could not be written: %s", error)


async def serve_worker(run: RunFolder, mib: int) -> None:
    """Serve one scheduler after the other, for as long as the step lasts."""
    reader = NodeReader(int(run.config()["resources"]["nodes"]))
    while True:
        address = run.scheduler_address()
        if address is not None:
            try:
                await _serve(run, address, reader, mib)
            except OSError as error:  # the scheduler of that file is no longer there
                log.info("no scheduler at %s: %s", address, error)
        await asyncio.sleep(_LOOK_S)


async def _serve(run: RunFolder, address: str, reader: NodeReader, mib: int) -> None:
    async with QuietWorker(
        address,
        name=node_name(),
        nthreads=1,
        memory_limit=f"{mib}MiB",
        interface=_interface(),
        security=security(run),
        metrics={"node": lambda _: asyncio.to_thread(reader)},
        death_timeout=_SCHEDULER_ANSWERS_S,
    ) as worker:
        _SCRATCH.append(worker.local_directory)
        await worker.finished()


def _leave(signum: int, _frame: object) -> None:
    """End as if nobody had listened, without the folder on the node; the driver reads how."""
    for folder in _SCRATCH:
        shutil.rmtree(folder, ignore_errors=True)
        Path(f"{folder}.dirlock").unlink(missing_ok=True)  # Dask's own, beside it
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)


def _interface() -> str | None:
    """Return the network that the ranks use as well; sites may name several, the first serves."""
    return os.environ.get("GLOO_SOCKET_IFNAME", "").partition(",")[0] or None


def main(arguments: list[str]) -> None:
    """Serve as what the command line says."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("distributed").setLevel(logging.WARNING)
    if DRIVER_VARIABLE in os.environ:
        end_with_driver()
    role, folder, number = arguments
    run = RunFolder(Path(folder))
    signal.signal(signal.SIGTERM, _leave)
    with dask.config.set(_QUIET):
        if role == "scheduler":
            asyncio.run(serve_scheduler(run, int(number)))
        else:
            asyncio.run(serve_worker(run, int(number)))


if __name__ == "__main__":
    main(sys.argv[1:])
