"""The wheel holds what it should, and works from another folder with the core alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = SETTINGS["tool"]["setuptools"]["packages"]
FOLDERS = SETTINGS["tool"]["setuptools"]["package-dir"]
# Not part of a package, though it lies in its folder.
LITTER = ("__pycache__", "*.pyc", ".ipynb_checkpoints")
NOT_BUILT_FROM = (".venv", ".git", "work", "build", "dist", "*.egg-info", "tests", *LITTER)


def folder_of(package: str) -> Path:
    """Return where the files of a package lie in the checkout."""
    if package in FOLDERS:
        return ROOT / FOLDERS[package]
    parent, _, name = package.rpartition(".")
    return folder_of(parent) / name


def run(
    *command: str | Path, cwd: Path, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def pip(*arguments: str | Path, cwd: Path) -> None:
    """Run pip; skip, and say so, where the package index cannot be reached."""
    result = run(sys.executable, "-m", "pip", *arguments, cwd=cwd)
    said = result.stdout + result.stderr
    if result.returncode and any(
        sign in said for sign in ("NewConnectionError", "Failed to establish", "timed out")
    ):
        pytest.skip("pip reaches no package index, so no wheel can be built and installed")
    assert result.returncode == 0, said


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from a copy, so that the checkout stays clean."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "copy", ignore=shutil.ignore_patterns(*NOT_BUILT_FROM))
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", folder, folder / "copy", cwd=folder)
    return next(folder.glob("kbnotebooks-*.whl"))


@pytest.fixture(scope="module")
def inside(wheel: Path) -> set[str]:
    """Return the names of the files in the wheel, without its metadata."""
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of a fresh environment that holds the wheel and the core; half a minute."""
    folder = tmp_path_factory.mktemp("fresh")
    venv.create(folder, symlinks=True, with_pip=False)
    there = folder / "bin" / "python"
    pip("--python", there, "install", "--quiet", wheel, cwd=folder)
    return there


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which nothing points to the checkout."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(tmp_path), "KBNOTEBOOKS_HOME": str(tmp_path / "home")}


def test_list_of_packages_is_complete() -> None:
    there = set()
    for top in ("kblib", "kblib.hpc", "kbnotebooks"):
        base = folder_of(top)
        for init in base.rglob("__init__.py"):
            there.add(".".join((top, *init.parent.relative_to(base).parts)))
    assert sorted(PACKAGES) == sorted(there)


def test_wheel_holds_every_file_of_the_packages(inside: set[str]) -> None:
    wanted = set()
    for package in PACKAGES:
        for path in folder_of(package).iterdir():
            if path.is_file() and path.suffix != ".pyc":
                wanted.add(f"{package.replace('.', '/')}/{path.name}")
    assert wanted - inside == set()


def test_wheel_holds_the_sites(inside: set[str]) -> None:
    files = {path.name for path in (ROOT / "hpc" / "sites").glob("*.toml")}
    assert {f"kblib/hpc/sites/{name}" for name in files} <= inside
    assert "local.toml" in files


def test_wheel_holds_the_swedish_texts(inside: set[str]) -> None:
    files = {path.name for path in (ROOT / "kbnotebooks" / "swedish").glob("*.toml")}
    assert {f"kbnotebooks/swedish/{name}" for name in files} <= inside
    assert "shared.toml" in files


def test_wheel_holds_the_scripts_of_views(inside: set[str]) -> None:
    files = {path.name for path in (ROOT / "kbnotebooks" / "scripts").glob("*.js")}
    assert {f"kbnotebooks/scripts/{name}" for name in files} <= inside
    assert "attention.js" in files


def test_wheel_holds_the_recorded_runs(inside: set[str]) -> None:
    files = {path.name for path in (ROOT / "src/kblib/cluster/recorded").glob("*.jsonl")}
    assert {f"kblib/cluster/recorded/{name}" for name in files} <= inside
    assert "two-nodes.jsonl" in files


def test_wheel_holds_no_model_and_no_text(wheel: Path, inside: set[str]) -> None:
    tops = {name.partition("/")[0] for name in inside}
    assert tops == {"kblib", "kbnotebooks"}
    data = (".safetensors", ".srt", ".parquet", ".ipynb")
    assert [name for name in inside if name.endswith(data)] == []
    assert wheel.stat().st_size < 2_000_000


def test_wheel_says_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(next(n for n in names if n.endswith("/METADATA"))).decode()
    assert "License-Expression: Apache-2.0" in metadata
    assert any(name.endswith("licenses/LICENSE") for name in names)


@pytest.mark.slow
def test_installed_packages_are_imported_from_elsewhere(
    python: Path, outside: dict[str, str], tmp_path: Path
) -> None:
    code = "import kblib, kbnotebooks; print(kblib.__file__, kbnotebooks.__file__)"
    result = run(python, "-c", code, cwd=tmp_path, environment=outside)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("site-packages") == 2


@pytest.mark.slow
def test_installed_doctor_answers(python: Path, outside: dict[str, str], tmp_path: Path) -> None:
    result = run(python, "-m", "kblib", "doctor", cwd=tmp_path, environment=outside)
    assert "Traceback" not in result.stderr, result.stderr
    assert result.returncode == 0, result.stdout + result.stderr
    assert "local" in result.stdout


@pytest.mark.slow
def test_installed_site_is_found(python: Path, outside: dict[str, str], tmp_path: Path) -> None:
    code = "from kblib.sites import load_site; print(load_site('local').scheduler)"
    result = run(python, "-c", code, cwd=tmp_path, environment=outside)
    assert (result.returncode, result.stdout) == (0, "none\n"), result.stderr


@pytest.mark.slow
def test_installed_plan_answers(python: Path, outside: dict[str, str], tmp_path: Path) -> None:
    command = (python, "-m", "kblib", "plan", "--site", "meluxina", "--core-hours", "5e6")
    result = run(*command, cwd=tmp_path, environment=outside)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "On 16 nodes of meluxina:" in result.stdout
    assert "78,125 node-hours, 6,510 a month" in result.stdout


CORPUS = """
from kblib.corpora import Corpus
texts = ["Tåget går till Kiruna.", "Flygplanet landar på Bromma."]
saved = Corpus.from_texts(texts, name="resor").save()
opened = Corpus.open("resor")
assert list(opened.texts()) == texts
assert opened.fingerprint == saved.fingerprint
print(len(opened))
"""


@pytest.mark.slow
def test_installed_corpus_is_saved_and_opened(
    python: Path, outside: dict[str, str], tmp_path: Path
) -> None:
    result = run(python, "-c", CORPUS, cwd=tmp_path, environment=outside)
    assert (result.returncode, result.stdout) == (0, "2\n"), result.stderr
    assert list((tmp_path / "home" / "corpora").iterdir())
