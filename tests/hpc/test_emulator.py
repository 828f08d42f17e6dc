from __future__ import annotations

import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from kblib.hpc.emulator import Emulator, Hardware
from kblib.hpc.emulator.__main__ import main

from kblib.errors import SiteError
from tests.emulated import no_stray_logs, why_not

SLOW_S = 60.0


def until(true: Callable[[], bool], what: str) -> None:
    latest = time.monotonic() + SLOW_S
    while not true():
        assert time.monotonic() < latest, f"not within {SLOW_S:.0f} s: {what}"
        time.sleep(0.05)


def finished(cluster: Emulator, *sbatch: str) -> str:
    """Submit a job, wait for its end, return what it printed."""
    output = cluster.folder / "job.txt"
    done = cluster.run("sbatch", "--parsable", "--mem=1G", f"--output={output}", *sbatch)
    job = done.stdout.strip()
    assert job, done.stderr
    until(lambda: state(cluster, job) not in ("PENDING", "RUNNING", "COMPLETING"), f"job {job}")
    assert state(cluster, job) == "COMPLETED"
    return output.read_text()


def state(cluster: Emulator, job: str) -> str:
    shown = cluster.run("scontrol", "--oneliner", "show", "job", job).stdout
    return next(part for part in shown.split() if part.startswith("JobState=")).split("=")[1]


@pytest.mark.slurm
def test_job_on_two_nodes_sees_names_and_gpus(emulator: Emulator) -> None:
    told = "srun --gpus-per-node=4 bash -c 'echo $(hostname) $CUDA_VISIBLE_DEVICES'"
    text = finished(emulator, "--nodes=2", "--gpus-per-node=4", f"--wrap={told}")
    assert sorted(text.splitlines()) == ["gn1 0,1,2,3", "gn2 0,1,2,3"]


@pytest.mark.slurm
def test_part_of_the_gpus_is_given_to_a_part_of_the_jobs(emulator: Emulator) -> None:
    text = finished(emulator, "--gres=gpu:2", "--wrap=echo $CUDA_VISIBLE_DEVICES")
    assert text.strip() == "0,1"


@pytest.mark.slurm
def test_killed_node_takes_its_processes_with_it_and_can_be_booted(emulator: Emulator) -> None:
    wrap = "--wrap=sleep 612.25"  # a number to know it by
    done = emulator.run(
        "sbatch", "--parsable", "--output=/dev/null", "--nodelist=gn3", "--mem=1G", wrap
    )
    job = done.stdout.strip()
    until(lambda: state(emulator, job) == "RUNNING", "the job runs")
    until(lambda: bool(busy()), "the process is there")
    emulator.kill_node("gn3")
    assert not busy()
    until(lambda: "gn3" not in emulator.idle(), "Slurm sees the loss")
    emulator.run("scancel", job)
    emulator.start_node("gn3")
    until(lambda: emulator.idle() == emulator.hardware.names, "all nodes are back")


def busy() -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if "612.25" in str(one.info["cmdline"])]


@pytest.mark.slurm
def test_jobs_outlive_the_controller(emulator: Emulator) -> None:
    done = emulator.run("sbatch", "--parsable", "--output=/dev/null", "--mem=1G", "--wrap=sleep 3")
    job = done.stdout.strip()
    until(lambda: state(emulator, job) == "RUNNING", "the job runs")
    emulator.stop_controller()
    emulator.start_controller()
    until(lambda: state(emulator, job) == "COMPLETED", "the job ends")
    until(lambda: emulator.idle() == emulator.hardware.names, "all nodes are free")


@pytest.mark.slurm
def test_two_clusters_live_side_by_side(emulator: Emulator, short_folder: Path) -> None:
    other = Emulator(short_folder / "b")
    other.start(Hardware(nodes=1, gpus=0))
    try:
        assert other.idle() == ["gn1"]
        assert emulator.idle() == emulator.hardware.names
        assert finished(other, "--wrap=hostname").strip() == "gn1"
    finally:
        other.stop()
    assert emulator.is_up


@pytest.mark.slurm
def test_nothing_of_a_stopped_cluster_is_left(emulator: Emulator, short_folder: Path) -> None:
    other = Emulator(short_folder / "c")
    other.start(Hardware(nodes=1, gpus=0))
    assert processes_of(other)
    other.stop()
    assert not processes_of(other)


def processes_of(cluster: Emulator) -> list[str]:
    found = psutil.process_iter(["environ", "status"])
    named = (one for one in found if (one.info["environ"] or {}).get("SLURM_CONF"))
    return [one.name() for one in named if one.info["environ"]["SLURM_CONF"] == str(cluster.conf)]


