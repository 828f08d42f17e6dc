"""Impossible and mistaken requests, sent to a real Slurm with accounts: refused, or explained."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kblib.hpc.emulator import Emulator, Hardware

from kblib import settings
from kblib.__main__ import main
from kblib.cluster import Run, submit
from kblib.cluster.access import Here
from kblib.cluster.diagnose import why_it_ended
from kblib.cluster.slurm import Slurm
from kblib.cluster.watch import forget
from kblib.errors import SiteError
from kblib.jobs.specs import Pretrain
from kblib.runs import Phase, RunFolder
from tests.emulated import no_stray_logs, why_not
from tests.watching import PATIENCE_S, until

pytestmark = pytest.mark.slurm
ONE_CORE: dict[str, Any] = {
    "ranks_per_node": 1,
    "gpus_per_node": 0,
    "cores_per_node": 1,
    "memory_gib": 1,
    "walltime_hours": 0.05,
    "account": "project",
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Emulator]:
    """Give a cluster of four nodes that checks accounts and qualities of service."""
    programs = ("munged", "slurmctld", "slurmd", "srun", "unshare", "slurmdbd", "mariadbd")
    if reason := why_not(*programs):
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="emu-"))
    cluster = Emulator(folder)
    cluster.start(Hardware(), with_accounting=True)
    try:
        with no_stray_logs():
            yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def here(cluster: Emulator, tmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Let the site 'emulator' be that cluster, for a user without runs."""
    monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(cluster.folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_home / "config"))
    return cluster


@pytest.fixture
def job(job: Pretrain, request: pytest.FixtureRequest) -> Pretrain:
    """Give a job with a name of this test: jobs of one name run one after another."""
    return replace(job, name=request.node.name[:40])


def send(job: Pretrain, **asked: Any) -> Run:
    return submit(replace(job, batch_size=60), site="emulator", **(ONE_CORE | asked))


def refused(job: Pretrain, **asked: Any) -> str:
    """Send what is refused; return what the user is told. Nothing of it may be left."""
    with pytest.raises(SiteError) as caught:
        send(job, **asked)
    runs = settings.runs_folder()
    assert not runs.exists() or list(runs.iterdir()) == []
    return str(caught.value)


def explained(cluster: Emulator, job: Pretrain, words: str, **asked: Any) -> str:
    """Send what is queued and cannot begin; return what the run says once it knows."""
    run = send(job, **asked)

    end = time.monotonic() + PATIENCE_S
    while words not in run.state.why:
        assert time.monotonic() < end, f"{run!r} says nothing of '{words}'\n{run.log()}"
        time.sleep(0.2)
        forget(RunFolder(run.folder))
    assert run.state.phase is Phase.QUEUED
    told = run.state.why.split(" waits: ")[1]
    assert run.cancel().state.phase is Phase.STOPPED
    assert cluster.run("squeue", "--noheader").stdout == ""
    return told


def test_more_nodes_than_there_are(here: Emulator, job: Pretrain) -> None:
    assert refused(job, nodes=5) == (
        "nodes=5 was asked of site 'emulator'. It has 4 nodes for one job.\n"
        '  kb.submit(job, site="emulator", nodes=4)'
    )


def test_more_gpus_than_a_node_has(here: Emulator, job: Pretrain) -> None:
    assert refused(job, gpus_per_node=5) == (
        "gpus_per_node=5 was asked of site 'emulator'. "
        "It has 4 GPUs (A100-40GB (emulated)) on a node.\n"
        '  kb.submit(job, site="emulator", gpus_per_node=4)'
    )


def test_thirteen_hours_where_the_overlay_says_twelve(
    here: Emulator, job: Pretrain, tmp_home: Path
) -> None:
    overlay = tmp_home / "config" / "kbnotebooks" / "sites" / "emulator.toml"
    overlay.parent.mkdir(parents=True)
    overlay.write_text("[limits]\nwalltime_hours = 12\n")
    assert refused(job, walltime_hours=13) == (
        "walltime_hours=13 was asked of site 'emulator'. It has 12 hours for one job.\n"
        '  kb.submit(job, site="emulator", walltime_hours=12)'
    )


def test_unknown_partition(here: Emulator, job: Pretrain) -> None:
    assert refused(job, partition="gpus") == (
        "The job was refused. There is no such partition. "
        "Slurm said: invalid partition specified: gpus; "
        "Batch job submission failed: Invalid partition name specified.\n"
        "  The partitions: sinfo --summarize"
    )


def test_wrong_account(here: Emulator, job: Pretrain) -> None:
    assert refused(job, account="nobody") == (
        "The job was refused. Slurm knows no such account, or it may not use this partition. "
        "Slurm said: Batch job submission failed: "
        "Invalid account or account/partition combination specified.\n"
        "  Your accounts: sacctmgr show user $USER withassoc format=account,partition,qos"
    )


def test_missing_account_where_the_site_needs_one(
    here: Emulator, job: Pretrain, tmp_home: Path
) -> None:
    overlay = tmp_home / "config" / "kbnotebooks" / "sites" / "emulator.toml"
    overlay.parent.mkdir(parents=True)
    overlay.write_text("[slurm]\nneeds_account = true\n")
    assert refused(job, account=None) == (
        "The file of site 'emulator' has no 'account' under [slurm]. "
        "This cluster refuses jobs without one.\n"
        f'  Add to {overlay}: [slurm] account = "your-project"   '
        "(your projects: sacctmgr show user $USER withassoc)"
    )


