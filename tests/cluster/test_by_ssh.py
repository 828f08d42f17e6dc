"""A cluster that is reached by ssh: another user's home, an emulated Slurm, nothing shared."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

import kblib
from kblib import __main__, files
from kblib.cluster import Run, job_script, submit
from kblib.errors import IntegrityError, RunError, SiteError
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase, RunFolder
from tests.cluster.far import SITE, START_S, Far, look_now, site_file
from tests.sshd import ALIAS
from tests.watching import losses, until

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def finished(far: Far, job: Pretrain) -> Run:
    """Give a run that was sent, carried out and fetched."""
    run = submit(job, site=SITE, nodes=1, dask=False)
    until(lambda: run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.DONE, f"{run!r}\n{run.log(60)}"
    return run


def test_a_run_is_carried_out_there_as_the_user_of_the_alias(far: Far, finished: Run) -> None:
    there = far.folder(finished)
    assert (there / "state.json").owner() == far.user.name
    assert len(list((there / "checkpoints").iterdir())) > 0
    assert not list((finished.folder / "checkpoints").iterdir())
    assert finished.config["site"] == SITE


def test_what_is_small_is_here_and_equal(far: Far, finished: Run) -> None:
    there = far.folder(finished)
    for name in ("metrics.jsonl", "log.txt", "script.sh", "attempts/0001.json", "settled.json"):
        assert (finished.folder / name).read_bytes() == (there / name).read_bytes(), name
    assert len(losses(finished)) == finished.state.steps == 60


def test_the_model_is_fetched_and_opens(far: Far, finished: Run) -> None:
    model = finished.result()
    assert len(model.fill("Kungen [MASK] Stockholm i dag.", k=3).table) == 3
    there = far.folder(finished) / "result" / "model"
    assert files.read_manifest(there) == files.read_manifest(finished.folder / "result" / "model")


def test_the_script_that_is_shown_is_the_one_that_was_sent(
    far: Far, finished: Run, job: Pretrain
) -> None:
    shown = job_script(job, site=SITE, nodes=1)
    sent = (far.folder(finished) / "script.sh").read_text()
    assert f"#SBATCH --output={far.folder(finished)}/log.txt" in shown.splitlines()
    assert shown == sent


def test_the_same_job_attaches(finished: Run, job: Pretrain) -> None:
    assert submit(job, site=SITE).name == finished.name


def test_a_run_is_found_again_from_another_folder_there(far: Far, finished: Run) -> None:
    """On the login node the same run is a run like any other."""
    code = f"from kblib.cluster import Run; print(Run.open({finished.name!r}))"
    told = far.user.runs_python(
        code, KBNOTEBOOKS_HOME=str(far.home), SLURM_CONF=str(far.emulator.conf)
    )
    assert f"Run '{finished.name}': done, step 60 of 60" in told.stdout, told.stderr


def test_its_dask_is_not_reached_from_here(finished: Run) -> None:
    with pytest.raises(RunError, match="is on another machine; its Dask listens only there"):
        finished.client()


def test_the_command_line_connects_looks_and_reads_the_log(
    far: Far, finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    far.server.drop()
    assert __main__.main(["connect", SITE]) == 0
    assert far.server.ssh.is_open()
    assert __main__.main(["status", finished.name]) == 0
    assert __main__.main(["logs", finished.name, "-n", "1", "--follow"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"The connection to '{ALIAS}' is open, and stays so for 12h without use."
    assert said[1] == f"Run '{finished.name}': done, step 60 of 60"
    assert "attempt 1 ended: done" in said[2]


def test_a_damaged_model_is_not_opened(far: Far, finished: Run) -> None:
    finished.result()
    weights = far.folder(finished) / "result" / "model" / "model.safetensors"
    whole = weights.read_bytes()
    about = files.read_json(RunFolder(finished.folder).mirror_file)
    files.write_json(RunFolder(finished.folder).mirror_file, {**about, "fetched": False})
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(IntegrityError, match=r"has been changed or damaged"):
            finished.result()
    finally:
        weights.write_bytes(whole)
    assert finished.result() is not None


def test_cancel_lost_connection_and_resume(far: Far, long_job: Pretrain) -> None:
    # Without an end: nothing here may depend on how fast it trains.
    job = replace(long_job, name="by-ssh", steps=1_000_000, save_every=100_000)
    run = submit(job, site=SITE, nodes=1, dask=False)
    until(lambda: run.state.step > 0 or run.state.over, patience_s=START_S)
    assert run.state.phase is Phase.RUNNING, f"{run!r}\n{run.log(60)}"

    far.server.stop()
    look_now(run)
    lost = run.state
    assert lost.phase is Phase.RUNNING
    assert lost.why.startswith("Known ")
    assert f"ago: '{ALIAS}' was not reached. The host does not answer." in lost.why
    with pytest.raises(SiteError, match="was not reached"):
        run.cancel()
    far.server.start()
    look_now(run)

    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)
    stopped = run.state
    assert (stopped.phase, stopped.exit_code) == (Phase.STOPPED, 85), f"{run!r}\n{run.log(60)}"
    assert stopped.step > 0
    with pytest.raises(RunError, match="was stopped at step"):
        run.result()

    run.resume(budget_gpu_hours=100)
    assert files.read_json(far.folder(run) / "budget.json")["gpu_hours"] == 100
    until(lambda: run.state.attempt == 2 and run.state.step > stopped.step, patience_s=START_S)
    run.cancel()
    until(lambda: run.state.over, patience_s=START_S)
    assert sorted(losses(run)) == list(range(1, run.state.step + 1))
    assert run.events()[-1]["event"] == "resumed"


def test_what_the_cluster_refuses_is_said_here_and_leaves_nothing(far: Far, job: Pretrain) -> None:
    with pytest.raises(SiteError, match="There is no such partition"):
        submit(replace(job, name="refused"), site=SITE, nodes=1, partition="nowhere", dask=False)
    for home in (far.home, Path(kblib.settings.home())):
        assert not list((home / "runs").glob("refused-*"))


def test_a_python_without_the_library_is_said(
    far: Far, job: Pretrain, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory() as settings:
        sites = Path(settings) / "kbnotebooks" / "sites"
        sites.mkdir(parents=True)
        (sites / f"{SITE}.toml").write_text(site_file(far, "/usr/bin/env"))
        monkeypatch.setenv("XDG_CONFIG_HOME", settings)
        with pytest.raises(SiteError, match=f"The library does not start on '{ALIAS}'"):
            submit(replace(job, name="no-library"), site=SITE, nodes=1)
