"""Where things lie: one home for what is made, and the folders that are searched for models.

Everything the project writes lies under ``home()``. Three rules decide it, the first that applies:

1. the environment variable ``KBNOTEBOOKS_HOME``;
2. ``work/`` in the checkout, when the package is used from a clone (``make lab``);
3. ``$XDG_DATA_HOME/kbnotebooks``, by default ``~/.local/share/kbnotebooks``.

Nothing is created here: a folder is made by whoever first writes into it.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path

from kblib.errors import SettingsError

HOME_VARIABLE = "KBNOTEBOOKS_HOME"
MODELS_VARIABLE = "KBNOTEBOOKS_MODELS"


@cache
def checkout() -> Path | None:
    """Return the root of the clone this package runs from, or None when it is installed."""
    root = Path(__file__).resolve().parents[2]
    project_file = root / "pyproject.toml"
    if not project_file.is_file():
        return None
    name = tomllib.loads(project_file.read_text(encoding="utf-8")).get("project", {}).get("name")
    return root if name == "kbnotebooks" else None


def home() -> Path:
    """Return the folder under which runs, corpora and own models lie.

    Raises
    ------
    SettingsError
        If ``KBNOTEBOOKS_HOME`` is set to a path that is not absolute, or to a file.
    """
    named = os.environ.get(HOME_VARIABLE)
    if named:
        return _usable(Path(named).expanduser(), HOME_VARIABLE)
    clone = checkout()
    if clone is not None:
        return clone / "work"
    data_home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data_home).expanduser() / "kbnotebooks"


def runs_folder() -> Path:
    """Return the folder that holds one folder a run."""
    return home() / "runs"


def corpora_folder() -> Path:
    """Return the folder that holds saved corpora."""
    return home() / "corpora"


def model_folders() -> tuple[Path, ...]:
    """Return the folders searched for models by name.

    Named by variable, own, then those of the clone.
    """
    named = os.environ.get(MODELS_VARIABLE, "")
    folders = [
        _usable(Path(part).expanduser(), MODELS_VARIABLE)
        for part in named.split(os.pathsep)
        if part
    ]
    folders.append(home() / "models")
    clone = checkout()
    if clone is not None:
        folders.append(clone / "models")
    return tuple(folders)


def config_folder() -> Path:
    """Return the folder of the user's own settings, such as overlays of site files."""
    config_home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(config_home).expanduser() / "kbnotebooks"


def _usable(path: Path, variable: str) -> Path:
    if not path.is_absolute():
        raise SettingsError(
            f"{variable} is set to '{path}', which is not an absolute path.",
            "Runs started from different folders would not find each other.",
            f"export {variable}={path.resolve()}",
        )
    if path.is_file():
        raise SettingsError(
            f"{variable} is set to '{path}', which is a file.",
            "A folder was expected.",
            f"export {variable}={path.parent}",
        )
    return path
