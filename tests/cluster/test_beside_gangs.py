"""What stands beside a gang on the emulated cluster: its Dask, its keys, and equal submits."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run
from kblib.errors import RunError
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase
from tests.cluster.gangs import (
    START_S,
    another_python,
    dask_process,
    nodes_of,
    reached,
    seen_since,
    send,
)
from tests.cluster.handshakes import answer_without_keys
from tests.watching import until

distributed = pytest.importorskip("distributed", reason="Dask comes with the extra 'cluster'")
pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def endless(job: Pretrain) -> Pretrain:
    """Give a job that goes on until it is stopped."""
    return replace(job, steps=100_000, save_every=50_000, eval_every=50_000)


def test_dask_is_attached_to_by_its_owner_alone_and_ends_with_the_run(
    cluster: Emulator, endless: Pretrain
) -> None:
    run = send(replace(endless, name="attached"), dask=True, ranks_per_node=1)
    keys = run.folder / "tls"
    assert keys.stat().st_mode & 0o777 == 0o700
    nodes = set(nodes_of(reached(run, 1)))
    until(lambda: seen_since(run, 0.0) == nodes, patience_s=START_S)
    with run.client(timeout_s=START_S) as client:
        client.wait_for_workers(len(nodes), timeout=START_S)
        assert set(client.run(socket.gethostname).values()) == nodes
        assert set(client.run(os.getenv, "CUDA_VISIBLE_DEVICES").values()) <= {None, ""}
    for role in ("scheduler", "worker"):
        assert_asks_for_the_certificate(dask_process(run, role, nodes_of(run)[0]))
    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.STOPPED
    assert run.events() == [one for one in run.events() if one["event"] == "started"]
    assert not keys.exists()
    assert not (run.folder / "scheduler.json").exists()
    with pytest.raises(RunError, match=r"has no Dask now: it is stopped\."):
        run.client()


def assert_asks_for_the_certificate(process: psutil.Process) -> None:
    """Whatever a process listens on, nobody is let in who shows nothing."""
    ports = {one.laddr.port for one in process.net_connections() if one.status == "LISTEN"}
    assert len(ports) == 1
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_REQUIRED"):
        answer_without_keys("127.0.0.1", ports.pop())


@pytest.fixture
def no_node_is_free(cluster: Emulator) -> Iterator[None]:
    """Let no job begin while a test lasts."""
    everywhere = f"NodeName={','.join(cluster.hardware.names)}"
    done = cluster.run("scontrol", "update", everywhere, "State=DRAIN", "Reason=test")
    assert done.returncode == 0, done.stderr
    yield
    until(lambda: not cluster.run("squeue", "--noheader").stdout, patience_s=START_S)
    cluster.run("scontrol", "update", everywhere, "State=RESUME")
    until(lambda: len(cluster.idle()) == cluster.hardware.nodes, patience_s=START_S)


def test_two_submits_at_once_queue_one_run(
    cluster: Emulator, no_node_is_free: None, endless: Pretrain, tmp_path: Path
) -> None:
    """Both are ready, see the go, and find no job in the queue."""
    code = (
        "print('ready', flush=True)\n"
        "while not pathlib.Path(sys.argv[1]).exists():\n"
        "    time.sleep(0.001)\n"
        "print(send().name, flush=True)\n"
    )
    go = tmp_path / "go"
    job = replace(endless, name="twice").with_saved_corpus()
    both = [another_python(code, job, str(go)) for _ in range(2)]
    assert [one.stdout.readline() for one in both] == ["ready\n"] * 2
    go.touch()
    names = {one.stdout.readline().strip() for one in both}
    assert [one.wait(START_S) for one in both] == [0, 0]
    run = Run.open(names.pop())
    assert names == set()
    sent = cluster.run("squeue", "--noheader", "--states=all", f"--name={run.name}", "-o", "%i")
    run.cancel()
    assert len(sent.stdout.split()) == 2  # the run, and the job behind it


def test_keys_end_with_a_run_that_is_cancelled_while_it_waits(
    cluster: Emulator, no_node_is_free: None, endless: Pretrain
) -> None:
    run = send(replace(endless, name="waits"), dask=True)
    made = (run.folder / "tls" / "key.pem").read_bytes()
    assert run.resume() is run
    assert (run.folder / "tls" / "key.pem").read_bytes() == made
    run.cancel()
    assert run.state.phase is Phase.STOPPED
    assert not (run.folder / "tls").exists()
    run.resume()
    assert (run.folder / "tls" / "key.pem").read_bytes() != made
    run.cancel()


def test_run_without_dask_has_no_keys(
    cluster: Emulator, no_node_is_free: None, endless: Pretrain
) -> None:
    run = send(replace(endless, name="plain"), dask=False)
    assert not (run.folder / "tls").exists()
    run.cancel()
    with pytest.raises(RunError, match=r"It was submitted with dask=False\."):
        run.client()
