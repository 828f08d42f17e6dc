"""Finding runs again: all of a folder, or one by its name."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path

from kblib import settings
from kblib.errors import RunError
from kblib.runs.folder import RunFolder


def list_runs(root: Path | None = None) -> list[RunFolder]:
    """Return the runs in a folder, by default that of the home, the newest submit first."""
    root = settings.runs_folder() if root is None else root
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if not path.name.startswith(".") and _is_run(path)]
    found.sort(key=lambda path: (path / "config.json").stat().st_mtime, reverse=True)
    return [RunFolder(path) for path in found]


def open_run_folder(name: str | os.PathLike[str]) -> RunFolder:
    """Return the run of a name, or of a folder.

    Raises
    ------
    RunError
        If there is none, with the nearest names.
    """
    path = Path(str(name))
    for place in (settings.runs_folder() / path, path):
        if _is_run(place):
            return RunFolder(place.resolve())
    known = [run.name for run in list_runs()]
    near = get_close_matches(str(name), known, n=3, cutoff=0.3)
    raise RunError(
        f"No run named '{name}'.",
        f"Runs here: {', '.join(known[:8]) or 'none yet'}." if not near else "",
        f"Did you mean kb.Run.open('{near[0]}')?" if near else "List all: python -m kblib status",
    )


def _is_run(path: Path) -> bool:
    """Say whether a folder is a run that this user may read."""
    try:
        return (path / "config.json").is_file() and (path / "state.json").is_file()
    except PermissionError:
        return False


def run_of_model(folder: Path) -> str | None:
    """Return the name of the run whose result a model is, by where it lies; None of others.

    Examples
    --------
    >>> run_of_model(Path("/home/ada/runs/films-1a2b/result/model"))
    'films-1a2b'
    """
    for run in map(RunFolder, folder.parents[1:2]):
        if run.name and run.model == folder:
            return run.name
    return None
