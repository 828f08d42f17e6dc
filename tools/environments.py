"""Compare the conda environment files with ``pyproject.toml``; check them as repo2docker would.

Each function takes text or a folder and returns a list of faults, one sentence a fault; an empty
list is good news. ``tests/test_environments.py`` runs them on the project and on damaged files.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import rattler
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from rattler.exceptions import InvalidMatchSpecError

CHANNELS = ["conda-forge", "nodefaults"]
# What conda-forge calls a package of another name on the Python package index.
CONDA_NAMES = {
    "huggingface-hub": "huggingface_hub",
    "matplotlib": "matplotlib-base",
    "torch": "pytorch-cpu",
}
# In an environment file, not in pyproject.toml: the interpreter and its installer.
BESIDES = {"python", "pip"}


def needed(pyproject: str, extras: tuple[str, ...]) -> dict[str, SpecifierSet]:
    """Return conda name and version range of every dependency of the core and the `extras`."""
    project = tomllib.loads(pyproject)["project"]
    lines = list(project["dependencies"])
    for extra in extras:
        lines += project["optional-dependencies"][extra]
    requirements = [Requirement(line) for line in lines]
    return {CONDA_NAMES.get(item.name, item.name): item.specifier for item in requirements}


def shape_faults(text: str) -> list[str]:
    """Check that the file is what conda reads: a mapping, channels, one plain spec a line."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        return [f"not YAML: {' '.join(str(error).split())}"]
    if not isinstance(content, dict):
        return ["not a mapping"]
    faults = []
    if content.get("channels") != CHANNELS:
        faults.append(f"channels are {content.get('channels')}, not {CHANNELS}")
    conda, pip = _lines(content)
    for line in conda:
        faults += spec_faults(line)
    names = [spec_name(line) for line in conda if isinstance(line, str)]
    faults += [
        f"{name} is listed twice" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    doubles = {Requirement(line).name for line in pip} & set(names)
    faults += [f"{name} comes from conda and from pip" for name in sorted(doubles)]
    if pip and "pip" not in names:
        faults.append("a pip list without pip itself")
    return faults


def spec_faults(line: object) -> list[str]:
    """Check one conda spec: no spaces, a version, and conda can parse it."""
    if not isinstance(line, str):
        return [f"{line!r} is neither a spec nor a pip list"]
    if re.search(r"\s", line):
        return [f"{line!r} has a space in it"]
    try:
        spec = rattler.MatchSpec(line)
    except InvalidMatchSpecError as error:
        return [f"{line!r} is no conda spec: {' '.join(str(error).split())}"]
    return [] if spec.version else [f"{line!r} names no version"]


def python_faults(text: str, pyproject: str) -> list[str]:
    """Check that Python is pinned, to a version that `pyproject.toml` allows.

    Unpinned, repo2docker takes a default of its own, which is older.
    """
    allowed = SpecifierSet(tomllib.loads(pyproject)["project"]["requires-python"])
    for line in _lines(yaml.safe_load(text))[0]:
        if spec_name(line) == "python":
            pinned = re.fullmatch(r"python=(\d+\.\d+)", line)
            if not pinned:
                return [f"{line!r} does not pin python=MAJOR.MINOR"]
            return [] if pinned[1] in allowed else [f"{line!r} is outside {allowed}"]
    return ["python is not pinned"]


def content_faults(text: str, wanted: dict[str, SpecifierSet]) -> list[str]:
    """Compare a file with what is `wanted`: nothing missing, nothing extra, equal ranges."""
    there = {spec_name(line): line for line in _lines(yaml.safe_load(text))[0]}
    faults = [f"{name} is missing" for name in sorted(wanted.keys() - there.keys())]
    extra = sorted(there.keys() - wanted.keys() - BESIDES)
    faults += [f"{name} is not in pyproject.toml" for name in extra]
    for name in sorted(wanted.keys() & there.keys()):
        if spec_range(there[name]) != wanted[name]:
            faults.append(f"{there[name]!r} differs from pyproject.toml: {name}{wanted[name]}")
    return faults


def spec_name(line: str) -> str:
    """Return the package's name in a conda spec."""
    return re.split(r"[\s=<>!~\[]", line.rpartition("::")[2], maxsplit=1)[0].lower()


def spec_range(line: str) -> SpecifierSet | None:
    """Return the version range of a conda spec, or None when it is no range of Python's."""
    try:
        return SpecifierSet(line.removeprefix(spec_name(line)))
    except InvalidSpecifier:
        return None


def folder_faults(root: Path) -> list[str]:
    """Check ``binder/`` as a whole: one such folder, with an environment and sound scripts."""
    faults = []
    if (root / ".binder").exists():
        faults.append("both binder/ and .binder/ are there")
    if not (root / "binder" / "environment.yml").is_file():
        faults.append("binder/ has no environment.yml; the one in the root would not be read")
    for name in ("postBuild", "start"):
        script = root / "binder" / name
        if script.is_file() and not script.read_text(encoding="utf-8").startswith("#!"):
            faults.append(f"binder/{name} has no #! line")
    start = root / "binder" / "start"
    if (
        start.is_file()
        and start.read_text(encoding="utf-8").rstrip().splitlines()[-1] != 'exec "$@"'
    ):
        faults.append('binder/start does not end with exec "$@"')
    return faults


def dockerfile(root: Path) -> tuple[str, list[str]]:
    """Return the Dockerfile repo2docker would build for `root`, or its fault. Nothing is built."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(root)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode or "FROM " not in result.stdout:
        said = result.stderr.strip().splitlines() or ["nothing"]
        return "", [f"repo2docker: {said[-1]}"]
    return result.stdout, []


def _lines(content: dict[str, Any]) -> tuple[list[Any], list[str]]:
    """Return the conda lines and the pip lines."""
    conda: list[Any] = []
    pip: list[str] = []
    for item in content.get("dependencies") or []:
        if isinstance(item, dict) and set(item) == {"pip"}:
            pip += item["pip"]
        else:
            conda.append(item)
    return conda, pip
