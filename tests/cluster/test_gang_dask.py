"""What the driver of a gang makes of Dask's processes: begun, lost, begun again, given up."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from kblib import settings
from kblib.cluster import gang_dask, tls
from kblib.cluster.gang_dask import MOST_STARTS_AGAIN, Beside, why_none
from kblib.runs import RunFolder
from kblib.sites.facts import GPU_OPTIONS


class Process:
    """Stands for a process: what it was started with, what it says, how it ended."""

    started: list[Process]
    says: Iterable[str] = ()

    def __init__(self, command: list[str], **_: Any) -> None:
        self.command = command
        self.code: int | None = None
        self.terminated = False
        self.stderr = list(self.says)
        self.started.append(self)

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.terminated = True

    def option(self, name: str) -> str:
        return next(word for word in self.command if word.startswith(f"--{name}=")).split("=")[1]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Give what is started, in this order; nothing really is."""
    monkeypatch.setattr(Process, "started", [], raising=False)
    monkeypatch.setattr(gang_dask.subprocess, "Popen", Process)
    return Process.started


@pytest.fixture
def run(tmp_home: Path) -> RunFolder:
    """Give a run that has keys."""
    run = RunFolder.create(
        settings.runs_folder() / "films",
        {"site": "emulator", "no_dask": "", "resources": {"nodes": 3}},
    )
    tls.make_keys(run)
    return run


@pytest.fixture
def beside(run: RunFolder, started: list[Process]) -> Beside:
    """Give the Dask of an attempt on three nodes."""
    return Beside(run, 1, ["n1", "n2", "n3"], ["box", "python"], "gpus-per-node")


def told(run: RunFolder) -> list[tuple[str, str, str]]:
    return [(one["event"], one["part"], one["why"]) for one in run.events()]


def say(beside: Beside, step: Process, *lines: str) -> None:
    """Let the srun of a step say something, and tend Dask."""
    worker_step = next(one for one in beside._steps if one._process is step)
    step.stderr = list(lines)
    worker_step._read()
    beside.tend()


def test_first_look_starts_a_scheduler_and_a_step_of_workers(
    beside: Beside, started: list[Process]
) -> None:
    beside.tend()
    beside.tend()
    scheduler, workers = started
    assert "kblib.cluster.beside scheduler" in " ".join(scheduler.command)
    assert (workers.option("nodelist"), workers.option("ntasks")) == ("n1,n2,n3", "3")
    assert {"--overlap", "--gpus-per-node=0", "--kill-on-bad-exit=0"} <= set(workers.command)


def test_workers_are_nice_inside_the_container(beside: Beside, started: list[Process]) -> None:
    beside.tend()
    words = started[1].command
    place = words.index("box")
    assert words[place : place + 5] == ["box", "nice", "-n", "5", "python"]


@pytest.mark.parametrize("option", GPU_OPTIONS)
def test_step_asks_for_no_gpu_in_the_words_of_the_site(
    run: RunFolder, started: list[Process], option: str
) -> None:
    Beside(run, 1, ["n1"], ["python"], option).tend()
    words = [word for word in started[1].command if word.startswith(("--gpu", "--gres"))]
    expected = {"gpus-per-node": ["--gpus-per-node=0"], "gres": ["--gres=none"], "none": []}
    assert words == expected[option]


def test_step_takes_no_number_from_that_of_the_ranks() -> None:
    ranks = {"SLURM_STEP_ID": "0", "SLURM_CPUS_PER_TASK": "32", "SLURM_TRES_PER_TASK": "cpu=32"}
    kept = gang_dask._environment({**ranks, "SLURM_JOB_ID": "7", "PATH": "/bin"})
    assert kept.keys() & {*ranks, "SLURM_JOB_ID", "PATH"} == {"SLURM_JOB_ID", "PATH"}


def test_lost_worker_is_started_again_on_its_node(
    run: RunFolder, beside: Beside, started: list[Process]
) -> None:
    beside.tend()
    say(beside, started[1], "srun: error: n2: task 1: Killed\n")
    assert [one.option("nodelist") for one in started[1:]] == ["n1,n2,n3", "n2"]
    assert told(run) == [("dask_lost", "worker on n2", "it was killed (SIGKILL)")]
    say(beside, started[2], "srun: error: n2: task 0: Exited with exit code 1\n")
    assert started[3].option("nodelist") == "n2"
    assert told(run)[1] == ("dask_lost", "worker on n2", "it ended (1)")


