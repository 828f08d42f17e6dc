"""The keys of a run: who may read them, and who is let in by them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from kblib import settings
from kblib.cluster import tls
from kblib.errors import MissingPartError, RunError
from kblib.runs import RunFolder
from tests.cluster.handshakes import answer_without_keys
from tests.cluster.loops import LoopAside

distributed = pytest.importorskip("distributed", reason="Dask comes with the extra 'cluster'")


def new_run(name: str) -> RunFolder:
    return RunFolder.create(settings.runs_folder() / name, {"site": "emulator"})


@pytest.fixture
def run(tmp_home: Path) -> RunFolder:
    """Give a run that has keys."""
    run = new_run("films")
    tls.make_keys(run)
    return run


@pytest.fixture
def served(run: RunFolder) -> Iterator[tuple[LoopAside, str]]:
    """Give the address of a Dask scheduler that has the run's keys, and the loop it is in."""
    with LoopAside() as runner:

        async def start() -> distributed.Scheduler:
            return await distributed.Scheduler(
                protocol="tls",
                host="127.0.0.1",
                port=0,
                dashboard_address="127.0.0.1:0",
                security=tls.security(run),
            )

        scheduler = runner.run(start())
        yield runner, scheduler.address
        runner.run(scheduler.close())


def asked(runner: LoopAside, address: str, security: distributed.Security) -> int:
    """Return how many workers a scheduler says it has."""

    async def ask() -> int:
        async with distributed.Client(
            address, security=security, asynchronous=True, timeout=5, set_as_default=False
        ) as client:
            return len(client.scheduler_info()["workers"])

    return runner.run(ask())


def test_keys_are_their_owners_alone(run: RunFolder) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in (run.tls, *run.tls.iterdir())}
    assert modes == {"tls": 0o700, "ca.pem": 0o600, "cert.pem": 0o600, "key.pem": 0o600}


def test_key_of_the_authority_is_kept_nowhere(run: RunFolder) -> None:
    """There is one private key, and it is that of the certificate."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    texts = [path.read_text() for path in run.path.rglob("*") if path.suffix == ".pem"]
    assert sum("PRIVATE KEY" in text for text in texts) == 1
    key = load_pem_private_key((run.tls / "key.pem").read_bytes(), None)
    authority, own = (
        x509.load_pem_x509_certificate((run.tls / name).read_bytes())
        for name in ("ca.pem", "cert.pem")
    )
    assert key.public_key() == own.public_key() != authority.public_key()
    own.verify_directly_issued_by(authority)


def test_keys_that_are_there_are_kept(run: RunFolder) -> None:
    before = (run.tls / "key.pem").read_bytes()
    tls.make_keys(run)
    assert (run.tls / "key.pem").read_bytes() == before


def test_half_of_the_keys_is_made_anew(run: RunFolder) -> None:
    before = (run.tls / "key.pem").read_bytes()
    (run.tls / "cert.pem").unlink()
    tls.make_keys(run)
    assert (run.tls / "key.pem").read_bytes() != before
    assert tls.security(run).require_encryption


def test_removed_keys_leave_nothing(run: RunFolder) -> None:
    run.scheduler_file.write_text("{}")
    left_by_a_killed_one = run.path / ".tls.abc"
    left_by_a_killed_one.mkdir()
    tls.remove_keys(run)
    tls.remove_keys(run)
    assert not {run.tls, run.scheduler_file, left_by_a_killed_one} & set(run.path.iterdir())


def test_no_dask_without_keys(run: RunFolder) -> None:
    tls.remove_keys(run)
    with pytest.raises(RunError) as caught:
        tls.security(run)
    assert str(caught.value) == (
        f"Run 'films' has no keys in {run.tls}. "
        "They are made at submit and removed at its end; without them no Dask is started."
    )


def test_keys_that_others_may_read_are_not_used(run: RunFolder) -> None:
    key = run.tls / "key.pem"
    key.chmod(0o640)
    with pytest.raises(RunError) as caught:
        tls.security(run)
    assert str(caught.value) == (
        f"Others may read {key} (mode 640). "
        "Who reads the keys of a run can run programs as its owner; no Dask is started.\n"
        f"  chmod -R go-rwx {run.tls}"
    )


def test_missing_dask_is_named(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "find_spec", lambda name: None)
    with pytest.raises(MissingPartError) as caught:
        tls.security(run)
    assert str(caught.value).startswith(
        "Dask on a cluster needs cryptography, dask, distributed, not installed here."
    )


def test_client_with_the_keys_is_let_in(run: RunFolder, served: tuple[LoopAside, str]) -> None:
    assert asked(*served, tls.security(run)) == 0


def test_client_of_another_run_trusts_no_such_scheduler(
    run: RunFolder, served: tuple[LoopAside, str]
) -> None:
    other = new_run("posters")
    tls.make_keys(other)
    with pytest.raises(OSError, match="TLS certificate does not match"):
        asked(*served, tls.security(other))


@pytest.mark.parametrize("shows", ["nothing", "the certificate of another run"])
def test_client_without_the_certificate_is_refused(
    served: tuple[LoopAside, str], shows: str
) -> None:
    runner, address = served
    host, port = address.removeprefix("tls://").split(":")
    other = new_run("posters")
    tls.make_keys(other)
    keys = None if shows == "nothing" else other.tls

    async def beside_the_scheduler() -> bytes:
        return await asyncio.to_thread(answer_without_keys, host, int(port), shows=keys)

    with pytest.raises(ssl.SSLError, match=r"CERTIFICATE_REQUIRED|UNKNOWN_CA|DECRYPT_ERROR"):
        runner.run(beside_the_scheduler())


def test_client_without_tls_is_refused(served: tuple[LoopAside, str]) -> None:
    runner, address = served
    with pytest.raises(OSError, match=r"Timed out|in <TCP|Stream is closed"):
        asked(runner, address.replace("tls://", "tcp://"), distributed.Security())
