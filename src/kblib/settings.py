"""Where things lie: one home for what is made, and the folders that are searched for models.

Everything the project writes lies under ``home()``. Three rules decide it, the first that applies:

1. the environment variable ``KBNOTEBOOKS_HOME``;
2. ``work/`` in the checkout, when the package is used from a clone that can be written to
   (``make lab``);
3. ``$XDG_DATA_HOME/kbnotebooks``, by default ``~/.local/share/kbnotebooks``.

Asking creates nothing. Whoever writes asks for ``writable_home()``, which makes the folder or says
which variable to set.
"""

from __future__ import annotations

import errno
import os
import tomllib
from functools import cache
from pathlib import Path

from kblib.errors import SettingsError

HOME_VARIABLE = "KBNOTEBOOKS_HOME"
MODELS_VARIABLE = "KBNOTEBOOKS_MODELS"

_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENOENT)
"""What a folder answers that will never be written to; a full disk is another matter."""


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
    if clone is not None and _takes_files(clone / "work" if (clone / "work").exists() else clone):
        return clone / "work"
    return _xdg("XDG_DATA_HOME", ".local/share") / "kbnotebooks"


def writable_home() -> Path:
    """Return `home()`, made and ready to be written to.

    Raises
    ------
    SettingsError
        If it cannot be made, or nothing can be written there.
    """
    folder = home()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno not in _CLOSED:
            raise
        raise _closed(folder, error.strerror or str(error)) from None
    if not _takes_files(folder):
        raise _closed(folder, os.strerror(errno.EACCES))
    return folder


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
    return _xdg("XDG_CONFIG_HOME", ".config") / "kbnotebooks"


def _xdg(variable: str, usual: str) -> Path:
    """Return a base folder; a relative one is passed over, as the XDG specification asks."""
    named = Path(os.environ.get(variable) or "")
    home_of_user = os.path.expanduser("~")  # noqa: PTH111  Path's fails where there is none
    return named if named.is_absolute() else Path(home_of_user) / usual


def _takes_files(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)


def _closed(folder: Path, why: str) -> SettingsError:
    return SettingsError(
        f"Nothing can be written to {folder}: {why}.",
        "Runs, corpora and models are kept there.",
        f"export {HOME_VARIABLE}=/a/folder/of/yours",
    )


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
