"""What lies in a folder."""

from __future__ import annotations

from pathlib import Path


def names(folder: Path) -> list[str]:
    """Return the names of what lies in a folder, sorted; nothing of what lies below."""
    return sorted(path.name for path in folder.iterdir())
