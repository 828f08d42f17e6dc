"""The run folder: every path in it, and the few ways it may be written.

::

    RUN/  config.json            the job, the site, the code version: written once
          state.json             one writer (the driver), replaced as a whole
          attempts/0001.json     one file a carrying-out; creating it is the right to start it
          cancel.json            what a client asks of the driver
          metrics.jsonl          whole lines, appended by rank 0
          log.txt                what driver and ranks print
          failure.json           the error that ended an attempt
          checkpoints/step-00000123/
          result/
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kblib import files, settings
from kblib.errors import RunError
from kblib.runs import journal
from kblib.runs.state import NEVER_BEGUN_S, Phase, RunState

_RESERVE_BYTES = 64 << 10
_CHECKPOINT = re.compile(r"step-(\d{8})")


class RunFolder:
    """Paths, records and journals of one run.

    Parameters
    ----------
    path
        The folder; use `create` or `open_run_folder` to get one that is known to be a run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_file = path / "config.json"
        self.state_file = path / "state.json"
        self.cancel_file = path / "cancel.json"
        self.metrics_file = path / "metrics.jsonl"
        self.log_file = path / "log.txt"
        self.failure_file = path / "failure.json"
        self.attempts = path / "attempts"
        self.checkpoints = path / "checkpoints"
        self.result = path / "result"
        self._reserve = path / ".reserve"

    @property
    def name(self) -> str:
        """The name by which the run is opened."""
        return self.path.name

    @classmethod
    def create(cls, path: Path, config: Mapping[str, Any]) -> RunFolder:
        """Make a run folder, whole and once: the rename of a full folder is the lock.

        Raises
        ------
        FileExistsError
            If another submit was faster, or the run is an old one.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        try:
            new = cls(aside)
            for folder in (new.attempts, new.checkpoints, new.result):
                folder.mkdir()
            files.write_json(new.config_file, config)
            new.set_reserve_aside()
            new.write_state(RunState(Phase.QUEUED, heartbeat=time.time(), attempt=0))
            os.rename(aside, path)
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, OSError) and path.exists():
                raise FileExistsError(path) from None
            raise
        return cls(path)

    def config(self) -> dict[str, Any]:
        """Return what was submitted."""
        return files.read_json(self.config_file)

    def write_state(self, state: RunState) -> None:
        """Replace the state.

        On a full disk the reserve makes room, so that the reason can still be told.
        """
        try:
            files.write_json(self.state_file, state.to_dict())
        except OSError as error:
            if error.errno != errno.ENOSPC or not self._reserve.exists():
                raise
            self._reserve.unlink()
            files.write_json(self.state_file, state.to_dict())

    def set_reserve_aside(self) -> None:
        """Take the space that the last words of a run will need."""
        self._reserve.write_bytes(bytes(_RESERVE_BYTES))

    def state(self) -> RunState:
        """Return the state as an onlooker may believe it."""
        return RunState.from_dict(files.read_json(self.state_file)).observed()

    def begin_attempt(self, last: int, about: Mapping[str, Any]) -> int | None:
        """Claim the attempt after `last`; None if somebody else claimed it a moment ago."""
        number = last + 1
        while _is_old(self._attempt_file(number)):  # claimed once, and never begun
            number += 1
        try:
            self._attempt_file(number).touch(exist_ok=False)
        except FileExistsError:
            return None
        about = {"attempt": number, "submitted": time.time(), **about}
        files.write_json(self._attempt_file(number), about)
        return number

    def end_attempt(self, number: int, **outcome: object) -> None:
        """Add to the record of an attempt how it ended."""
        path = self._attempt_file(number)
        files.write_json(path, {**files.read_json(path), **outcome})

    def _attempt_file(self, number: int) -> Path:
        return self.attempts / f"{number:04d}.json"

    def ask_to_stop(self, who: str) -> None:
        """Leave the request to checkpoint and stop for the driver."""
        files.write_json(self.cancel_file, {"asked": time.time(), "by": who})

    def checkpoint(self, step: int) -> Path:
        """Return the place of the checkpoint of a step."""
        return self.checkpoints / f"step-{step:08d}"

    def checkpoint_steps(self) -> list[int]:
        """Return the steps that have a finished checkpoint folder, oldest first."""
        names = (_CHECKPOINT.fullmatch(path.name) for path in self.checkpoints.iterdir())
        return sorted(int(match.group(1)) for match in names if match)

    def metrics(self) -> list[dict[str, Any]]:
        """Return all lines of the metrics journal, in the order they were written."""
        return journal.Tail(self.metrics_file).new()

    def tail(self) -> journal.Tail:
        """Return a reader of the metrics journal that remembers where it was."""
        return journal.Tail(self.metrics_file)

    def log(self, n: int = 40) -> str:
        """Return the last `n` lines of the log."""
        return journal.last_lines(self.log_file, n)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > NEVER_BEGUN_S
    except FileNotFoundError:
        return False


def list_runs() -> list[RunFolder]:
    """Return the runs under the home folder, the newest submit first."""
    root = settings.runs_folder()
    if not root.is_dir():
        return []
    found = [RunFolder(path) for path in root.iterdir() if (path / "config.json").is_file()]
    found = [run for run in found if not run.name.startswith(".")]
    return sorted(found, key=lambda run: run.config_file.stat().st_mtime, reverse=True)


def open_run_folder(name: str | os.PathLike[str]) -> RunFolder:
    """Return the run of a name, or of a folder.

    Raises
    ------
    RunError
        If there is none, with the nearest names.
    """
    path = Path(name)
    for place in (settings.runs_folder() / path, path):
        if (place / "config.json").is_file():
            return RunFolder(place.resolve())
    known = [run.name for run in list_runs()]
    near = get_close_matches(str(name), known, n=3, cutoff=0.3)
    raise RunError(
        f"No run named '{name}'.",
        f"Runs here: {', '.join(known[:8]) or 'none yet'}." if not near else "",
        f"Did you mean kb.Run.open('{near[0]}')?" if near else "List all: python -m kblib status",
    )
