"""What the shards of the pool's benchmarks do, by bare Dask and by a pool."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from kblib.hpc.emulator import Emulator  # type: ignore[import-not-found]

from benchmarks.outcome import BenchmarkError
from kblib.cluster import Run, submit
from kblib.cluster.access import EMULATOR_VARIABLE
from kblib.errors import KblibError
from kblib.jobs.batch import BatchTask
from kblib.runs import RunFolder
from kblib.runs.shards import ShardFiles, link_first
from kblib.settings import HOME_VARIABLE

ON_NODES = {"gpus_per_node": 0, "cores_per_node": 1, "memory_gib": 4, "ranks_per_node": 1}


def spin(shard: int, ms: float) -> pl.DataFrame:
    """Compute for so many milliseconds of processor time; return a row."""
    end = time.process_time() + ms / 1000
    while ms and time.process_time() < end:
        pass
    return pl.DataFrame({"shard": [shard], "process": [os.getpid()]})


def noted(shard: int, folder: str) -> pl.DataFrame:
    """Note that a shard was begun, in a file of this process; return a row."""
    with open(f"{folder}/{os.uname().nodename}-{os.getpid()}", "a", encoding="ascii") as file:
        file.write(f"{shard}\n")
    return pl.DataFrame({"shard": [shard], "process": [os.getpid()]})


def spin_into(folder: str, shard: int, ms: float) -> None:
    """Do a shard as a user of bare Dask writes it: the same file, written as safely."""
    table = spin(shard, ms)
    link_first(Path(folder) / f"{shard:05d}.parquet", table.write_parquet)


def bare_dask(shards: int, ms: float, workers: int) -> float:
    """Return the seconds of Dask alone, one task a shard, its start and end included.

    Raises
    ------
    BenchmarkError
        If a file is missing afterwards.
    """
    from distributed import Client, LocalCluster

    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        with (
            LocalCluster(
                n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=40
            ) as cluster,
            Client(cluster) as client,
        ):
            client.gather(client.map(spin_into, [folder] * shards, range(shards), [ms] * shards))
        seconds = time.perf_counter() - began
        _check_count("Bare Dask", len(list(Path(folder).glob("*.parquet"))), shards)
    return seconds


def pool(site: str, shards: int, ms: float, workers: int) -> float:
    """Return the seconds of a pool, from submit to its last word.

    Raises
    ------
    BenchmarkError
        If a file is missing afterwards.
    """
    task = BatchTask("benchmarks.pool_shards:spin", list(range(shards)), {"ms": ms})
    asked: Any = {} if site == "local" else ON_NODES
    began = time.time()
    run = submit(task, site=site, workers=workers, fresh=True, **asked).wait()
    _check_count(f"The pool on site {site}", len(results(run).done()), shards)
    return float(RunFolder(run.folder).attempt_records()[-1]["ended"]) - began


def results(run: Run) -> ShardFiles:
    """Return the files of a run's shards."""
    return ShardFiles(RunFolder(run.folder))


def _check_count(who: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise BenchmarkError(f"{who} left {found} files; {wanted} were wanted.")


@contextmanager
def sites_to_measure(*, quick: bool) -> Iterator[list[str]]:
    """Give the sites that are there, in a home of their own: this machine, and an emulator.

    The emulator needs root and Slurm's programs; without them, or for a quick look, there is this
    machine alone.
    """
    with tempfile.TemporaryDirectory(prefix="pool-") as home:
        os.environ[HOME_VARIABLE] = home
        os.environ["DASK_LOGGING__DISTRIBUTED"] = "critical"  # farewells of bare Dask's processes
        emulator = Emulator(Path(tempfile.mkdtemp(prefix="emu-")))
        try:
            if quick or not _starts(emulator):
                yield ["local"]
                return
            os.environ[EMULATOR_VARIABLE] = str(emulator.folder)
            yield ["local", "emulator"]
        finally:
            if emulator.conf.exists():
                emulator.stop()
            shutil.rmtree(emulator.folder, ignore_errors=True)
            del os.environ[HOME_VARIABLE]
            os.environ.pop(EMULATOR_VARIABLE, None)


def _starts(emulator: Emulator) -> bool:
    try:
        emulator.start()
    except KblibError as error:
        print(f"Without the emulated cluster: {error}")
        return False
    return True


def packages() -> list[str]:
    """Return what a result names the versions of."""
    return ["dask", "distributed", "dask-jobqueue", "polars"]
