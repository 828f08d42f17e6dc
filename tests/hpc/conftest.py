"""One emulated cluster for all tests that need Slurm."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from kblib.hpc.emulator import Emulator
from kblib.hpc.emulator.processes import PROGRAM_FOLDERS


def why_not(*programs: str) -> str:
    """Return why an emulator cannot run here, or nothing."""
    path = f"{os.environ.get('PATH', '')}:{PROGRAM_FOLDERS}"
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    if missing:
        return f"{', '.join(missing)} not installed: apt-get install slurmctld slurmd slurm-client"
    return "" if os.geteuid() == 0 else "the emulator needs root"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Give a folder whose path leaves room for the name of a socket."""
    folder = Path(tempfile.mkdtemp(prefix="emu-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """Give an emulated cluster of four nodes, all idle."""
    reason = why_not("munged", "slurmctld", "slurmd", "srun", "unshare")
    if reason:
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="emu-"))
    cluster = Emulator(folder)
    cluster.start()
    yield cluster
    cluster.stop()
    shutil.rmtree(folder, ignore_errors=True)
