"""DeepSpeed on two nodes with two ranks each, struck for real: the same losses, bit by bit.

Three of these run each time; all of them in `.ci/run` (``pytest -m survival``).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run
from kblib.cluster.slurm_answers import expanded
from kblib.corpora import Corpus
from kblib.jobs.exit_codes import DONE, INFRASTRUCTURE, STOPPED
from kblib.jobs.specs import Pretrain
from kblib.models.shape import ModelShape
from kblib.runs import Phase
from tests.cluster.gangs import (
    attempts,
    ended,
    flip_a_bit,
    nodes_of,
    ranks_of,
    reached,
    repair,
    send,
)
from tests.watching import losses, until

pytest.importorskip("deepspeed", reason="DeepSpeed comes with the extra 'cluster'")
pytestmark = pytest.mark.slurm

STRIKE_AT = 60
SAVED_EVERY = 25


@pytest.fixture(scope="module")
def cluster(emulator: Emulator) -> Iterator[Emulator]:
    """Give the emulator to `submit`, and to the drivers on its nodes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KBNOTEBOOKS_EMULATOR", str(emulator.folder))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield emulator


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


def codes(run: Run) -> list[int]:
    return [one["exit_code"] for one in attempts(run)]


def test_run_outlives_the_kernel_that_submitted_it(
    cluster: Emulator, job: Pretrain, undisturbed: Run
) -> None:
    code = (
        "import json, sys, time\n"
        "from kblib.jobs.specs import Pretrain\n"
        "from tests.cluster.gangs import send\n"
        "run = send(Pretrain.from_dict(json.load(sys.stdin)))\n"
        "print(run.name, flush=True)\n"
        "time.sleep(3600)\n"
    )
    kernel = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    saved = replace(job, name="kernel").with_saved_corpus()
    kernel.stdin.write(json.dumps(saved.to_dict()))
    kernel.stdin.close()
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
    run = reached(send(replace(job, name=f"node-{place}")), STRIKE_AT)
    lost = nodes_of(run)[place]
    cluster.kill_node(lost)
    try:
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
    flip_a_bit(next(newest.rglob("*rank_3_*optim_states.pt")))
    run.resume()
    ended(run)
    assert codes(run) == [STOPPED, DONE]
    event = run.events()[-1]
    assert event["step"] < int(newest.name.removeprefix("step-"))
    assert "rank_3" in event["passed_over"][0]
    assert losses(run) == losses(undisturbed)
