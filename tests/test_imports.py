"""Importing is cheap, and every import is declared."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OURS = {"benchmarks", "kblib", "kbnotebooks", "tests", "tools"}

# What takes seconds to load, or needs more than the core (measured: torch 3 s, transformers' model
# classes 10 s).
HEAVY = {
    "accelerate",
    "dask",
    "datasets",
    "deepspeed",
    "distributed",
    "ipywidgets",
    "IPython",
    "matplotlib",
    "peft",
    "tokenizers",
    "torch",
    "transformers",
}
LIGHT = [
    "kbnotebooks",
    "kblib",
    "kblib.cluster",
    "kblib.corpora",
    "kblib.jobs.specs",
    "kblib.models.catalog",
    "kblib.models.shape",
    "kblib.planner",
    "kblib.runs",
    "kblib.sites",
]
# Declared though no file of the packages imports them, and why.
NEVER_IMPORTED = {
    "ipykernel": "JupyterLab starts it",
    "jupyterlab": "make lab starts it",
    "pyarrow": "Polars hands its tables to pandas through it",
}


def loaded_after(statement: str) -> set[str]:
    """Return the top-level modules a fresh Python has after a statement."""
    code = f"{statement}; import sys; print(*(n for n in sys.modules if '.' not in n))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stdout.split())


@pytest.mark.parametrize("module", LIGHT)
def test_import_loads_nothing_heavy(module: str) -> None:
    assert loaded_after(f"import {module}") & HEAVY == set()


def test_heavy_module_would_be_seen() -> None:
    assert loaded_after("import tokenizers") & HEAVY == {"tokenizers"}


def imported(path: Path) -> Iterator[str]:
    """Give the top-level name of each absolute import in a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]


def foreign(*folders: str) -> dict[str, set[str]]:
    """Return the distributions that the folders import, each with the files that do."""
    owners = packages_distributions()
    uses: dict[str, set[str]] = {}
    for path in sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        for name in set(imported(path)) - set(sys.stdlib_module_names) - OURS:
            for owner in owners.get(name, [name]):
                uses.setdefault(plain(owner), set()).add(str(path.relative_to(ROOT)))
    return uses


def declared(*extras: str) -> set[str]:
    """Return the distributions that the core and the `extras` declare."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {plain(Requirement(line).name) for line in lines}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


USERS = [extra for extra in PROJECT["optional-dependencies"] if extra != "dev"]
PACKAGES = ("src/kblib", "kbnotebooks")


def test_every_import_is_declared() -> None:
    there = declared(*USERS)
    assert {name: files for name, files in foreign(*PACKAGES).items() if name not in there} == {}


def test_every_import_of_tests_and_tools_is_declared() -> None:
    there = declared(*USERS, "dev")
    uses = foreign("tests", "benchmarks", "tools")
    assert {name: files for name, files in uses.items() if name not in there} == {}


def test_every_declared_package_is_imported() -> None:
    assert declared(*USERS) - set(foreign(*PACKAGES)) - set(NEVER_IMPORTED) == set()


@pytest.mark.parametrize("name", sorted(NEVER_IMPORTED))
def test_package_that_is_not_imported_is_installed(name: str) -> None:
    assert find_spec(name) is not None
