"""A run that a group may look at, on a cluster: asked as two real users while it trains."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run
from kblib.jobs.specs import Pretrain
from kblib.runs import RunFolder
from tests.cluster.gangs import START_S, reached, send
from tests.unix_users import UnixUser, unix_users
from tests.watching import until

pytest.importorskip("distributed", reason="Dask comes with the extra 'cluster'")
pytestmark = pytest.mark.slurm

LOOK = """
from kblib.cluster import Run
run = Run.open({path!r})
print(run, len(run.metrics()), bool(run.log(3)), len(run.attempts()), sep="|")
"""
ASK = """
from kblib.cluster import Run
Run.open({path!r}).{verb}()
"""
CONNECT = """
from distributed import Client, Security
Client({address!r}, security=Security(require_encryption=True), timeout=5, set_as_default=False)
"""
SEND = """
import socket, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
host, port = {address!r}.removeprefix("tls://").rsplit(":", 1)
with context.wrap_socket(socket.create_connection((host, int(port)), timeout=20)) as link:
    link.sendall(bytes(64))
    print("answer", link.recv(64))
"""


@dataclass(frozen=True)
class Shared:
    """A run that trains, where Dask listens, a colleague, and a stranger."""

    run: Run
    address: str
    colleague: UnixUser
    stranger: UnixUser

    @property
    def folder(self) -> RunFolder:
        """The run folder."""
        return RunFolder(self.run.folder)


@pytest.fixture(scope="module")
def shared(emulator: Emulator, long_job: Pretrain) -> Iterator[Shared]:
    """Give a run of somebody whose own files any of the group could change."""
    with ExitStack() as later:
        patch = later.enter_context(pytest.MonkeyPatch.context())
        (colleague,) = later.enter_context(unix_users("kbeva", group="kbteam"))
        (stranger,) = later.enter_context(unix_users("kbols"))
        home = Path(tempfile.mkdtemp(prefix="kbp-"))
        later.callback(shutil.rmtree, home, ignore_errors=True)
        shutil.chown(home, group=colleague.group)
        home.chmod(0o2755)
        patch.setenv("KBNOTEBOOKS_HOME", str(home))
        patch.setenv("KBNOTEBOOKS_EMULATOR", str(emulator.folder))
        patch.setenv("OMP_NUM_THREADS", "1")
        later.callback(os.umask, os.umask(0o002))
        job = replace(long_job, steps=100_000, save_every=50_000, name="shared")
        run = send(job, nodes=1, ranks_per_node=1, dask=True, share="group")
        later.callback(_stop, run)
        folder = RunFolder(reached(run, 1).folder)
        until(lambda: folder.scheduler_address() is not None, patience_s=START_S)
        until(folder.telemetry_file.exists, patience_s=START_S)
        address = folder.scheduler_address()
        assert address is not None
        yield Shared(run, address, colleague, stranger)


def _stop(run: Run) -> None:
    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)


def test_a_colleague_looks_at_it(shared: Shared) -> None:
    told = shared.colleague.runs_python(LOOK.format(path=str(shared.run.folder)))
    said, metrics, log, attempts = told.stdout.strip().split("|")
    assert f"Run '{shared.run.name}': running, step " in said, told.stderr
    assert (int(metrics) > 0, log, attempts) == (True, "True", "1")


@pytest.mark.parametrize("verb", ["cancel", "resume"])
def test_a_colleague_does_not_stop_it_or_let_it_go_on(shared: Shared, verb: str) -> None:
    told = shared.colleague.runs_python(ASK.format(path=str(shared.run.folder), verb=verb))
    assert f"Run '{shared.run.name}' belongs to root, who lets you look at it." in told.stderr
    assert "Only its owner can" in told.stderr
    assert "PermissionError" not in told.stderr
    assert not shared.folder.cancel_file.exists()


def test_nobody_else_writes_anything_in_it(shared: Shared) -> None:
    made = {path for path in shared.run.folder.rglob("*") if _mode(path)}
    names = {path.name for path in made}
    assert {"state.json", "metrics.jsonl", "log.txt", "0001.json", "telemetry.jsonl"} <= names
    assert not {path: oct(_mode(path)) for path in made if _mode(path) & 0o022}
    for path in (shared.folder.state_file, shared.folder.metrics_file, shared.folder.attempts):
        assert shared.colleague.run("test", "-r", str(path)).returncode == 0, path
        assert shared.colleague.run("test", "-w", str(path)).returncode == 1, path


def _mode(path: Path) -> int:
    """Return the mode of a file; 0 if it was there a moment ago."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return 0


def test_keys_are_the_owners_alone(shared: Shared) -> None:
    keys = [*shared.folder.tls.iterdir()]
    assert len(keys) == 3
    for path in (*keys, shared.folder.scheduler_file):
        assert _mode(path) == 0o600
        for user in (shared.colleague, shared.stranger):
            assert user.run("cat", str(path)).returncode != 0, path
    assert shared.colleague.run("ls", str(shared.folder.tls)).returncode != 0


def test_somebody_from_outside_reads_nothing(shared: Shared) -> None:
    told = shared.stranger.runs_python(LOOK.format(path=str(shared.run.folder)))
    assert "RunError: No run named" in told.stderr
    assert shared.stranger.run("ls", str(shared.run.folder)).returncode != 0
    assert shared.stranger.run("cat", str(shared.folder.log_file)).returncode != 0


@pytest.mark.parametrize("code", [CONNECT, SEND])
def test_without_the_certificate_nobody_reaches_its_dask(shared: Shared, code: str) -> None:
    """The other user knows where it listens, which is more than is told."""
    told = shared.colleague.runs_python(code.format(address=shared.address))
    assert told.returncode != 0, told.stdout
    assert "answer" not in told.stdout
    with shared.run.client() as client:  # it does listen there, and answers who has the keys
        assert client.scheduler_info()["workers"] is not None


def test_keys_are_gone_at_the_end(shared: Shared) -> None:
    _stop(shared.run)
    assert not shared.folder.tls.exists()
    assert not shared.folder.scheduler_file.exists()
