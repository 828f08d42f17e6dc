"""DeepSpeed on two nodes with two ranks each, struck for real: the same losses, bit by bit.

Three of these run each time; all of them in `.ci/run` (``pytest -m survival``).
"""

from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run
from kblib.cluster.slurm_answers import expanded
from kblib.corpora import Corpus
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE, STOPPED
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import Phase
from tests.cluster.gangs import (
    START_S,
    another_python,
    attempts,
    dask_process,
    ended,
    flip_a_bit,
    nodes_of,
    ranks_of,
    reached,
    repair,
    seen_since,
    send,
)
from tests.disks import fill, mounted
from tests.emulated import emulated
from tests.watching import losses, until

pytest.importorskip("deepspeed", reason="DeepSpeed comes with the extra 'cluster'")
pytestmark = pytest.mark.slurm

STRIKE_AT = 60
LONG = 20_000
"""Steps of a run that is struck twice, and stopped after."""
SAVED_EVERY = 25


@pytest.fixture(scope="module")
def job(films: Corpus, tiny_shape: ModelShape) -> Pretrain:
    """Give a job with dropout, long enough to be struck in the middle."""
    return Pretrain(
        films,
        tiny_shape,
        steps=240,
        seq_len=16,
        batch_size=8,
        warmup_steps=5,
        dropout=0.1,
        eval_every=1000,
        save_every=SAVED_EVERY,
        valid=0.1,
        test=0.1,
        engine="deepspeed",
        zero_stage=2,
        name="gang",
    )


@pytest.fixture(scope="module")
def undisturbed(cluster: Emulator, job: Pretrain) -> Run:
    """Give the run that nothing disturbed."""
    run = ended(send(replace(job, name="calm")))
    assert [one["exit_code"] for one in attempts(run)] == [DONE]
    return run


class Calm:
    """A long run that nothing disturbs, carried as far as it is asked for.

    What is struck is compared with it step by step; it begins anew when more is asked of it.
    """

    def __init__(self, job: Pretrain) -> None:
        self.job = replace(job, steps=LONG, name="calm-long")
        self.losses: dict[int, float] = {}

    def up_to(self, step: int) -> dict[int, float]:
        """Return its losses up to a step at least."""
        if step not in self.losses:
            run = until_stopped(reached(send(self.job, fresh=True), step))
            assert codes(run) == [STOPPED]
            self.losses = losses(run)
        return self.losses


@pytest.fixture(scope="module")
def calm(cluster: Emulator, job: Pretrain) -> Calm:
    """Give what long runs are compared with."""
    return Calm(job)


def assert_equal(struck: Run, calm: Calm) -> None:
    """Compare all losses of a run that was stopped, one for each step, with undisturbed ones."""
    found = losses(struck)
    expected = calm.up_to(struck.state.step)
    assert list(found) == list(range(1, struck.state.step + 1))
    assert found == {step: expected[step] for step in found}


def codes(run: Run) -> list[int]:
    return [one["exit_code"] for one in attempts(run)]


def test_run_outlives_the_kernel_that_submitted_it(
    cluster: Emulator, job: Pretrain, undisturbed: Run
) -> None:
    code = "print(send().name, flush=True)\ntime.sleep(3600)\n"
    kernel = another_python(code, replace(job, name="kernel"))
    run = Run.open(kernel.stdout.readline().strip())
    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.wait()
    ended(run)
    assert codes(run) == [DONE]
    assert losses(run) == losses(undisturbed)
    assert run.result().shape == job.shape


def test_killed_rank_is_told_and_the_next_job_goes_on(
    cluster: Emulator, job: Pretrain, undisturbed: Run
) -> None:
    run = reached(send(replace(job, name="rank")), STRIKE_AT)
    ranks_of(run)[-1].send_signal(signal.SIGKILL)
    ended(run)
    first, last = attempts(run)
    assert (first["exit_code"], last["exit_code"]) == (INFRASTRUCTURE, DONE)
    assert first["why"].endswith("was killed from outside (SIGKILL).")
    assert first["job"] != last["job"]
    resumed = run.events()[-1]
    assert (resumed["event"], resumed["attempt"]) == ("resumed", 2)
    assert resumed["step"] >= STRIKE_AT - SAVED_EVERY
    assert losses(run) == losses(undisturbed)