def test_lost_step_is_started_again_on_all_its_nodes(
    beside: Beside, started: list[Process]
) -> None:
    beside.tend()
    say(beside, started[1], "srun: error: n2: task 1: Killed\n")
    started[1].code = -signal.SIGKILL
    beside.tend()
    assert [one.option("nodelist") for one in started[1:]] == ["n1,n2,n3", "n2", "n1,n3"]


def test_pipe_that_is_held_open_holds_nobody_up(
    beside: Beside, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A driver that waited for it would write no heartbeat, and hear no request to stop."""
    monkeypatch.setattr(gang_dask, "_LAST_WORDS_S", 0.01)
    closed = threading.Event()
    beside.tend()
    beside._steps[0]._reader = threading.Thread(target=closed.wait, daemon=True)
    beside._steps[0]._reader.start()
    started[1].code = -signal.SIGKILL
    beside.tend()
    assert not closed.is_set()
    assert started[2].option("nodelist") == "n1,n2,n3"
    closed.set()


def test_worker_lost_too_often_is_given_up_and_the_others_stay(
    run: RunFolder, beside: Beside, started: list[Process]
) -> None:
    beside.tend()
    for number in range(MOST_STARTS_AGAIN + 1):
        task = 1 if number == 0 else 0
        say(beside, started[1 + number], f"srun: error: n2: task {task}: Killed\n")
    assert len(started) == 2 + MOST_STARTS_AGAIN
    assert told(run)[-1] == ("dask_given_up", "worker on n2", "it was killed (SIGKILL)")
    assert beside._steps[0].nodes == ["n1", "n3"]
    assert not beside.given_up


def test_scheduler_lost_too_often_is_given_up_with_its_workers(
    run: RunFolder, beside: Beside, started: list[Process]
) -> None:
    beside.tend()
    workers = started[1]
    for _ in range(MOST_STARTS_AGAIN + 1):
        run.announce_scheduler("tls://127.0.0.1:1")
        scheduler = [one for one in started if "scheduler" in one.command][-1]
        scheduler.code = -signal.SIGKILL
        beside.tend()
        assert run.scheduler_address() is None
    assert told(run)[-1] == ("dask_given_up", "scheduler", "it was killed (SIGKILL)")
    assert (workers.terminated, beside.given_up) == (True, True)
    beside.tend()
    assert len(started) == 2 + MOST_STARTS_AGAIN


@pytest.mark.parametrize("fault", [FileNotFoundError, ValueError])
def test_what_cannot_be_started_is_told_and_nothing_is_raised(
    run: RunFolder, beside: Beside, monkeypatch: pytest.MonkeyPatch, fault: type[Exception]
) -> None:
    """An error that went on to the driver would end the ranks."""

    def missing(*_: Any, **__: Any) -> None:
        raise fault("no srun")

    monkeypatch.setattr(gang_dask.subprocess, "Popen", missing)
    beside.tend()
    assert told(run) == [("dask_given_up", "scheduler", "it could not be started: no srun")]
    monkeypatch.undo()
    beside.tend()
    assert len(told(run)) == 1


def test_stop_ends_both_and_takes_the_address_away(
    run: RunFolder, beside: Beside, started: list[Process]
) -> None:
    beside.tend()
    run.announce_scheduler("tls://127.0.0.1:1")
    beside.stop()
    assert [one.terminated for one in started] == [True, True]
    assert run.scheduler_address() is None


def test_address_is_its_owners_alone(run: RunFolder) -> None:
    run.announce_scheduler("tls://127.0.0.1:1")
    assert run.scheduler_address() == "tls://127.0.0.1:1"
    assert run.scheduler_file.stat().st_mode & 0o777 == 0o600


def test_worker_gets_a_small_part_of_the_memory(
    beside: Beside, started: list[Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_MEM_PER_NODE", str(64 << 10))
    beside.tend()
    assert started[1].option("mem") == "2048M"
    assert started[1].command[-1] == "2048"


def test_run_without_dask_says_why(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    assert why_none(run) == ""
    monkeypatch.setattr(gang_dask, "find_spec", lambda name: None)
    assert why_none(run) == "The Python of the job has no dask and no distributed."
    monkeypatch.undo()
    tls.remove_keys(run)
    assert why_none(run).startswith("Run 'films' has no keys in ")
