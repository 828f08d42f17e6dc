"""What every rank does around its work.

Find its peers, end with its driver, hear SIGTERM, report its failure.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist

from kblib import files
from kblib.errors import KblibError
from kblib.jobs.exit_codes import FAILED, INFRASTRUCTURE
from kblib.runs import RunFolder
from kblib.training.checkpoint import disk_is_full, full_disk

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
def joined() -> Iterator[Ranks]:
    """Join the ranks that the environment names (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT)."""
    world_size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if world_size > 1:
        backend = "nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=_PEERS_MAY_WAIT)
    try:
        yield Ranks(rank, world_size, device)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def end_with_parent() -> None:
    """End this process when its driver is gone: an orphan must not write beside its successor."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(INFRASTRUCTURE)

    threading.Thread(target=watch, daemon=True).start()


def _in_words(error: Exception, run: RunFolder) -> str:
    if isinstance(error, KblibError):
        return str(error)
    if disk_is_full(error):
        return str(full_disk(run))
    return f"{type(error).__name__}: {error}"


def guarded(work: Callable[[], int], run: RunFolder) -> int:
    """Do a rank's work; turn an error into log lines, `failure.json` and an exit code."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # the last frame: what is not told here is lost
        log.error("%s", traceback.format_exc())
        if run.failure_file.exists():
            return FAILED  # a peer was first; what follows a lost peer is not the cause
        words = _in_words(error, run)
        try:
            files.write_json(run.failure_file, {"type": type(error).__name__, "message": words})
        except OSError as second:
            log.error("failure.json could not be written: %s", second)
        return FAILED
