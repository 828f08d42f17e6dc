"""Executes each lesson once, in a fresh kernel and another folder, and keeps what came out."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2] / "notebooks"
SWEDISH = ".sv.ipynb"


def _names(pattern: str, *, swedish: bool = False) -> list[str]:
    found = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))
    return [name for name in found if name.endswith(SWEDISH) == swedish]


LESSONS = _names("*.ipynb")
SOLUTIONS = _names("solutions/*.ipynb")
SWEDISH_LESSONS = _names("*.ipynb", swedish=True)
SWEDISH_SOLUTIONS = _names("solutions/*.ipynb", swedish=True)

LIMIT_S = 120.0
"""What a lesson may take on two quiet cores."""
CELL_LIMIT_S = 600
"""After so long a cell hangs; no lesson should come near it."""


NOTEBOOK = re.compile(r"\[([^\[\]]+\.ipynb)\]$")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadgroup``, give all tests of a notebook to one process: it runs it once."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByNotebook(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            found = NOTEBOOK.search(nodeid)
            return found[1] if found else nodeid.partition("::")[0]

    return ByNotebook(config, log)


@dataclass(frozen=True)
class Executed:
    """A notebook that was run from top to bottom, and how long that took."""

    notebook: nbformat.NotebookNode
    seconds: float
    others: float
    """Processes that computed at the same time, beside this lesson's own, at the start."""


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / name, as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: nbformat.NotebookNode) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


@pytest.fixture(scope="session")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Executed]:
    """Return a function that runs a notebook by name, once a session."""

    @cache
    def run(name: str) -> Executed:
        notebook = read(name)
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        client = NotebookClient(
            notebook,
            timeout=CELL_LIMIT_S,
            kernel_name="python3",
            resources={"metadata": {"path": str(elsewhere)}},
        )
        others, began = os.getloadavg()[0], time.monotonic()
        language = "sv" if name.endswith(SWEDISH) else "en"
        client.execute(env={**os.environ, "KBNOTEBOOKS_LANGUAGE": language})
        return Executed(notebook, time.monotonic() - began, others)

    return run
