"""Definitions of images: they cannot be built here, so their lists are compared."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEFINITIONS = sorted((ROOT / "hpc" / "containers").glob("*.def"))
EXTRAS = ("train", "cluster")


@pytest.fixture(params=DEFINITIONS, ids=lambda path: path.stem)
def text(request: pytest.FixtureRequest) -> str:
    return str(request.param.read_text(encoding="utf-8"))


def test_there_is_one_for_each_kind_of_gpu() -> None:
    assert [path.stem for path in DEFINITIONS] == ["cuda", "rocm"]


def test_image_has_the_versions_of_pyproject(text: str) -> None:
    pins = re.findall(r'^\s+"([\w-]+[<>=][^"]+)"', text, re.MULTILINE)
    wanted = list(PROJECT["dependencies"])
    for extra in EXTRAS:
        wanted += PROJECT["optional-dependencies"][extra]
    assert sorted(pins) == sorted(wanted)


def test_base_names_its_version(text: str) -> None:
    (base,) = re.findall(r"^From: (\S+)$", text, re.MULTILINE)
    assert re.search(r":.*\d+\.\d+", base)


def test_torch_comes_from_an_index_that_whoever_builds_names(text: str) -> None:
    (index,) = re.findall(r"--index-url \"(.+)\" \\\n\s+\"torch[<>=]", text)
    assert index == "{{ TORCH_INDEX }}"
    assert "apptainer build --build-arg TORCH_INDEX=ADDRESS" in text


def test_what_is_copied_is_there(text: str) -> None:
    copied = re.findall(r"^    (\S+) /opt/kbnotebooks/\S+$", text, re.MULTILINE)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    packages = {"src", "hpc", "kbnotebooks", "pyproject.toml"}
    assert packages <= set(copied)


def test_image_says_that_it_was_never_built(text: str) -> None:
    assert "Never built by this project" in text


def test_readme_says_so_as_well() -> None:
    readme = (ROOT / "hpc" / "README.md").read_text(encoding="utf-8")
    for path in DEFINITIONS:
        assert f"containers/{path.name}" in readme
    assert "never been built" in readme
