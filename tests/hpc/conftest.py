"""A folder for emulators of a test's own; that of all tests is in `tests/conftest.py`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder whose path leaves room for the name of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="emu-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
