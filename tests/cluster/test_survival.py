"""Faults, injected for real: what was killed, damaged or filled up, and what the run does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from kblib.cluster import Run, submit
from kblib.errors import RunError
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase
from tests.watching import PATIENCE_S, losses, rank_processes, until


def interrupted(job: Pretrain, at_step: int, strike) -> Run:
    """Start a new run of a job and strike when a step is reached; return it when it is over."""
    run = submit(job, fresh=True)
    until(lambda: run.state.step >= at_step)
    strike(run)
    until(lambda: run.state.over)
    return run


def kill_ranks(run: Run) -> None:
    for process in rank_processes(run.folder):
        process.send_signal(signal.SIGKILL)


def test_run_outlives_the_kernel_that_submitted_it(long_job: Pretrain) -> None:
    """The submitter is killed with its whole process group, as a kernel restart does."""
    saved = long_job.with_saved_corpus()
    code = (
        "import json, sys, time\n"
        "from kblib.cluster import submit\n"
        "from kblib.jobs.specs import Pretrain\n"
        "run = submit(Pretrain.from_dict(json.load(sys.stdin)), fresh=True)\n"
        "print(run.name, flush=True)\n"
        "time.sleep(600)\n"
    )
    kernel = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    kernel.stdin.write(json.dumps(saved.to_dict()))
    kernel.stdin.close()
    run = Run.open(kernel.stdout.readline().strip())
    os.killpg(kernel.pid, signal.SIGKILL)
    kernel.wait()
    seen = run.state.step
    until(lambda: run.state.step > seen + 10)
    assert run.state.phase is Phase.RUNNING
    run.cancel()
    until(lambda: run.state.over)


def test_killed_rank_is_told_and_resumed_with_equal_bits(
    undisturbed: Run, long_job: Pretrain
) -> None:
    run = interrupted(long_job, 60, kill_ranks)
    assert run.state.phase is Phase.FAILED
    assert run.state.exit_code == 86
    assert run.state.why == "Rank 0 was killed from outside (SIGKILL)."
    with pytest.raises(RunError) as caught:
        run.wait()
    assert "Last checkpoint: step" in str(caught.value)
    assert "The end of log.txt:" in str(caught.value)
    run.resume().wait(PATIENCE_S)
    assert losses(run) == losses(undisturbed)
    assert run.events()[-1]["event"] == "resumed"
    assert run.metrics()["attempt"].max() == 2


def test_killed_driver_is_seen_and_its_ranks_end(long_job: Pretrain) -> None:
    run = submit(replace(long_job, name="orphans"))
    until(lambda: run.state.step >= 20)
    os.kill(run.state.pid, signal.SIGKILL)
    until(lambda: run.state.phase is Phase.FAILED)
    assert "is gone: it was killed, or the machine restarted." in run.state.why
    until(lambda: not rank_processes(run.folder), patience_s=10)
    run.resume()
    until(lambda: run.state.phase is Phase.RUNNING)
    run.cancel()
    until(lambda: run.state.phase is Phase.STOPPED)


def test_failed_job_is_not_started_again_unasked(long_job: Pretrain) -> None:
    failing = replace(long_job, name="refused")
    run = interrupted(failing, 20, kill_ranks)
    with pytest.raises(
        RunError, match=r"resume\(\), or start anew with kb.submit\(job, fresh=True\)"
    ):
        submit(failing)
    assert len(list((run.folder / "attempts").glob("[0-9]*.json"))) == 1


def test_killed_peer_ends_both_ranks_and_the_run_goes_on(long_job: Pretrain) -> None:
    both = replace(long_job, dropout=0.0, steps=1200, name="pair")
    run = submit(both, ranks=2)
    until(lambda: run.state.step >= 1)
    first, second = rank_processes(run.folder)
    until(lambda: run.state.step >= 60)
    second.send_signal(signal.SIGKILL)
    until(lambda: run.state.over)
    assert (run.state.phase, run.state.exit_code) == (Phase.FAILED, 86)
    assert run.state.why.endswith("was killed from outside (SIGKILL).")
    assert not first.is_running()
    run.resume().wait(PATIENCE_S)
    assert list(losses(run)) == list(range(1, 1201))


def test_cancelled_run_goes_on_when_submitted_again(uninterrupted: Run, job: Pretrain) -> None:
    slow = replace(job, steps=600, save_every=1000, eval_every=1000, name="cancelled")
    run = submit(slow)
    until(lambda: run.state.step >= 20)
    run.cancel()
    until(lambda: run.state.over)
    assert run.state.phase is Phase.STOPPED
    stopped_at = run.state.step
    again = submit(slow)
    assert again.name == run.name
    again.wait(PATIENCE_S)
    resumed = {"step": stopped_at, "steps": 600, "passed_over": [], "attempt": 2}
    last = again.events()[-1]
    assert {name: last[name] for name in resumed} == resumed
    assert last["event"] == "resumed"
    assert list(losses(again)) == list(range(1, 601))


def test_damaged_newest_checkpoint_is_passed_over_and_said(
    uninterrupted: Run, job: Pretrain
) -> None:
    run = submit(replace(job, name="damaged")).wait(PATIENCE_S)
    calm = losses(run)
    newest = run.folder / "checkpoints" / "step-00000060" / "model.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    state = run.folder / "state.json"
    state.write_text(state.read_text().replace('"done"', '"stopped"'))
    run.resume().wait(PATIENCE_S)
    event = run.events()[-1]
    assert event["step"] == 50
    assert "step 60:" in event["passed_over"][0]
    assert "has been changed or damaged" in event["passed_over"][0]
    assert "a checkpoint was passed over: step 60" in run.log(200)
    assert losses(run) == calm


@pytest.fixture
def small_disk(tmp_path: Path):
    """Mount 24 MiB of memory as a disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"mounting a small disk is not allowed here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk_loses_nothing_that_was_saved(
    small_disk: Path,
    undisturbed: Run,
    long_job: Pretrain,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(small_disk))
    run = submit(replace(long_job, name="full"))
    until(lambda: len(list((run.folder / "checkpoints").glob("step-*"))) >= 1)
    filler = small_disk / "filler"
    free = shutil.disk_usage(small_disk).free
    with open(filler, "wb") as file:
        file.write(bytes(max(0, free - 100_000)))
    until(lambda: run.state.over)
    assert run.state.phase is Phase.FAILED
    assert "The disk is full" in run.state.why
    assert "is whole" in run.state.why
    kept = sorted(path.name for path in (run.folder / "checkpoints").iterdir())
    assert kept != []
    assert all(name.startswith("step-") for name in kept)
    filler.unlink()
    run.resume().wait(PATIENCE_S)
    assert losses(run) == losses(undisturbed)
