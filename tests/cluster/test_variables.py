"""Secrets of whoever submits stay with whoever submits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from kblib.hpc.emulator import Emulator

from kblib.cluster import Run
from kblib.cluster.access import Here
from kblib.cluster.variables import that_go_along
from kblib.jobs.specs import Pretrain
from tests.cluster.gangs import reached, send
from tests.watching import PATIENCE_S

CANARIES = {
    "HF_TOKEN": "hf_canary-of-a-hub",
    "AWS_SECRET_ACCESS_KEY": "canary-of-a-cloud",
    "JUPYTERHUB_API_TOKEN": "canary-of-the-hub-of-notebooks",
    "LIBRARY_PASSPHRASE": "canary-nobody-has-heard-of",
    "CATALOGUE": "https://anna:canary-in-an-address@example.org",
    "KBNOTEBOOKS_TOKEN": "canary-of-a-family",
}


@pytest.fixture
def canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this process secrets."""
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)


def test_what_programs_need_goes_along() -> None:
    needed = {"PATH": "/bin", "LC_ALL": "C", "OMP_NUM_THREADS": "2", "KBNOTEBOOKS_HOME": "/home"}
    needed["BASH_FUNC_module%%"] = "() { :; }"
    assert that_go_along({**needed, **CANARIES, "SBATCH_EXPORT": "ALL"}) == needed


def test_a_command_of_the_scheduler_knows_no_secret(canaries: None) -> None:
    said = Here({"SLURM_CONF": "/here"}).run(["env"]).stdout
    assert "canary" not in said
    assert "SLURM_CONF=/here" in said


@pytest.mark.slurm
def test_no_secret_is_in_the_run_folder_or_known_to_a_rank(
    emulator: Emulator, long_job: Pretrain, canaries: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(emulator.folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = reached(
        send(replace(long_job, name="canaries", steps=100_000), nodes=1, ranks_per_node=1), 1
    )
    known = {one: environ for one, environ in _environments(run).items() if environ}
    assert {"gang_driver", "pretrain"} <= {name.rpartition(".")[2] for name in known}
    assert not [name for name, environ in known.items() if "canary" in environ]
    assert f"KBNOTEBOOKS_HOME={run.folder.parent.parent}" in known["kblib.jobs.pretrain"]
    run.cancel().wait(PATIENCE_S)
    assert not with_canaries(run.folder)
    assert not with_canaries(emulator.folder / "spool")


def _environments(run: Run) -> dict[str, str]:
    """Return the environment of each process of a run, by its module."""
    found = {}
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if str(run.folder) in words and process.name() != "srun":
                module = next((w for w in words if w.startswith("kblib.") and w != _START), "")
                found[module] = Path(f"/proc/{process.pid}/environ").read_text()
        except (psutil.Error, OSError):
            continue
    return found


_START = "kblib.jobs.start"


def with_canaries(folder: Path) -> list[Path]:
    """Return the files of a folder in which a secret stands."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if b"canary" in path.read_bytes()]
