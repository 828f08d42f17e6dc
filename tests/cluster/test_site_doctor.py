"""A site file beside its cluster: an emulated one, with and without accounts, and recorded ones."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from kblib.hpc.emulator import Emulator

from kblib.__main__ import main
from kblib.cluster import site_doctor
from kblib.cluster.command import Completed
from kblib.cluster.site_doctor import Compared, compare_site, overlay_of
from kblib.errors import SiteError
from kblib.sites import Cluster, cluster_of, load_site
from tests.cluster.test_slurm_limits import PARTITION_24

LEONARDO = {
    "sinfo --version": "slurm 24.05.4",
    "scontrol --oneliner": PARTITION_24.replace("State=DRAIN", "State=UP"),
    "sinfo --noheader": "lrdn1|1:32:1|494000|gpu:a100:4(S:0)\nlrdn2|1:32:1|494000|gpu:a100:4(S:0)",
    "id -un": "sara",
    "sacctmgr associations": "euhpc_b||boost_qos_dbg,normal\n",
    "sacctmgr qos": "normal|1-00:00:00|\nboost_qos_dbg|00:30:00|node=2\npartition_boost||node=32\n",
}


class Recorded:
    """A shell that answers as a cluster did."""

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers

    def run(
        self, command: Sequence[str], *, text: str | None = None, timeout_s: float = 0
    ) -> Completed:
        words = [command[0], command[4 if command[0] == "sacctmgr" else 1]]
        answer = self.answers.get(" ".join(words))
        return Completed(command, int(answer is None), answer or "", "" if answer else "down")

    put = get = None  # type: ignore[assignment]


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Let every site answer as Leonardo did one day, with a Python that is not asked."""
    answers = dict(LEONARDO)
    monkeypatch.setattr(site_doctor, "shell_of", lambda cluster: Recorded(answers))
    monkeypatch.setattr(site_doctor, "_python", lambda *_: Compared("Python of jobs", "there"))
    return answers


@pytest.fixture
def overlay(tmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the place of the user's own site files, in a home of this test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_home / "config"))
    folder = tmp_home / "config" / "kbnotebooks" / "sites"
    folder.mkdir(parents=True)
    return folder


def found(name: str) -> dict[str, Compared]:
    return {one.what: one for one in compare_site(name)}


def test_what_differs_comes_with_its_line(recorded: dict[str, str], overlay: Path) -> None:
    compared = found("leonardo")
    assert str(compared["account"]).splitlines() == [
        "differs  account                site file: none; yours: euhpc_b",
        f'{"":31} [slurm] account = "euhpc_b"',
    ]
    assert str(compared["nodes of one job"]).splitlines() == [
        "differs  nodes of one job       site file: 64; cluster: 32",
        f"{'':31} [limits] nodes = 32",
    ]
    assert compared["wall time, h"] == Compared("wall time, h", "24")
    assert compared["kind of GPU"].verdict == "ok"


def test_lines_together_are_an_overlay_after_which_nothing_differs(
    recorded: dict[str, str], overlay: Path
) -> None:
    text = overlay_of("leonardo", compare_site("leonardo"))
    first, _, lines = text.partition("\n\n")
    assert first == f"Into {overlay / 'leonardo.toml'}:"
    (overlay / "leonardo.toml").write_text(lines)
    again = compare_site("leonardo")
    assert [one for one in again if one.verdict == "differs"] == []
    assert overlay_of("leonardo", again) == ""


def test_unknown_partition_names_those_there_are(recorded: dict[str, str], overlay: Path) -> None:
    compared = found("meluxina")["partition"]
    assert compared.found == "site file: gpu; the cluster has: boost_usr_prod"
    assert compared.line == 'partition = "boost_usr_prod"'


def test_quality_of_service_that_the_account_has_not(
    recorded: dict[str, str], overlay: Path
) -> None:
    (overlay / "leonardo.toml").write_text(
        '[slurm]\naccount = "euhpc_b"\nqos = "boost_qos_lprod"\n'
    )
    compared = compare_site("leonardo")
    (told,) = [one for one in compared if one.what == "quality of service"]
    assert told.found == (
        "site file: boost_qos_lprod; yours: boost_qos_dbg, normal; "
        "boost_usr_prod takes: normal, boost_qos_dbg"
    )
    assert told.line == 'qos = "normal"'
    lines = overlay_of("leonardo", compared).partition("\n\n")[2]
    assert tomllib.loads(lines)["slurm"]["qos"] == "normal"


def test_quality_of_service_is_compared_without_accounts(
    recorded: dict[str, str], overlay: Path
) -> None:
    del recorded["sacctmgr associations"]
    (overlay / "leonardo.toml").write_text('[slurm]\nqos = "boost_qos_lprod"\n')
    compared = found("leonardo")
    assert compared["accounts"].verdict == "unknown"
    assert compared["quality of service"].found == (
        "site file: boost_qos_lprod; boost_usr_prod takes: normal, boost_qos_dbg"
    )


def test_other_hardware_is_told(recorded: dict[str, str], overlay: Path) -> None:
    recorded["sinfo --noheader"] = "n1|2:48:2|256000|gpu:h200:8"
    compared = found("leonardo")
    assert compared["GPUs of a node"].line == "gpus = 8"
    assert compared["kind of GPU"].line == 'gpu = "h200"'
    assert compared["cores of a node"].line == "cores = 96"
    assert compared["GiB of a node"].line == "memory_gib = 250"


def test_silent_controller_is_said(recorded: dict[str, str]) -> None:
    del recorded["scontrol --oneliner"]
    with pytest.raises(SiteError, match=r"scontrol --oneliner show partition did not answer: down"):
        compare_site("leonardo")


def test_site_without_slurm_is_refused() -> None:
    with pytest.raises(SiteError, match="Site 'example-pbs' has the scheduler 'pbs'"):
        compare_site("example-pbs")


@pytest.mark.parametrize(
    ("told", "live", "gpus", "verdict"),
    [
        ("A100-40GB", "a100", 4, "ok"),
        ("MI250X die (GCD)", "mi250", 8, "ok"),
        ("A100-40GB", "", 4, "unknown"),
        ("", "", 0, "ok"),
        ("A100-40GB", "", 0, "differs"),
    ],
)
def test_kinds_of_gpus_are_compared_as_words(told: str, live: str, gpus: int, verdict: str) -> None:
    assert site_doctor._gpu(told, live, gpus).verdict == verdict


@pytest.mark.slurm
def test_emulator_without_accounts_is_what_its_file_says(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_EMULATOR", str(emulator.folder))
    assert main(["doctor", "--site", "emulator"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if not line.startswith(("ok ", "unknown "))] == []
    told = next(line for line in lines if line.startswith("unknown"))
    assert "accounts               not compared: " in told
    assert "You are not running a supported accounting_storage plugin" in told


def test_python_that_does_not_start_differs(overlay: Path) -> None:
    from kblib.cluster.access import Here

    cluster: Cluster = replace(cluster_of(load_site("emulator")), python="/nowhere/python")
    told = site_doctor._python(cluster, Here())
    assert told.verdict == "differs"
    assert "/nowhere/python" in told.found
    # What is printed may be pasted as it stands.
    lines = overlay_of("emulator", [told]).partition("\n\n")[2]
    assert tomllib.loads(lines) == {"software": {}}
