"""The results of a batch: one file a shard, and the file itself says that the shard is done.

::

    RUN/result/00/00012.parquet   of shard 12; whoever links it first wins, so it is there once
    RUN/result/columns.parquet    an empty table with the columns that all have
    RUN/failed/00012.json         a shard whose function failed, with its item and the error
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kblib import files
from kblib.errors import IntegrityError
from kblib.runs.folder import RunFolder

_A_FOLDER = 1_000
_RESULT = re.compile(r"(\d{5})\.parquet")
_FAILURE = re.compile(r"(\d{5})\.json")


class ShardFiles:
    """Where the shards of a run leave their results.

    Parameters
    ----------
    run
        The run folder.
    """

    def __init__(self, run: RunFolder) -> None:
        self.results = run.result
        self.columns_file = run.result / "columns.parquet"
        self.failures = run.failed

    def file(self, number: int) -> Path:
        """Return where the result of a shard lies, or will."""
        return self.results / f"{number // _A_FOLDER:02d}" / f"{number:05d}.parquet"

    def is_done(self, number: int) -> bool:
        """Say whether a shard has its result."""
        return self.file(number).exists()

    def done(self) -> list[int]:
        """Return the shards that have a result, in order; this lists every folder."""
        found = []
        for folder in self.results.glob("[0-9][0-9]"):
            names = (_RESULT.fullmatch(entry.name) for entry in os.scandir(folder))
            found += [int(name[1]) for name in names if name]
        return sorted(found)

    def commit(self, number: int, write: Callable[[Path], object]) -> bool:
        """Write the result of a shard, whole and once; say whether it is this one that stays.

        Parameters
        ----------
        write
            Writes it to the path it is given.
        """
        target = self.file(number)
        target.parent.mkdir(exist_ok=True)
        return link_first(target, write)

    def write_failure(self, number: int, content: dict[str, Any]) -> None:
        """Tell that a shard failed; a later telling replaces the one before."""
        self.failures.mkdir(exist_ok=True)
        files.write_json(self.failures / f"{number:05d}.json", content)

    def failed(self) -> dict[int, dict[str, Any]]:
        """Return what is told of each shard that failed and has no result."""
        told = {}
        for path in sorted(self.failures.glob("*.json")):
            if (name := _FAILURE.fullmatch(path.name)) and not self.is_done(int(name[1])):
                with suppress(IntegrityError):  # one that is being replaced
                    told[int(name[1])] = files.read_json(path)
        return told

    def forget_failures(self) -> None:
        """Let all shards that failed be tried again."""
        for path in self.failures.glob("*.json"):
            path.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Take away what killed writers left half written; no writer may be there any more."""
        for left in self.results.glob("[0-9][0-9]/.*.parquet.*"):
            left.unlink(missing_ok=True)


def link_first(target: Path, write: Callable[[Path], object]) -> bool:
    """Write a file under another name, and give it its own unless somebody was faster.

    Returns
    -------
    bool
        Whether it is this one that is there now.
    """
    aside = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        write(aside)
        with open(aside, "rb") as file:
            os.fsync(file.fileno())
        os.link(aside, target)
    except FileExistsError:
        return False
    finally:
        aside.unlink(missing_ok=True)
    return True