@pytest.mark.parametrize(
    "place", [0, pytest.param(1, marks=pytest.mark.survival)], ids=["head", "other"]
)
def test_lost_node_is_avoided_by_the_next_job(
    cluster: Emulator, job: Pretrain, undisturbed: Run, place: int
) -> None:
    run = reached(send(replace(job, name=f"node-{place}"), dask=bool(place)), STRIKE_AT)
    lost = nodes_of(run)[place]
    key = run.folder / "tls" / "key.pem"
    before = key.read_bytes() if place else b""
    cluster.kill_node(lost)
    try:
        until(lambda: len(attempts(run)) > 1 or run.state.over, patience_s=START_S)
        assert (key.read_bytes() if place else b"") == before
        ended(run)
    finally:
        repair(cluster, lost)
    first, last = attempts(run)
    assert (first["exit_code"], last["exit_code"]) == (INFRASTRUCTURE, DONE)
    assert lost in expanded(first["nodes"])
    assert lost not in expanded(last["nodes"])
    bad = json.loads((run.folder / "bad_nodes.json").read_text())
    assert list(bad) == [lost]
    assert (bad[lost]["attempt"], bad[lost]["job"]) == (1, first["job"])
    assert bad[lost]["seen"]
    assert not key.exists()
    assert losses(run) == losses(undisturbed)


@pytest.mark.survival
def test_restart_of_the_controller_is_not_noticed(
    cluster: Emulator, job: Pretrain, undisturbed: Run
) -> None:
    run = reached(send(replace(job, name="controller")), STRIKE_AT)
    cluster.stop_controller()
    try:
        seen = run.state.step
        until(lambda: run.state.step > seen + 10)
    finally:
        cluster.start_controller()
    ended(run)
    assert codes(run) == [DONE]
    assert losses(run) == losses(undisturbed)


@pytest.mark.survival
def test_damaged_part_of_the_newest_checkpoint_is_passed_over(
    cluster: Emulator, job: Pretrain, undisturbed: Run
) -> None:
    run = reached(send(replace(job, name="damaged")), STRIKE_AT)
    run.cancel()
    until(lambda: run.state.over)
    assert run.state.phase is Phase.STOPPED
    newest = sorted((run.folder / "checkpoints").glob("step-*"))[-1]
    flip_a_bit(newest / "rank-00003.safetensors")
    run.resume()
    ended(run)
    assert codes(run) == [STOPPED, DONE]
    event = run.events()[-1]
    assert event["step"] < int(newest.name.removeprefix("step-"))
    assert "rank-00003.safetensors" in event["passed_over"][0]
    assert losses(run) == losses(undisturbed)


@pytest.mark.survival
def test_wall_time_reached_twice_is_two_more_jobs(
    cluster: Emulator, job: Pretrain, calm: Calm
) -> None:
    """Slurm itself tells the drivers: the end of each job is brought near while it runs."""
    run = send(replace(job, steps=LONG, name="walltime"))
    for _ in range(2):
        bring_the_wall_time_near(cluster, run)
    stopped = until_stopped(reached(run, run.state.step + 30))
    assert codes(stopped) == [STOPPED] * 3
    resumed = [event["step"] for event in run.events()]
    assert resumed == [0, *(one["step"] for one in attempts(run)[:2])]
    assert_equal(stopped, calm)


def bring_the_wall_time_near(cluster: Emulator, run: Run) -> None:
    """Let 30 more steps be done, move the end of the job near, wait for the next one to begin."""
    reached(run, run.state.step + 30)
    so_far = attempts(run)
    own = so_far[-1]["job"]
    cluster.run("scontrol", "update", f"JobId={own}", "EndTime=now+3minutes")
    until(lambda: len(run.events()) > len(so_far), patience_s=START_S)
    ended_now = attempts(run)[-2]
    assert ended_now["exit_code"] == STOPPED
    assert ended_now["why"] == "The wall time was near; the next job goes on."