@pytest.mark.slurm
def test_the_key_is_its_owners_alone(emulator: Emulator) -> None:
    key = emulator.folder / "etc" / "munge.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.slurm
def test_a_cluster_that_is_up_is_not_started_again(emulator: Emulator) -> None:
    with pytest.raises(SiteError, match="is up"):
        emulator.start()
    assert emulator.is_up


@pytest.fixture(scope="module")
def with_accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Give a cluster whose accounts and qualities of service are checked."""
    programs = ("munged", "slurmctld", "slurmd", "srun", "unshare", "slurmdbd", "mariadbd")
    if reason := why_not(*programs):
        pytest.skip(reason)
    cluster = Emulator(tmp_path_factory.mktemp("accounts"))
    cluster.start(Hardware(nodes=2), with_accounting=True)
    try:
        with no_stray_logs():
            yield cluster
    finally:
        cluster.stop()


@pytest.mark.slurm
def test_unknown_account_is_refused(with_accounts: Emulator) -> None:
    done = with_accounts.run("sbatch", "--output=/dev/null", "--account=nobody", "--wrap=hostname")
    assert done.returncode
    assert "Invalid account" in done.stderr


@pytest.mark.slurm
def test_finished_job_is_in_the_books(with_accounts: Emulator) -> None:
    finished(with_accounts, "--account=project", "--nodes=2", "--job-name=kept", "--wrap=hostname")

    def booked() -> str:
        asked = ("--name=kept", "--noheader", "--allocations", "--parsable2")
        return with_accounts.run("sacct", *asked, "--format=account,state,nnodes").stdout.strip()

    until(lambda: booked() == "project|COMPLETED|2", "sacct knows the job")


@pytest.mark.slurm
def test_quality_of_service_has_its_limits(with_accounts: Emulator) -> None:
    done = with_accounts.run(
        "sbatch",
        "--parsable",
        "--output=/dev/null",
        "--account=project",
        "--qos=short",
        "--time=10",
        "--wrap=hostname",
    )
    job = done.stdout.strip()

    def reason() -> str:
        return with_accounts.run("squeue", "--noheader", f"--jobs={job}", "-o", "%r").stdout.strip()

    until(lambda: reason() == "QOSMaxWallDurationPerJobLimit", "the limit is named")
    with_accounts.run("scancel", job)


@pytest.mark.slurm
def test_password_of_the_database_is_its_owners_alone(with_accounts: Emulator) -> None:
    conf = with_accounts.folder / "etc" / "slurmdbd.conf"
    assert stat.S_IMODE(conf.stat().st_mode) == 0o600
    assert not list(with_accounts.folder.glob("run/*.sql"))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"nodes": 0}, "The emulator got nodes=0."),
        ({"cpus": 3}, "The emulator got cpus=3."),
        ({"gpus": -1}, "The emulator got gpus=-1."),
    ],
)
def test_impossible_hardware_is_refused(given: dict[str, int], told: str) -> None:
    with pytest.raises(SiteError, match="emulator got") as caught:
        Hardware(**given)
    assert caught.value.happened == told


def test_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    if reason := why_not("munged", "slurmctld", "slurmd", "srun", "unshare"):
        pytest.skip(reason)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SiteError, match="holds other things"):
        Emulator(tmp_path).start()
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_folder_with_a_long_path_is_refused(tmp_path: Path) -> None:
    if reason := why_not("munged"):
        pytest.skip(reason)
    with pytest.raises(SiteError, match="short, absolute path"):
        Emulator(tmp_path / ("long" * 30)).start()


def test_command_line_tells_of_a_cluster_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", "--folder", str(tmp_path)]) == 1
    assert "No emulator is up" in capsys.readouterr().out
    assert main(["kill-node", "gn1", "--folder", str(tmp_path)]) == 1
    assert "There is no emulator" in capsys.readouterr().err


@pytest.mark.slurm
def test_command_line_starts_and_stops(short_folder: Path) -> None:
    if reason := why_not("munged", "slurmctld", "slurmd", "srun", "unshare"):
        pytest.skip(reason)
    place = ["--folder", str(short_folder / "d")]
    assert main(["start", "--nodes", "1", "--gpus", "1", *place]) == 0
    try:
        assert main(["status", *place]) == 0
    finally:
        assert main(["stop", *place]) == 0


def test_module_runs_as_a_program() -> None:
    import sys

    command = [sys.executable, "-m", "kblib.hpc.emulator", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "kill-node" in done.stdout
