"""What tests of pools share: functions of a batch that wait until they are told, and who waits.

A shard that is begun leaves a file ``SHARD.PROCESS`` in the folder it is given, and goes on when a
file ``open`` is there: so a test strikes at a known moment.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from kblib.cluster import Run
from kblib.runs import RunFolder
from kblib.runs.shards import ShardFiles

MODULE = "batch_functions"
SOURCE = '''"""Functions of a batch, as somebody writes them beside a notebook."""
import os
import signal
import time
from pathlib import Path

import polars as pl


def square(shard):
    return pl.DataFrame({"n": [shard], "square": [shard**2]})


def but_not_odd(shard, mended):
    if shard % 2 and not Path(mended).exists():
        raise ValueError(f"{shard} is odd")
    return square(shard)


def gated(shard, folder):
    (Path(folder) / f"{shard}.{os.getpid()}").touch()
    while not (Path(folder) / "open").exists():
        time.sleep(0.02)
    return square(shard)


def stuck(shard, folder):
    # Shard 1 never ends, unless it is mended.
    if shard == 1 and not (Path(folder) / "mended").exists():
        time.sleep(100_000)
    return square(shard)


def deadly(shard):
    if shard == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return square(shard)
'''
START_S = 180.0


class Gate:
    """The folder in which shards tell that they have begun, and wait."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder

    @property
    def begun(self) -> list[tuple[int, int]]:
        """Which shards were begun, in which process; one that was begun twice is there twice."""
        names = [path.name.split(".") for path in self.folder.iterdir() if path.name != "open"]
        return sorted((int(shard), int(process)) for shard, process in names)

    @property
    def times(self) -> Counter[int]:
        """How often each shard was begun."""
        return Counter(shard for shard, _ in self.begun)

    def open(self) -> None:
        """Let all go on."""
        (self.folder / "open").touch()


def squares(run: Run) -> list[tuple[int, int]]:
    """Return the rows of a result."""
    table: Any = run.result().table
    return list(zip(table["n"], table["square"], strict=True))


def results(run: Run) -> dict[int, tuple[int, int]]:
    """Return inode and time of the file of each shard: another writer would change them."""
    shards = ShardFiles(RunFolder(run.folder))
    stats = {number: shards.file(number).stat() for number in shards.done()}
    return {number: (stat.st_ino, stat.st_mtime_ns) for number, stat in stats.items()}


def processes_of(module: str, run: Run) -> list[psutil.Process]:
    """Return the processes of a run that carry out a module, on all emulated nodes."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            words = process.cmdline()
            if module in words and str(run.folder) in words:
                found.append(process)
    return found


def leftovers(run: Run) -> list[Path]:
    """Return what half-written files are there."""
    return [path for path in (run.folder / "result").rglob(".*") if path.is_file()]
