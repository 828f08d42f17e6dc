"""The emulated cluster, where a test needs one: whether it can run here, and one that is up."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def no_stray_logs() -> Iterator[None]:
    """Fail where a job left its log in the working folder: sbatch was not told another place."""
    before = set(Path.cwd().glob("slurm-*.out"))
    yield
    left = {path: path.read_text() for path in Path.cwd().glob("slurm-*.out") if path not in before}
    assert not left, "a job was sent without --output"


@contextmanager
def emulated() -> Iterator[Emulator]:
    """Give an emulated cluster of four nodes, all idle; where there can be none, skip the test."""
    reason = why_not("munged", "slurmctld", "slurmd", "srun", "unshare")
    if reason:
        pytest.skip(reason)
    # Its path must leave room for the name of a socket.
    folder = Path(tempfile.mkdtemp(prefix="emu-"))
    cluster = Emulator(folder)
    cluster.start()
    try:
        with no_stray_logs():
            yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
