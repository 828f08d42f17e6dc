"""Checkpoints that are written beside the training: the ranks wait for a copy, not for the disk.

Each rank copies what it keeps into its host's memory, and a thread of it writes the copy. Rank 0's
thread waits for the checksums of all ranks, which are written last, and seals the folder: before
that rename there is no such checkpoint, and the one before it stays. Threads never talk to other
ranks but through the folder, since two collectives at once would be mixed up.
"""

from __future__ import annotations

import threading
from types import TracebackType

from kblib import files
from kblib.errors import TrainingError
from kblib.runs import RunFolder
from kblib.training.checkpoint import (
    empty_parts,
    full_disk,
    parts_missing,
    parts_of,
    seal,
    take_back,
    write_part,
)
from kblib.training.engine import Engine, Write

_LOOK_S = 0.1
_LAST_S = 60.0
"""How long a rank that failed waits for its last checkpoint; its driver may be less patient."""


class Saver:
    """Writes the checkpoints of an attempt, one at a time. Every rank has one, and a block of it.

    Parameters
    ----------
    run
        Where to.
    engine
        What is saved.
    keep
        How many of the newest stay.
    """

    def __init__(self, run: RunFolder, engine: Engine, *, keep: int) -> None:
        self.run = run
        self.engine = engine
        self.keep = keep
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self._nobody_waits = threading.Event()

    def begin(self, step: int) -> None:
        """Copy the state of a step and let it be written; every rank calls this.

        Raises
        ------
        TrainingError
            If the disk is full, for this checkpoint or the one before it.
        """
        self.finish()
        try:
            empty_parts(self.run, self.engine, step)
            write = self.engine.copied()
        except Exception as error:
            raise self._in_words(error) from error
        self._thread = threading.Thread(
            target=self._write, args=(step, write), name=f"checkpoint-{step}", daemon=True
        )
        self._thread.start()

    def look(self) -> None:
        """Raise what went wrong with the writing, if anything did; without waiting.

        Raises
        ------
        TrainingError
            If the disk is full. What was saved before stays whole.
        """
        if self._error is not None:
            error, self._error = self._error, None
            raise self._in_words(error) from error

    def finish(self) -> None:
        """Wait until the checkpoint that is under way is sealed; every rank calls this.

        Raises
        ------
        TrainingError
            As `look`.
        """
        if self._thread is None:
            return
        self._thread.join()
        self._thread = None
        self.look()
        self.engine.any_rank(False)  # rank 0's thread seals: until then nobody goes on

    def __enter__(self) -> Saver:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        if kind is None:
            self.finish()
        elif self._thread is not None:  # what failed was a later step: this one is worth its while
            self._thread.join(_LAST_S)
            self._nobody_waits.set()

    def _write(self, step: int, write: Write) -> None:
        parts = parts_of(self.run, step)
        try:
            write_part(parts, self.engine.rank, write)
            if self.engine.rank == 0:
                while parts_missing(parts, self.engine.world_size):
                    if self._nobody_waits.wait(_LOOK_S):
                        return
                seal(self.run, step, self.engine.world_size, keep=self.keep)
        except Exception as error:  # noqa: BLE001  # raised where the training looks
            take_back(self.engine, parts)
            self._error = error

    def _in_words(self, error: Exception) -> Exception:
        if isinstance(error, TrainingError) or not files.disk_is_full(error):
            return error
        return full_disk(self.run)
