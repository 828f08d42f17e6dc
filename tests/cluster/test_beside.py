"""Dask's own processes beside the ranks, as the driver starts and ends them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kblib.cluster import tls
from kblib.runs import RunFolder
from tests.watching import until


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """Give a run that has keys."""
    run = RunFolder.create(tmp_path / "run", {"resources": {"nodes": 1}})
    tls.make_keys(run)
    return run


@pytest.fixture
def scheduler(run: RunFolder, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Give a scheduler that serves, and has a folder for what passes to itself."""
    (tmp_path / "node").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "kblib.cluster.beside", "scheduler", str(run.path), "1"],
        env={**os.environ, "TMPDIR": str(tmp_path / "node")},
    )
    until(lambda: run.scheduler_address() is not None or process.poll() is not None)
    yield process
    process.kill()
    process.wait()


def test_scheduler_opens_one_port_and_leaves_nothing_on_the_node(
    scheduler: subprocess.Popen[bytes], run: RunFolder, tmp_path: Path
) -> None:
    connections = psutil.Process(scheduler.pid).net_connections("tcp")
    ports = {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}
    address = run.scheduler_address()
    assert address is not None
    assert ports == {int(address.rsplit(":", 1)[1])}
    scratch = tmp_path / "node" / "dask-scratch-space"
    assert [one for one in scratch.iterdir() if one.is_dir()] != []
    scheduler.terminate()
    assert scheduler.wait(60) == -signal.SIGTERM
    assert {one.name for one in scratch.iterdir()} <= {"global.lock", "purge.lock"}
