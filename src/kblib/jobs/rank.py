"""What every rank does around its work: find its peers, hear SIGTERM, report its failure."""

from __future__ import annotations

import logging
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from kblib.errors import KblibError
from kblib.files import disk_is_full
from kblib.jobs.exit_codes import FAILED
from kblib.runs import RunFolder
from kblib.training.checkpoint import full_disk

log = logging.getLogger("kblib.rank")

_PEERS_MAY_WAIT = timedelta(hours=2)
"""Rank 0 tokenizes and packs while the others wait at a barrier."""


@dataclass(frozen=True)
class Ranks:
    """A rank's place among its peers, and its device."""

    rank: int
    world_size: int
    device: torch.device

    def wait_for_all(self) -> None:
        """Wait until every rank is here."""
        if self.world_size > 1:
            dist.barrier()

    def same_for_all(self, value: int) -> int:
        """Return rank 0's value on every rank."""
        if self.world_size == 1:
            return value
        carrier = torch.tensor(value, dtype=torch.int64, device=self.device)
        dist.broadcast(carrier, src=0)
        return int(carrier)


class StopFlag:
    """Set by SIGTERM; asked once a step."""

    def __init__(self) -> None:
        self._asked = False
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def __call__(self) -> bool:
        """Say whether this rank was asked to stop."""
        return self._asked


@contextmanager
def joined(run: RunFolder, attempt: int) -> Iterator[Ranks]:
    """Join the ranks that the environment counts (RANK, WORLD_SIZE); they meet in the run folder.

    A file only they can read needs no port that somebody else might take or listen to.
    """
    world_size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if world_size > 1:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=f"file://{run.path}/.ranks-{attempt}",
            rank=rank,
            world_size=world_size,
            timeout=_PEERS_MAY_WAIT,
        )
    yield Ranks(rank, world_size, device)
    # Not after an error: taking leave can wait for peers, and the driver is waiting for this rank.
    if world_size > 1:
        dist.destroy_process_group()


def guarded(work: Callable[[], int], run: RunFolder, attempt: int) -> int:
    """Do a rank's work; turn an error into log lines, `failure.json` and an exit code."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # the last frame: what is not told here is lost
        log.error("%s", traceback.format_exc())
        try:
            run.write_failure(attempt, type(error).__name__, _in_words(error, run))
        except OSError as second:
            log.error("failure.json could not be written: %s", second)
        return FAILED


def _in_words(error: Exception, run: RunFolder) -> str:
    if isinstance(error, KblibError):
        return str(error)
    if disk_is_full(error):
        return str(full_disk(run))
    return f"{type(error).__name__}: {error}"