def until_stopped(run: Run) -> Run:
    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.STOPPED
    return run


@pytest.mark.survival
def test_lost_dask_costs_no_step(cluster: Emulator, job: Pretrain, calm: Calm) -> None:
    """Worker and scheduler are killed; both come back, and the ranks notice neither."""
    run = send(replace(job, steps=LONG, name="dask"), dask=True)
    nodes = nodes_of(reached(run, 1))
    until(lambda: seen_since(run, 0.0) == set(nodes), patience_s=START_S)
    for role, node in (("worker", nodes[1]), ("scheduler", nodes[0])):
        struck_at = time.time()
        dask_process(run, role, node).send_signal(signal.SIGKILL)
        part = f"worker on {node}" if role == "worker" else role
        told = {"event": "dask_lost", "part": part, "why": "it was killed (SIGKILL)", "attempt": 1}
        until(lambda told=told: told in without_time(run.events()), patience_s=START_S)
        until(lambda at=struck_at: seen_since(run, at + 1) == set(nodes), patience_s=START_S)
    with run.client(timeout_s=START_S) as client:
        client.wait_for_workers(2, timeout=START_S)
        there = {one["name"] for one in client.scheduler_info()["workers"].values()}
    assert there == set(nodes)
    stopped = until_stopped(reached(run, run.state.step + 10))
    assert codes(stopped) == [STOPPED]
    assert not stopped.folder.joinpath("tls").exists()
    assert_equal(stopped, calm)


def without_time(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{k: v for k, v in event.items() if k != "time"} for event in events]


@pytest.mark.survival
def test_rank_that_stands_still_is_seen_and_the_next_job_goes_on(
    cluster: Emulator, job: Pretrain, undisturbed: Run
) -> None:
    run = reached(send(replace(job, name="hang"), hang_min=1.0), STRIKE_AT)
    ranks_of(run)[1].send_signal(signal.SIGSTOP)
    ended(run)
    first, last = attempts(run)
    assert (first["exit_code"], last["exit_code"]) == (INFRASTRUCTURE, DONE)
    assert first["why"] == "No step for 1 minutes; where each rank was is in log.txt."
    assert "Current thread" in run.log(100_000)
    assert losses(run) == losses(undisturbed)


@pytest.mark.survival
def test_fault_of_ours_is_not_tried_again(cluster: Emulator, job: Pretrain) -> None:
    run = send(replace(job, learning_rate=1e35, warmup_steps=0, name="explodes"))
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.FAILED
    assert "Both should be finite numbers" in run.state.why
    assert codes(run) == [FAILED]
    until(lambda: not cluster.run("squeue", "--noheader", f"--name={run.name}").stdout)


@pytest.mark.survival
def test_full_disk_loses_no_checkpoint(
    tmp_path: Path, job: Pretrain, undisturbed: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On an emulator of its own: nodes see what is mounted when they boot."""
    with mounted(tmp_path / "disk", mib=32) as disk, emulated() as cluster:
        monkeypatch.setenv("KBNOTEBOOKS_HOME", str(disk))
        monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(cluster.folder))
        run = send(replace(job, name="full"))
        until(lambda: any((run.folder / "checkpoints").glob("step-*")), patience_s=START_S)
        with suppress(OSError):  # the run may take the last bytes before
            fill(disk, leaving=100_000)
        until(lambda: run.state.over, patience_s=START_S)
        assert run.state.phase is Phase.FAILED, run.log(60)
        assert "The disk is full" in run.state.why
        assert "is whole" in run.state.why
        (disk / "filler").unlink()
        run.resume()
        ended(run)
        assert codes(run) == [FAILED, DONE]
        assert losses(run) == losses(undisturbed)
