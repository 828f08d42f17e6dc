"""A worker of a pool: ``python -m kblib.cluster.pool_worker RUN ADDRESS NAME --processes N``.

It asks the head's scheduler for shards until it is sent away, the head is gone, or its time is
nearly up. Several processes share a node, each with its own GPUs; one that dies is started again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import dask
from distributed import Worker

from kblib.cluster import tls
from kblib.cluster.servers import QuietWorker
from kblib.jobs.exit_codes import DONE, INFRASTRUCTURE
from kblib.jobs.start import DRIVER_VARIABLE, end_with_driver
from kblib.runs import RunFolder

log = logging.getLogger("kblib.worker")

_HEAD_S = 60.0
"""How long a worker looks for its head."""
_NEXT_HEAD_S = 600.0
"""How long a node is kept for the head that follows a lost one; small jobs begin soon."""
_LOOK_S = 0.5
MOST_RESTARTS = 3
SCRATCH = "kblib-worker-"
"""How the folder begins that Dask wants of a worker, for what is never kept there."""
_GPU_VARIABLES = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")
QUIET = {
    "distributed.worker.http.routes": [],
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
}
"""Pages that nobody can ask for are not made, and nothing is kept: results are files."""


async def serve(asked: argparse.Namespace) -> int:
    """Work for the head, and for the next one when it is lost; return the exit code.

    On a cluster a lost head is followed by another, and a node once given is not given back for
    it. On this machine workers end with their head.
    """
    run, leaving = RunFolder(asked.run), asyncio.Event()

    def leave_at_once() -> None:  # results are whole or absent
        shutil.rmtree(asked.scratch, ignore_errors=True)
        os._exit(DONE)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, leaving.set)
    loop.add_signal_handler(signal.SIGTERM, leave_at_once)
    end = math.inf if asked.lifetime is None else time.monotonic() + asked.lifetime
    address: str | None = run.scheduler_address() or asked.address
    while address is not None:
        worker = QuietWorker(
            address,
            name=asked.name,
            nthreads=1,
            security=tls.security(run),
            protocol="tls://",
            interface=asked.interface,
            memory_limit=0,
            death_timeout=_HEAD_S,
            local_directory=str(asked.scratch),
        )
        await _serve_one(worker, leaving, end - time.monotonic())
        if leaving.is_set() or time.monotonic() >= end or asked.lifetime is None:
            break
        log.info("worker %s has lost its head at %s", asked.name, address)
        address = await _next_head(run, address)
    shutil.rmtree(asked.scratch, ignore_errors=True)
    return INFRASTRUCTURE if address is None else DONE


async def _serve_one(worker: Worker, leaving: asyncio.Event, left_s: float) -> None:
    """Work for one head until it is gone, or the time is up, or this process is to leave."""
    try:
        await worker
        log.info("worker %s is there, process %d", worker.name, os.getpid())
        finished, left = asyncio.create_task(worker.finished()), asyncio.create_task(leaving.wait())
        until = None if math.isinf(left_s) else max(0.0, left_s)
        await asyncio.wait({finished, left}, timeout=until, return_when=asyncio.FIRST_COMPLETED)
        if not finished.done():
            await worker.close_gracefully(reason="its time is up")
    except (TimeoutError, OSError) as error:
        log.warning("worker %s found no head: %s", worker.name, error)


async def _next_head(run: RunFolder, last: str) -> str | None:
    """Return where the next head listens; None if none comes, or the run is over."""
    latest = time.monotonic() + _NEXT_HEAD_S
    while time.monotonic() < latest and not run.written_state().over:
        address = run.scheduler_address()
        if address not in (None, last):
            return address
        await asyncio.sleep(_LOOK_S)
    return None


def keep_processes(asked: argparse.Namespace, words: list[str]) -> int:
    """Start the processes of a node and start again those that die, until all have left."""
    processes = [_start(asked, words, number) for number in range(asked.processes)]
    restarts = 0

    def pass_on(signum: int, _frame: object) -> None:
        for process in processes:
            process.send_signal(signum)

    for signum in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(signum, pass_on)
    while any(process.poll() is None for process in processes):
        for number, process in enumerate(processes):
            # One that found no head has waited for the next one already, and held the node.
            died = process.poll() not in (None, DONE, INFRASTRUCTURE)
            if died and restarts < MOST_RESTARTS:
                restarts += 1
                log.warning("process %d of %s ended: %s", number, asked.name, process.returncode)
                processes[number] = _start(asked, words, number)
        time.sleep(_LOOK_S)
    return max(abs(int(process.returncode)) for process in processes)


def _start(asked: argparse.Namespace, words: list[str], number: int) -> subprocess.Popen[bytes]:
    own = [str(asked.run), asked.address, f"{asked.name}-{number}", "--processes=1", *words]
    return subprocess.Popen(
        [sys.executable, "-m", "kblib.cluster.pool_worker", *own],
        stdin=subprocess.DEVNULL,
        env=environment_of(number, asked.processes, dict(os.environ)),
    )


def environment_of(number: int, processes: int, base: dict[str, str]) -> dict[str, str]:
    """Return the environment of one of several processes of a node: its GPUs, its cores.

    Examples
    --------
    >>> node = {"CUDA_VISIBLE_DEVICES": "0,1,2,3", "SLURM_CPUS_PER_TASK": "64"}
    >>> one = environment_of(1, 2, node)
    >>> one["CUDA_VISIBLE_DEVICES"], one["OMP_NUM_THREADS"]
    ('2,3', '32')
    """
    environment = {**base, DRIVER_VARIABLE: str(os.getpid())}
    for variable in _GPU_VARIABLES:
        gpus = [gpu for gpu in base.get(variable, "").split(",") if gpu]
        if gpus:
            each = max(1, len(gpus) // processes)
            first = number * each % len(gpus)
            environment[variable] = ",".join(gpus[first : first + each])
    cores = int(base.get("SLURM_CPUS_PER_TASK", "1"))
    environment.setdefault("OMP_NUM_THREADS", str(max(1, cores // processes)))
    return environment


def _asked(words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m kblib.cluster.pool_worker")
    parser.add_argument("run", type=Path)
    parser.add_argument("address")
    parser.add_argument("name")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--lifetime", type=float)
    parser.add_argument("--interface")
    parser.add_argument("--scratch", type=Path)
    options = [word for word in words if word.startswith(("--lifetime", "--interface"))]
    return parser.parse_args(words), options


def main(words: list[str]) -> int:
    """Be a worker, or the parent of several."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("distributed").setLevel(logging.ERROR)
    asked, options = _asked(words)
    if asked.processes == 1:
        asked.scratch = asked.scratch or Path(tempfile.mkdtemp(prefix=SCRATCH))
    if DRIVER_VARIABLE in os.environ:
        end_with_driver(lambda: shutil.rmtree(asked.scratch, ignore_errors=True))
    if asked.processes > 1:
        return keep_processes(asked, options)
    dask.config.set(QUIET)
    return asyncio.run(serve(asked))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    logging.shutdown()
    os._exit(code)  # a function that still computes keeps no node
