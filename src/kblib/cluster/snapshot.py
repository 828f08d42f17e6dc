"""The code of a run: a copy of the checkout, so that editing it changes nothing that waits.

Where kblib is installed as a package there is no copy: the site's Python has its own, and
`kblib.cluster.environment` compares the versions.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from kblib import files, settings
from kblib.runs import RunFolder, sharing

CACHE = "__pycache__"
_PARTS = {"src/kblib": "kblib", "hpc": "kblib/hpc"}
"""Where the parts of the library lie in the checkout, and in the copy."""


def take(run: RunFolder) -> Path | None:
    """Copy the library of the checkout into the run folder; None where there is no checkout."""
    clone = settings.checkout()
    if clone is None:
        return None
    aside = run.path / ".code"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    for source, place in _PARTS.items():
        _copy(clone / source, aside / place)
    if run.is_shared:
        sharing.settle(aside)
    files.replace_folder(aside, run.code)
    return run.code


def place_of(run: RunFolder) -> Path | None:
    """Return where the copy of a run is, or would be; None where there is no checkout."""
    return run.code if run.code.is_dir() or settings.checkout() is not None else None


def _copy(source: Path, target: Path) -> None:
    """Copy files with their times, by which bytecode and compiled loops are known to be theirs."""
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        # What Python keeps beside the sources may be written anew in this very moment.
        with suppress(*([OSError] if CACHE in path.parts else [])):
            shutil.copy2(path, copy)
