"""The three lists of dependencies are one list, and Binder can read its folder."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest

from tools import environments as env

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
# Which extras a file repeats, besides the core.
FILES = {
    "environment.yml": ("notebooks", "train"),
    "binder/environment.yml": ("notebooks", "train"),
}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(params=FILES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What repo2docker looks at, without what a working checkout holds besides."""
    shutil.copy(ROOT / "environment.yml", tmp_path)
    shutil.copytree(ROOT / "binder", tmp_path / "binder")
    return tmp_path


def test_file_is_what_conda_reads(name: str) -> None:
    assert env.shape_faults(read(name)) == []


def test_file_pins_a_python_that_pyproject_allows(name: str) -> None:
    assert env.python_faults(read(name), PYPROJECT) == []


def test_file_lists_what_pyproject_lists(name: str) -> None:
    assert env.content_faults(read(name), env.needed(PYPROJECT, FILES[name])) == []


def test_binder_folder_is_whole() -> None:
    assert env.folder_faults(ROOT) == []


@pytest.mark.parametrize("script", ["postBuild", "start"])
def test_binder_script_can_be_started(script: str) -> None:
    assert (ROOT / "binder" / script).stat().st_mode & stat.S_IXUSR


def test_repo2docker_takes_the_binder_folder(copy: Path) -> None:
    text, faults = env.dockerfile(copy)
    assert faults == []
    assert '--file "binder/environment.yml"' in text
    assert "RUN ./binder/postBuild" in text
    assert 'R2D_ENTRYPOINT="${REPO_DIR}/binder/start"' in text


def test_repo2docker_reads_the_hub_file_by_itself(copy: Path) -> None:
    shutil.rmtree(copy / "binder")
    text, faults = env.dockerfile(copy)
    assert faults == []
    assert '--file "environment.yml"' in text


def test_sample_texts_have_one_version_everywhere() -> None:
    pinned = "journal-digital==2025.12.30.2"
    for place in ("tools/set_up.py", "environment.yml", "binder/postBuild"):
        assert pinned in read(place), place


# Each check catches what it is there for.


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("numpy>=2,<3", "numpy=>=2", "'numpy=>=2' is no conda spec"),
        ("numpy>=2,<3", "num py>=2", "'num py>=2' has a space in it"),
        ("numpy>=2,<3", "numpy", "'numpy' names no version"),
        ("numpy>=2,<3", "numpy: 2", "{'numpy': 2} is neither a spec nor a pip list"),
        ("  - nodefaults", "  - defaults", "channels are ['conda-forge', 'defaults']"),
        ("  - numpy>=2,<3", "  - polars>=2,<3", "polars is listed twice"),
        ("  # core", "  - pip: [numpy]", "numpy comes from conda and from pip"),
        ("  - pip>=23", "  - pip: [seqeval]", "a pip list without pip itself"),
        ("channels:", "channels: [", "not YAML"),
    ],
)
def test_damaged_shape_is_named(name: str, old: str, new: str, fault: str) -> None:
    text = read(name)
    assert old in text
    faults = env.shape_faults(text.replace(old, new))
    assert any(said.startswith(fault) for said in faults), faults


def test_shape_refuses_a_list() -> None:
    assert env.shape_faults("- numpy>=2") == ["not a mapping"]


@pytest.mark.parametrize(
    ("new", "fault"),
    [
        ("- pip>=23", "python is not pinned"),
        ("- python>=3.11", "'python>=3.11' does not pin python=MAJOR.MINOR"),
        ("- python=3.10", "'python=3.10' is outside >=3.11"),
    ],
)
def test_wrong_python_is_named(name: str, new: str, fault: str) -> None:
    assert env.python_faults(read(name).replace("- python=3.11", new), PYPROJECT) == [fault]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("  - polars>=2,<3\n", "", "polars is missing"),
        ("polars>=2,<3", "polras>=2,<3", "polras is not in pyproject.toml"),
        ("polars>=2,<3", "polars>=2", "'polars>=2' differs from pyproject.toml: polars<3,>=2"),
        ("polars>=2,<3", "polars=2", "'polars=2' differs from pyproject.toml: polars<3,>=2"),
        ("pytorch-cpu", "pytorch", "pytorch-cpu is missing"),
    ],
)
def test_difference_from_pyproject_is_named(name: str, old: str, new: str, fault: str) -> None:
    text = read(name)
    assert old in text
    faults = env.content_faults(text.replace(old, new), env.needed(PYPROJECT, FILES[name]))
    assert fault in faults


def test_dependency_new_in_pyproject_is_missed(name: str) -> None:
    grown = PYPROJECT.replace('    "psutil>=6",', '    "psutil>=6",\n    "lxml>=6",')
    assert env.content_faults(read(name), env.needed(grown, FILES[name])) == ["lxml is missing"]


def test_binder_without_environment_is_named(copy: Path) -> None:
    (copy / "binder" / "environment.yml").unlink()
    assert env.folder_faults(copy) == [
        "binder/ has no environment.yml; the one in the root would not be read"
    ]


def test_second_binder_folder_is_named(copy: Path) -> None:
    (copy / ".binder").mkdir()
    assert env.folder_faults(copy) == ["both binder/ and .binder/ are there"]
    assert env.dockerfile(copy)[1] != []


def test_scripts_that_would_not_run_are_named(copy: Path) -> None:
    (copy / "binder" / "postBuild").write_text("pip install .\n", encoding="utf-8")
    (copy / "binder" / "start").write_text("#!/bin/sh\necho hi\n", encoding="utf-8")
    assert env.folder_faults(copy) == [
        "binder/postBuild has no #! line",
        'binder/start does not end with exec "$@"',
    ]


def test_repo2docker_refuses_a_file_it_cannot_read(copy: Path) -> None:
    (copy / "binder" / "environment.yml").write_text("- numpy\n", encoding="utf-8")
    assert env.dockerfile(copy)[1] != []
