from __future__ import annotations

import os
from pathlib import Path

import pytest

from kblib import settings
from kblib.errors import SettingsError

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give an environment that names nothing, and a user's home of its own."""
    names = ("KBNOTEBOOKS_HOME", "KBNOTEBOOKS_MODELS", "XDG_DATA_HOME", "XDG_CONFIG_HOME")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def installed(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make it look as if the package did not lie in a clone."""
    monkeypatch.setattr(settings, "checkout", lambda: None)
    return bare


def checkout_seen_from(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path | None:
    monkeypatch.setattr(settings, "__file__", str(root / "src" / "kblib" / "settings.py"))
    return settings.checkout.__wrapped__()  # past its cache


def test_variable_decides_the_home(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", "/data/kb")
    assert settings.home() == Path("/data/kb")


def test_tilde_in_the_variable_is_the_users_home(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", "~/kb")
    assert settings.home() == bare / "kb"


def test_clone_keeps_its_work_inside(bare: Path) -> None:
    assert settings.home() == ROOT / "work"


def test_installed_package_uses_the_data_folder(installed: Path) -> None:
    assert settings.home() == installed / ".local" / "share" / "kbnotebooks"


def test_installed_package_follows_xdg(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/scratch/me")
    assert settings.home() == Path("/scratch/me/kbnotebooks")


def test_empty_variable_counts_as_not_set(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", "")
    assert settings.home() == installed / ".local" / "share" / "kbnotebooks"


def test_relative_home_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(bare)
    monkeypatch.setenv("KBNOTEBOOKS_HOME", "work/kb")
    with pytest.raises(SettingsError) as caught:
        settings.home()
    assert str(caught.value) == (
        "KBNOTEBOOKS_HOME is set to 'work/kb', which is not an absolute path. "
        "Runs started from different folders would not find each other.\n"
        f"  export KBNOTEBOOKS_HOME={bare}/work/kb"
    )


def test_home_that_is_a_file_is_refused(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "kb").write_text("")
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(bare / "kb"))
    with pytest.raises(SettingsError) as caught:
        settings.home()
    assert str(caught.value) == (
        f"KBNOTEBOOKS_HOME is set to '{bare}/kb', which is a file. A folder was expected.\n"
        f"  export KBNOTEBOOKS_HOME={bare}"
    )


def test_asking_makes_no_folder(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(bare / "kb"))
    settings.runs_folder(), settings.corpora_folder(), settings.model_folders()
    settings.config_folder()
    assert list(bare.iterdir()) == []


def test_runs_and_corpora_lie_below_the_home(tmp_home: Path) -> None:
    assert settings.runs_folder() == tmp_home / "runs"
    assert settings.corpora_folder() == tmp_home / "corpora"


def test_models_are_searched_by_variable_then_home_then_clone(
    tmp_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", os.pathsep.join(["/data/a", "", "/data/b"]))
    assert settings.model_folders() == (
        Path("/data/a"),
        Path("/data/b"),
        tmp_home / "models",
        ROOT / "models",
    )


def test_installed_package_searches_no_clone(installed: Path) -> None:
    assert settings.model_folders() == (settings.home() / "models",)


@pytest.mark.parametrize("variable", ["XDG_DATA_HOME", "XDG_CONFIG_HOME"])
def test_relative_xdg_folder_is_passed_over(
    installed: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "data")
    assert settings.home() == installed / ".local" / "share" / "kbnotebooks"
    assert settings.config_folder() == installed / ".config" / "kbnotebooks"


def closed_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing below a folder be written to, as on a read-only disk, also for root."""
    access = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: folder not in (p := Path(path), *p.parents) and access(path, mode),
    )


@pytest.mark.parametrize("with_work", [True, False])
def test_clone_that_is_read_only_keeps_no_work(
    bare: Path, monkeypatch: pytest.MonkeyPatch, with_work: bool
) -> None:
    clone = bare / "clone"
    (clone / "work" if with_work else clone).mkdir(parents=True)
    monkeypatch.setattr(settings, "checkout", lambda: clone)
    assert settings.home() == clone / "work"
    closed_below(clone, monkeypatch)
    assert settings.home() == bare / ".local" / "share" / "kbnotebooks"


def test_home_to_write_to_is_made(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(bare / "not" / "yet"))
    assert settings.writable_home() == bare / "not" / "yet"
    assert (bare / "not" / "yet").is_dir()


def test_home_that_is_read_only_names_the_variable(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(bare))
    closed_below(bare, monkeypatch)
    with pytest.raises(SettingsError) as caught:
        settings.writable_home()
    assert str(caught.value) == (
        f"Nothing can be written to {bare}: Permission denied. "
        "Runs, corpora and models are kept there.\n"
        "  export KBNOTEBOOKS_HOME=/a/folder/of/yours"
    )


def test_home_below_a_file_names_the_variable(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "file").write_text("")
    monkeypatch.setenv("KBNOTEBOOKS_HOME", str(bare / "file" / "home"))
    with pytest.raises(SettingsError, match="Not a directory"):
        settings.writable_home()


def test_relative_model_folder_is_refused(tmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KBNOTEBOOKS_MODELS", "/data/a:models")
    with pytest.raises(SettingsError, match="KBNOTEBOOKS_MODELS is set to 'models'"):
        settings.model_folders()


def test_own_settings_lie_in_the_config_folder(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.config_folder() == bare / ".config" / "kbnotebooks"
    monkeypatch.setenv("XDG_CONFIG_HOME", "/etc/me")
    assert settings.config_folder() == Path("/etc/me/kbnotebooks")


def test_these_tests_run_from_a_clone() -> None:
    assert settings.checkout() == ROOT


def test_checkout_is_known_by_its_project_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "kbnotebooks"\n')
    assert checkout_seen_from(tmp_path, monkeypatch) == tmp_path


@pytest.mark.parametrize("project", ['[project]\nname = "other"\n', "[tool.x]\n", None])
def test_folder_of_another_project_is_no_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: str | None
) -> None:
    if project is not None:
        (tmp_path / "pyproject.toml").write_text(project)
    assert checkout_seen_from(tmp_path, monkeypatch) is None
