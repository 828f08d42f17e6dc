"""Pools on the emulated cluster: workers are jobs, the head is one too, and any of them may go."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run, submit
from kblib.corpora import Corpus
from kblib.jobs.batch import BatchTask
from kblib.jobs.exit_codes import DONE, INFRASTRUCTURE, STOPPED
from kblib.runs import RunFolder
from tests.cluster.gangs import attempts, repair
from tests.cluster.pools import (
    MODULE,
    SOURCE,
    START_S,
    Gate,
    leftovers,
    processes_of,
    results,
    squares,
)
from tests.cluster.test_variables import CANARIES, with_canaries
from tests.watching import until

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module", autouse=True)
def cluster(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Give the emulator to `submit` and to heads on its nodes, and the functions to all."""
    folder = tmp_path_factory.mktemp("functions")
    (folder / f"{MODULE}.py").write_text(SOURCE, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KBNOTEBOOKS_EMULATOR", str(emulator.folder))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.syspath_prepend(folder)
        patch.delitem(sys.modules, MODULE, raising=False)
        yield emulator


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    return Gate(tmp_path / "gate")


def send(task: BatchTask, workers: int) -> Run:
    asked = {"gpus_per_node": 0, "cores_per_node": 1, "memory_gib": 2, "walltime_hours": 0.5}
    return submit(task, site="emulator", workers=workers, ranks_per_node=1, **asked)


def gated(name: str, gate: Gate, n: int) -> BatchTask:
    return BatchTask(f"{MODULE}:gated", list(range(n)), {"folder": str(gate.folder)}, name=name)


def jobs(cluster: Emulator, name: str) -> list[str]:
    """Return the numbers of the jobs of a name that Slurm has in its queue."""
    done = cluster.run("squeue", "--noheader", "--format=%i", f"--name={name}")
    return done.stdout.split()


def test_workers_come_and_go_with_the_work(cluster: Emulator, gate: Gate, films: Corpus) -> None:
    run = send(gated("elastic", gate, 3), workers=3)
    until(lambda: len(gate.begun) == 3, patience_s=START_S)
    assert len(jobs(cluster, f"{run.name}.worker")) == 3
    gate.open()
    assert squares(run.wait(START_S)) == [(n, n * n) for n in range(3)]
    until(lambda: not jobs(cluster, f"{run.name}.worker"), patience_s=START_S)
    until(lambda: not jobs(cluster, run.name), patience_s=START_S)  # nor a successor
    assert not (run.folder / "tls").exists()
    assert [one["exit_code"] for one in attempts(run)] == [DONE]
    assert run.metrics()["workers"].max() == 3
    assert not leftovers(run)


@pytest.mark.survival
def test_no_secret_is_known_to_a_worker_or_told(
    cluster: Emulator, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    run = send(gated("open", gate, 2), workers=1)
    until(lambda: bool(gate.begun), patience_s=START_S)
    for module in ("kblib.cluster.pool_head", "kblib.cluster.pool_worker"):
        (process,) = processes_of(module, run)
        environment = process.environ()
        assert environment["KBNOTEBOOKS_HOME"] == str(run.folder.parent.parent)
        assert not [name for name, value in environment.items() if "canary" in value]
    gate.open()
    run.wait(START_S)
    assert not with_canaries(run.folder)
    assert not with_canaries(cluster.folder / "spool")


@pytest.mark.survival
def test_idle_workers_are_sent_away_while_one_still_works(cluster: Emulator, gate: Gate) -> None:
    run = send(gated("down", gate, 3), workers=3)
    until(lambda: len(gate.begun) == 3, patience_s=START_S)
    keeper = processes_of("kblib.cluster.pool_worker", run)[0]
    keeper.send_signal(signal.SIGSTOP)
    gate.open()
    try:
        until(lambda: len(jobs(cluster, f"{run.name}.worker")) == 1, patience_s=START_S)
        assert len(results(run)) == 2
    finally:
        keeper.send_signal(signal.SIGCONT)
    assert squares(run.wait(START_S)) == [(n, n * n) for n in range(3)]


@pytest.mark.survival
def test_corpus_on_nodes(cluster: Emulator, films: Corpus) -> None:
    run = send(BatchTask("polars:DataFrame", films, rows=50), workers=2)
    assert list(run.result(START_S).table["id"]) == list(films.table["id"])


@pytest.mark.survival
def test_killed_worker_is_replaced_by_another_job(cluster: Emulator, gate: Gate) -> None:
    run = send(gated("worker", gate, 4), workers=1)
    until(lambda: bool(gate.begun), patience_s=START_S)
    ((shard, _),) = gate.begun
    (first,) = jobs(cluster, f"{run.name}.worker")
    (process,) = processes_of("kblib.cluster.pool_worker", run)
    process.send_signal(signal.SIGKILL)
    until(lambda: len(gate.begun) > 1, patience_s=START_S)
    assert first not in jobs(cluster, f"{run.name}.worker")
    gate.open()
    assert squares(run.wait(START_S)) == [(n, n * n) for n in range(4)]
    assert gate.times == {n: 2 if n == shard else 1 for n in range(4)}
    assert [one["exit_code"] for one in attempts(run)] == [DONE]


@pytest.mark.survival
@pytest.mark.parametrize(
    ("strike", "code"),
    [
        pytest.param(signal.SIGKILL, INFRASTRUCTURE, id="killed"),
        pytest.param(signal.SIGUSR1, STOPPED, id="wall-time"),
    ],
)
def test_next_head_goes_on_with_the_same_workers(
    cluster: Emulator, gate: Gate, strike: signal.Signals, code: int
) -> None:
    run = send(gated(f"head-{code}", gate, 6), workers=2)
    until(lambda: len(gate.begun) == 2, patience_s=START_S)
    workers = jobs(cluster, f"{run.name}.worker")
    (head,) = processes_of("kblib.cluster.pool_head", run)
    head.send_signal(strike)
    until(lambda: len(RunFolder(run.folder).attempt_records()) == 2, patience_s=START_S)
    assert not run.state.over
    assert jobs(cluster, f"{run.name}.worker") == workers
    gate.open()
    assert squares(run.wait(2 * START_S)) == [(n, n * n) for n in range(6)]
    assert [one["exit_code"] for one in attempts(run)] == [code, DONE]
    assert "2 workers of the last head go on" in run.log(200)
    until(lambda: not jobs(cluster, f"{run.name}.worker"), patience_s=START_S)
    assert not leftovers(run)
    assert not (run.folder / "tls").exists()


@pytest.mark.survival
def test_lost_node_of_the_workers_loses_no_result(cluster: Emulator, gate: Gate) -> None:
    run = send(gated("node", gate, 4), workers=2)
    until(lambda: len(gate.begun) == 2, patience_s=START_S)
    head = attempts(run)[0]["nodes"]
    done = cluster.run("squeue", "--noheader", "--format=%N", f"--name={run.name}.worker")
    lost = sorted(set(done.stdout.split()))[-1]
    cluster.kill_node(lost)
    try:
        gate.open()
        assert squares(run.wait(2 * START_S)) == [(n, n * n) for n in range(4)]
    finally:
        repair(cluster, lost)
    codes = [one["exit_code"] for one in attempts(run)]
    assert codes == ([INFRASTRUCTURE, DONE] if lost == head else [DONE])
