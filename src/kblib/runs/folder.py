"""The run folder: every path in it, and the few ways it may be written.

::

    RUN/  config.json            the job, the site, the code version: written once
          state.json             one writer (the driver), replaced as a whole
          attempts/0001.json     one file a carrying-out; creating it is the right to start it
          cancel.json            what a client asks of the driver
          metrics.jsonl          whole lines, appended by rank 0
          log.txt                what driver and ranks print
          settled.json           what the first attempt settled for all: steps, threads
          failure.json           the error that ended an attempt
          budget.json            the GPU-hours it may take
          skips.json             batches left out after loss spikes
          samples.jsonl          what a causal model wrote at each evaluation
          script.sh              what was sent to the scheduler
          bad_nodes.json         nodes that were lost, with when and how it was seen
          sent.json              the jobs that were queued last from outside, and when
          staged.json            what the job needs: sizes and checksums when it was sent
          code/                  the library as it was then, where it is used from a checkout
          events.jsonl           what the driver saw besides the ranks, appended by it alone
          tls/                   the keys of the run's Dask: its owner only, gone at the end
          scheduler.json         where the run's Dask listens: its owner only
          dask.txt               what its processes print
          telemetry.jsonl        how busy the nodes are, appended by the Dask scheduler
          checkpoints/step-00000123/
          result/                a model; of a batch one file a shard (kblib.runs.shards)
          failed/                of a batch: shards whose function failed, each with why
          functions/             of a batch: the function's module, where it is not installed
          workers/               of a batch on a cluster: the job of each worker
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from kblib import files
from kblib.errors import IntegrityError
from kblib.runs import journal, lock, sharing
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
        self.model = self.result / "model"
        self.failed = path / "failed"
        self.functions = path / "functions"
        self.workers = path / "workers"
        self.measured_file = self.result / "nodes.json"
        self.settled_file = path / "settled.json"
        self.budget_file = path / "budget.json"
        self.skips_file = path / "skips.json"
        self.samples_file = path / "samples.jsonl"
        self.lock_file = path / ".lock"
        self.begin_lock_file = path / ".begin.lock"
        self.script_file = path / "script.sh"
        self.bad_nodes_file = path / "bad_nodes.json"
        self.sent_file = path / "sent.json"
        self.staged_file = path / "staged.json"
        self.code = path / "code"
        self.events_file = path / "events.jsonl"
        self.tls = path / "tls"
        self.scheduler_file = path / "scheduler.json"
        self.dask_log_file = path / "dask.txt"
        self.telemetry_file = path / "telemetry.jsonl"
        self.mirror_file = path / ".elsewhere.json"
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
        shared = config.get("share") == sharing.GROUP
        aside = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))  # mode 0700
        try:
            if shared:
                sharing.open_to_group(aside)
            with sharing.shared_umask(shared):
                cls(aside)._fill(config)
                if shared:  # a scheduler would make it as it likes
                    cls(aside).log_file.touch()
            os.rename(aside, path)
        except BaseException as error:
            shutil.rmtree(aside, ignore_errors=True)
            if isinstance(error, OSError) and path.exists():
                raise FileExistsError(path) from None
            raise
        return cls(path)

    def _fill(self, config: Mapping[str, Any]) -> None:
        for folder in (self.attempts, self.checkpoints, self.result):
            folder.mkdir()
        files.write_json(self.config_file, config)
        self.set_reserve_aside()
        self.write_state(RunState(Phase.QUEUED, heartbeat=time.time(), attempt=0))

    @property
    def growing_files(self) -> tuple[Path, ...]:
        """The files that are only ever appended to."""
        journals = (self.metrics_file, self.events_file, self.telemetry_file, self.samples_file)
        return (*journals, self.log_file)

    @property
    def notes(self) -> tuple[Path, ...]:
        """The small files that are replaced as a whole, if they are there; no keys."""
        return (
            self.state_file,
            self.cancel_file,
            self.failure_file,
            self.settled_file,
            self.bad_nodes_file,
            self.sent_file,
            self.budget_file,
            self.script_file,
        )

    @property
    def is_shared(self) -> bool:
        """Whether a group may read this run."""
        return self.config_file.exists() and self.config().get("share") == sharing.GROUP

    @property
    def is_foreign(self) -> bool:
        """Whether this run is another user's, who lets this one look at it."""
        return self.is_of_another_user and not os.access(self.path, os.W_OK)

    @property
    def is_of_another_user(self) -> bool:
        """Whether somebody else submitted this run; root may write in it all the same."""
        return self.path.stat().st_uid != os.geteuid()

    @property
    def owner(self) -> str:
        """The name of the user whose run this is."""
        return sharing.owner_name(self.path)

    def writing(self) -> AbstractContextManager[None]:
        """Return a block in which what is written gets the run's permissions."""
        return sharing.shared_umask(self.is_shared)

    def config(self) -> dict[str, Any]:
        """Return what was submitted."""
        return files.read_json(self.config_file)

    def ask_for(self, asked: Mapping[str, Any]) -> None:
        """Let the next attempts have other resources, or wait longer for one that hangs."""
        config = self.config()
        config |= {key: asked[key] for key in ("resources", "hang_min") if key in asked}
        if "resources" in asked.get("pool", {}):  # those of its workers
            config["pool"] = {**config["pool"], "resources": asked["pool"]["resources"]}
        files.write_json(self.config_file, config)

    def write_state(self, state: RunState) -> None:
        """Replace the state, on a full disk too."""
        self._write_last_words(lambda: files.write_json(self.state_file, state.to_dict()))

    def tidy(self) -> None:
        """Take what a killed attempt left behind, and set aside room for the last words.

        Only who holds the lock may do so.
        """
        for folder in (self.checkpoints, self.result):
            for left in folder.glob(".*"):
                if left.suffix != ".old":  # a whole one that was to give way, and may be needed
                    shutil.rmtree(left, ignore_errors=True)
        self.failure_file.unlink(missing_ok=True)
        self.meeting_file(0).parent.mkdir(mode=0o700, exist_ok=True)
        self.set_reserve_aside()

    def set_reserve_aside(self) -> None:
        """Take the space that the last words of a run will need."""
        with suppress(OSError):  # where nothing is left there is nothing to set aside
            # Random, for a disk that compresses.
            self._reserve.write_bytes(os.urandom(_RESERVE_BYTES))

    def _write_last_words(self, write: Callable[[], object]) -> None:
        """Write why a run ends; on a full disk the reserve makes room for it."""
        try:
            write()
        except OSError as error:
            if not files.disk_is_full(error) or not self._reserve.exists():
                raise
            self._reserve.unlink()
            write()

    def state(self) -> RunState:
        """Return the state as an onlooker may believe it."""
        state = self.written_state()
        if state.over:
            return state
        here = state.host in ("", socket.gethostname())
        lives = lock.is_held(self.lock_file) if here else None
        return state.observed(here=here, driver_lives=lives, now=time.time())

    def written_state(self) -> RunState:
        """Return the state as it was written last, whatever has become of the writer."""
        return RunState.from_dict(files.read_json(self.state_file))

    def write_failure(self, attempt: int, kind: str, message: str) -> None:
        """Tell why an attempt ended; the first rank to tell wins, on a full disk too."""
        content = {"attempt": attempt, "type": kind, "message": message}
        self._write_last_words(lambda: files.write_json_once(self.failure_file, content))

    def failure(self, attempt: int) -> str | None:
        """Return what ended an attempt, in the words of the rank that told; None if none did."""
        try:
            told = files.read_json(self.failure_file)
        except IntegrityError:
            return None
        return str(told["message"]) if told.get("attempt") == attempt else None

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
        """Add to the record of an attempt how it ended, on a full disk too."""
        path = self._attempt_file(number)
        content = {**files.read_json(path), **outcome}
        self._write_last_words(lambda: files.write_json(path, content))

    def _attempt_file(self, number: int) -> Path:
        return self.attempts / f"{number:04d}.json"

    def ask_to_stop(self, who: str, why: str = "") -> None:
        """Leave the request to checkpoint and stop for the driver, which may say why."""
        attempt = self.written_state().attempt
        request = {"attempt": attempt, "asked": time.time(), "by": who, "why": why}
        files.write_json(self.cancel_file, request)

    def asked_to_stop(self, attempt: int) -> str | None:
        """Return who has asked an attempt to stop; None if nobody has."""
        try:
            asked = files.read_json(self.cancel_file)
        except (IntegrityError, OSError):
            return None
        return str(asked.get("by", "a client")) if asked.get("attempt") == attempt else None

    def reason_to_stop(self, attempt: int) -> str:
        """Return why an attempt was asked to stop, in the words of who asked; empty without any."""
        if self.asked_to_stop(attempt) is None:
            return ""
        return str(files.read_json(self.cancel_file).get("why", ""))

    def attempt_records(self) -> list[dict[str, Any]]:
        """Return what is known of each attempt, the first one first."""
        files_there = sorted(self.attempts.glob("[0-9]*.json"))
        return [files.read_json(path) for path in files_there if path.stat().st_size]

    def write_sent_jobs(self, *jobs: str) -> None:
        """Remember the numbers of jobs that were queued for this run: they may never begin."""
        files.write_json(self.sent_file, {"jobs": list(jobs), "time": time.time()})

    def sent_jobs(self) -> dict[str, Any]:
        """Return the jobs that were queued last from outside, and when; empty if none was."""
        try:
            return files.read_json(self.sent_file)
        except IntegrityError:
            return {}

    @property
    def last_sent(self) -> float:
        """When the run was sent or resumed last (Unix seconds); what was before was looked at."""
        return float(self.sent_jobs().get("time", 0.0))

    def bad_nodes(self) -> dict[str, Any]:
        """Return the nodes that were lost under this run, each with the evidence."""
        try:
            return files.read_json(self.bad_nodes_file)
        except IntegrityError:
            return {}

    def add_bad_node(self, node: str, evidence: Mapping[str, Any]) -> None:
        """Remember that a node was lost."""
        files.write_json(self.bad_nodes_file, {**self.bad_nodes(), node: dict(evidence)})

    def announce_scheduler(self, address: str) -> None:
        """Tell the owner of the run, and nobody else, where its Dask listens."""
        aside = self.scheduler_file.with_name(f".{self.scheduler_file.name}.{os.getpid()}")
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"address": address, "pid": os.getpid()}, file)
        os.replace(aside, self.scheduler_file)

    def scheduler_address(self) -> str | None:
        """Return where the run's Dask listens; None while there is none."""
        try:
            return str(files.read_json(self.scheduler_file)["address"])
        except IntegrityError:
            return None

    def tell(self, event: str, **about: object) -> None:
        """Write down something that happened besides the ranks; only the driver may."""
        record = {"event": event, "time": time.time(), **about}
        with suppress(OSError):  # a full disk: what is told here stands in the log as well
            journal.append(self.events_file, record)

    def events(self) -> list[dict[str, Any]]:
        """Return what happened besides steps, whoever told it, in the order of time."""
        told = [record for record in self.metrics() if "event" in record]
        told += journal.Tail(self.events_file).new()
        return sorted(told, key=lambda record: float(record.get("time", 0.0)))

    def stop_file(self, attempt: int) -> Path:
        """Return the file whose being there asks the ranks of an attempt to stop."""
        return self.path / f".stop-{attempt}"

    def meeting_file(self, attempt: int) -> Path:
        """Return the file by which the ranks of an attempt find each other.

        They trust whoever finds them, so its folder is the owner's alone in shared runs too.
        """
        return self.path / ".meeting" / f"ranks-{attempt}"

    def checkpoint(self, step: int) -> Path:
        """Return the place of the checkpoint of a step."""
        return self.checkpoints / f"step-{step:08d}"

    def checkpoint_steps(self) -> list[int]:
        """Return the steps that have a finished checkpoint folder, oldest first."""
        names = (_CHECKPOINT.fullmatch(path.name) for path in self.checkpoints.iterdir())
        return sorted(int(match.group(1)) for match in names if match)

    def newest_checkpoint(self) -> int:
        """Return the step of the newest checkpoint; 0 if there is none."""
        if self.mirror_file.exists():  # they are elsewhere; the last word of the driver tells
            return max((int(one.get("saved", 0)) for one in self.attempt_records()), default=0)
        return max(self.checkpoint_steps(), default=0)

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
