"""Pools on this machine, for real: done, failed, struck, stopped; each result committed once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psutil
import pytest
from distributed import Client, Security

from kblib.cluster import Run, pool_workers, submit, tls
from kblib.cluster.pool import open_pool
from kblib.corpora import Corpus
from kblib.errors import RunError
from kblib.files import read_json
from kblib.jobs.batch import BatchTask
from kblib.jobs.batch_result import BatchResult
from kblib.runs import Phase, RunFolder
from tests.cluster.loops import LoopAside
from tests.cluster.pools import MODULE, SOURCE, START_S, Gate, leftovers, results, squares
from tests.watching import until


@pytest.fixture(autouse=True)
def _functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the functions beside this notebook, so to speak."""
    (tmp_path / f"{MODULE}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder in which processes put what nobody needs afterwards."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    made = Gate(tmp_path / "gate")
    yield made
    made.open()  # where a test has failed, nothing waits behind for ever


def send(name: str, function: str, shards: list[int], workers: int = 1, **arguments: str) -> Run:
    return submit(BatchTask(f"{MODULE}:{function}", shards, arguments, name=name), workers=workers)


def test_failed_shards_are_told_and_tried_again_by_resume(tmp_path: Path) -> None:
    run = send("odd", "but_not_odd", list(range(6)), mended=str(tmp_path / "mended"))
    with pytest.raises(RunError) as caught:
        run.result(START_S)
    said = str(caught.value)
    assert "3 of 6 shards failed; the results of the other 3 are there. Shard 1 (1)" in said
    assert "3 of 6 shards are done and are not done again." in said
    assert said.endswith("one that you have changed is another task: submit it")
    assert list(run.failed_shards()["error"]) == [f"ValueError: {n} is odd" for n in (1, 3, 5)]
    before = results(run)
    assert sorted(before) == [0, 2, 4]
    (tmp_path / "mended").touch()
    assert squares(run.resume().wait(START_S)) == [(n, n * n) for n in range(6)]
    assert {n: one for n, one in results(run).items() if n in before} == before
    assert run.failed_shards().empty
    assert run.state.attempt == 2
    assert not leftovers(run)
    assert not (run.folder / "tls").exists()


@pytest.mark.slow
def test_corpus_gives_a_lazy_table_with_its_ids(films: Corpus) -> None:
    columns = films.filter(film=["SF1", "SF2"])
    run = submit(BatchTask("polars:DataFrame", columns, rows=8), workers=1)
    result = run.result(START_S)
    assert isinstance(result, BatchResult)
    assert isinstance(result.scan(), pl.LazyFrame)
    assert list(result.table["id"]) == list(columns.table["id"])
    assert list(result.table["text"]) == list(columns.table["text"])
    assert len(result) == 20
    assert len(result.parts) == result.provenance["shards_done"] == 3
    assert result.provenance["corpus"]["content"] == columns.content
    assert submit(BatchTask("polars:DataFrame", columns, rows=8)).name == run.name


def test_strangers_are_refused_and_a_killed_worker_is_replaced(gate: Gate, scratch: Path) -> None:
    run = send("worker", "gated", list(range(4)), folder=str(gate.folder))
    until(lambda: bool(gate.begun), patience_s=START_S)
    assert strangers_refused(run) == 2
    ((shard, process),) = gate.begun
    assert [len(listening(one)) for one in (process, run.state.pid)] == [1, 1]  # no web page
    os.kill(process, signal.SIGKILL)
    until(lambda: len(gate.begun) > 1, patience_s=START_S)
    gate.open()
    assert squares(run.wait(START_S)) == [(n, n * n) for n in range(4)]
    assert gate.times == {n: 2 if n == shard else 1 for n in range(4)}
    assert not leftovers(run)
    assert not list(scratch.glob("kblib-*"))


def test_killed_head_takes_its_workers_along_and_resume_goes_on(gate: Gate, scratch: Path) -> None:
    run = send("head", "gated", list(range(6)), workers=2, folder=str(gate.folder))
    until(lambda: len(gate.begun) == 2, patience_s=START_S)
    workers = [psutil.Process(process) for _, process in gate.begun]
    gate.open()
    until(lambda: len(results(run)) >= 3, patience_s=START_S)
    (gate.folder / "open").unlink()
    os.kill(run.state.pid, signal.SIGKILL)
    psutil.wait_procs(workers, timeout=START_S)
    assert not list(scratch.glob("kblib-*"))
    until(lambda: run.state.over, patience_s=START_S)
    before = results(run)
    if len(before) < 6:  # the head may have been quicker than the signal
        assert run.state.phase is Phase.FAILED
        assert "is gone: it was killed" in run.state.why
    gate.open()
    assert squares(run.resume().wait(START_S)) == [(n, n * n) for n in range(6)]
    assert {n: one for n, one in results(run).items() if n in before} == before
    assert not leftovers(run)


@pytest.mark.slow
def test_stopped_run_keeps_its_results_and_goes_on(gate: Gate) -> None:
    run = send("stop", "gated", list(range(4)), folder=str(gate.folder))
    until(lambda: bool(gate.begun), patience_s=START_S)
    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.STOPPED
    assert not (run.folder / "tls").exists()
    with pytest.raises(RunError, match="was stopped at shard 0 of 4"):
        run.result()
    gate.open()
    assert squares(run.resume().wait(START_S)) == [(n, n * n) for n in range(4)]


def listening(process: int | None) -> set[int]:
    """Return the ports at which a process waits for others."""
    connections = psutil.Process(process).net_connections("tcp")
    return {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}


def strangers_refused(run: Run) -> int:
    """Knock with other keys and with none; return how often nobody answered."""
    address = str(read_json(run.folder / "scheduler.json")["address"])
    assert address.startswith("tls://127.0.0.1:")

    async def knock(door: str, **security: object) -> None:
        await Client(door, asynchronous=True, timeout=3, **security)

    refused = 0
    for door, keys in (
        (address, {"security": Security.temporary()}),
        (address.replace("tls", "tcp"), {}),
    ):
        with LoopAside() as aside, pytest.raises(OSError, match=r"Timed out|TLS|\(closed\)|reset"):
            aside.run(knock(door, **keys))
        refused += 1
    return refused


@pytest.mark.slow
def test_shard_that_ends_its_worker_each_time_is_told(tmp_path: Path) -> None:
    run = send("deadly", "deadly", list(range(4)))
    with pytest.raises(RunError, match=r"Shard 2 \(2\): Its worker ended at it 3 times"):
        run.result(START_S)
    assert sorted(results(run)) == [0, 1, 3]


@pytest.mark.slow
def test_shard_that_hangs_is_told_and_has_more_time_when_asked(tmp_path: Path) -> None:
    task = BatchTask(f"{MODULE}:stuck", [0, 1, 2], {"folder": str(tmp_path)}, name="stuck")
    run = submit(task, workers=1, hang_min=0.02)
    with pytest.raises(RunError, match=r"Shard 1 \(1\): Its worker ended at it 3 times"):
        run.result(START_S)
    assert sorted(results(run)) == [0, 2]
    assert "batch_functions.py" in run.log(500)  # where it was
    (tmp_path / "mended").touch()
    assert squares(run.resume(hang_min=5)) == [(n, n * n) for n in range(3)]
    assert run.config["hang_min"] == 5


@pytest.mark.slow
def test_workers_that_end_before_they_begin_are_told(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pool_workers, "worker_command", lambda *_: ["-c", "raise SystemExit(3)"])
    run = RunFolder.create(tmp_path / "run", {"pool": {"workers": 1, "shards": 1}})
    tls.make_keys(run)
    with open_pool(run, lambda: 1) as pool:
        until(lambda: pool.look_after() != "", patience_s=START_S)
        assert pool.look_after().startswith("5 workers in a row ended before they had begun;")
        assert pool.slots == 0
