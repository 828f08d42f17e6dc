"""What every rank does around its work: find its peers, hear SIGTERM, report its failure."""

from __future__ import annotations

import logging
import os
import re
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from kblib.errors import KblibError
from kblib.files import disk_is_full
from kblib.jobs.exit_codes import FAILED, INFRASTRUCTURE
from kblib.jobs.rendezvous import store_of
from kblib.runs import RunFolder
from kblib.training.checkpoint import full_disk

log = logging.getLogger("kblib.rank")

_LOOK_S = 1.0
"""The run folder may be on a disk that thousands share."""
_LOST_PEER = re.compile(
    r"Connection closed by peer|Connection reset by peer|Broken pipe|Socket Timeout|"
    r"Timed out waiting|timed out after|unhandled system error|remote process exited|NCCL.*abort",
    re.IGNORECASE,
)
"""What gloo and NCCL say when the other end is gone."""
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
    """Set by SIGTERM, or by a file in the run folder; asked once a step.

    Parameters
    ----------
    file
        Looked for once a second, where a signal does not reach every rank; None where it does.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._asked = False
        self._file = file
        self._look_at = 0.0
        signal.signal(signal.SIGTERM, self._ask)

    def _ask(self, *_: object) -> None:
        self._asked = True

    def __call__(self) -> bool:
        """Say whether this rank was asked to stop."""
        if self._file is not None and not self._asked and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + _LOOK_S
            self._asked = self._file.exists()
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
        several_machines = "SLURM_STEP_ID" in os.environ
        meeting = (
            {"store": store_of(run, attempt, rank=rank, world_size=world_size)}
            if several_machines
            else {"init_method": f"file://{run.meeting_file(attempt)}"}
        )
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            rank=rank,
            world_size=world_size,
            timeout=_PEERS_MAY_WAIT,
            **meeting,
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
        if _peer_is_lost(error):  # the peer's own word, if it had one, is in failure.json by now
            return INFRASTRUCTURE
        try:
            run.write_failure(attempt, type(error).__name__, _in_words(error, run))
        except OSError as second:
            log.error("failure.json could not be written: %s", second)
        return FAILED


def _peer_is_lost(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and _LOST_PEER.search(str(error)) is not None


def _in_words(error: Exception, run: RunFolder) -> str:
    if isinstance(error, KblibError):
        return str(error)
    if disk_is_full(error):
        return str(full_disk(run))
    return f"{type(error).__name__}: {error}"