def test_wrong_quality_of_service(here: Emulator, job: Pretrain) -> None:
    assert refused(job, qos="longest") == (
        "The job was refused. There is no such quality of service, or your account may not use "
        "it. Slurm said: Batch job submission failed: Invalid qos specification.\n"
        "  Yours: sacctmgr show assoc user=$USER format=account,qos"
    )


def test_wall_time_longer_than_the_partition_is_explained(here: Emulator, job: Pretrain) -> None:
    told = explained(here, job, "longer than the partition", partition="dev", walltime_hours=0.5)
    assert told == (
        "its wall time is longer than the partition allows, so it will never begin. "
        "Cancel it and submit it again with a smaller walltime_hours."
    )


def test_limits_of_a_quality_of_service_are_explained(here: Emulator, job: Pretrain) -> None:
    told = explained(here, job, "WallDuration", qos="short", walltime_hours=0.5)
    assert told == (
        "its wall time is longer than its quality of service allows "
        "(QOSMaxWallDurationPerJobLimit), so it will never begin. "
        "Cancel it and submit it again with a smaller walltime_hours."
    )
    told = explained(here, job, "NodePerJob", qos="short", nodes=2, fresh=True)
    assert told == (
        "it asks for more nodes than its quality of service gives to one job "
        "(QOSMaxNodePerJobLimit), so it will never begin. "
        "Cancel it and submit it again with fewer nodes."
    )


def test_what_was_stopped_takes_what_is_asked_now(here: Emulator, job: Pretrain) -> None:
    explained(here, job, "longer than the partition", partition="dev", walltime_hours=0.5)
    here.run("scontrol", "update", "partition=dev", "state=down")  # it need not begin
    again = send(job, partition="dev", walltime_hours=0.05)
    assert again.config["resources"]["walltime_hours"] == 0.05
    assert "#SBATCH --time=00:03:00" in (again.folder / "script.sh").read_text()
    assert again.cancel().state.phase is Phase.STOPPED
    here.run("scontrol", "update", "partition=dev", "state=up")


def test_partition_that_is_down_is_explained(here: Emulator, job: Pretrain) -> None:
    here.run("scontrol", "update", "partition=dev", "state=down")
    told = explained(here, job, "takes no jobs", partition="dev")
    here.run("scontrol", "update", "partition=dev", "state=up")
    assert told == "the partition takes no jobs now. Ask the site, or use another one."


def ended(cluster: Emulator, *sbatch: str) -> Any:
    """Run a batch job of Slurm's to its end and return it."""
    slurm = Slurm(Here({"SLURM_CONF": str(cluster.conf)}))
    done = cluster.run("sbatch", "--parsable", "--mem=1G", "--account=project", *sbatch)
    number = done.stdout.strip()
    assert number, done.stderr
    until(lambda: (one := slurm.job(number)) is not None and one.over)
    return slurm.job(number)


def test_job_whose_log_has_no_folder_is_explained(here: Emulator) -> None:
    job = ended(here, "--output=/nowhere/log.txt", "--wrap=hostname")
    assert str(why_it_ended(job, "")) == (
        f"Job {job.id} could not be started: the folder of its log is not there on the node. "
        "Runs must lie on a disk that all nodes see: export KBNOTEBOOKS_HOME=/such/a/folder"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("module load PyTorch/2.5", "A module that the site file loads is not there."),
        ("exec /nowhere/bin/python -m kblib", "The job's Python was not found on the node."),
    ],
)
def test_job_that_found_no_software_is_explained(
    here: Emulator, tmp_path: Path, line: str, sentence: str
) -> None:
    log = tmp_path / "log.txt"
    job = ended(here, f"--output={log}", f"--wrap={line}")
    assert job.state == "FAILED"
    told = why_it_ended(job, log.read_text())
    assert told.sentence.startswith(f"{sentence} The log says: ")
    assert "not found" in told.sentence


def test_run_whose_job_never_began_says_why(
    here: Emulator, job: Pretrain, tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python of the site is there at submit, and gone when the job begins."""
    monkeypatch.setattr("kblib.cluster.environment.is_this_python", lambda cluster: True)
    overlay = tmp_home / "config" / "kbnotebooks" / "sites" / "emulator.toml"
    overlay.parent.mkdir(parents=True)
    overlay.write_text('[software]\npython = "/nowhere/bin/python"\n')
    monkeypatch.setattr("kblib.cluster.watch.FRESH_S", 0.0)
    run = send(job)

    def is_over() -> bool:
        forget(RunFolder(run.folder))
        return run.state.over

    until(is_over)
    assert run.state.phase is Phase.FAILED
    assert run.state.why.startswith("The job's Python was not found on the node. The log says: ")
    assert run.state.why.endswith("[software] python in the site's overlay.")


def test_doctor_compares_the_accounts(
    here: Emulator, tmp_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overlay = tmp_home / "config" / "kbnotebooks" / "sites" / "emulator.toml"
    overlay.parent.mkdir(parents=True)
    overlay.write_text('[slurm]\naccount = "projekt"\nqos = "short"\n[limits]\nnodes = 9\n')
    assert main(["doctor", "--site", "emulator"]) == 1
    told = capsys.readouterr().out
    differing = [line for line in told.splitlines() if line.startswith("differs")]
    assert differing == [
        "differs  wall time, h           site file: 48; cluster: 0.08333",
        "differs  nodes of one job       site file: 9; cluster: 1",
        "differs  account                site file: projekt; yours: project, root",
    ]
    assert told.endswith(
        f"Into {overlay}:\n\n[limits]\nwalltime_hours = 0.08\nnodes = 1\n\n"
        '[slurm]\naccount = "project"\n'
    )
