"""Run: one carrying-out of a job, found again by name from any notebook on any day."""

from __future__ import annotations

import getpass
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kblib.cluster import gang, mirror, pool_run, remote
from kblib.cluster.attach import client_of
from kblib.cluster.attempts import attempts_table
from kblib.cluster.begin import begin_next
from kblib.cluster.branch import branch_folder
from kblib.cluster.curve import metrics_table
from kblib.cluster.outcome import failure_of, open_result
from kblib.cluster.telemetry import telemetry_table
from kblib.cluster.tls import remove_keys
from kblib.cluster.watch import forget, observed
from kblib.errors import IntegrityError, RunError, told
from kblib.jobs.watchdog import minutes
from kblib.runs import Phase, RunFolder, RunState, Tail, list_runs, open_run_folder
from kblib.runs.budget import refuse_spent
from kblib.runs.event_file import write_events
from kblib.runs.hours import spent_gpu_hours
from kblib.runs.recording import is_recording, played_state, recording_refused

if TYPE_CHECKING:
    from distributed import Client

    from kblib.finetuning.model import FinetunedModel
    from kblib.jobs.batch_result import BatchResult
    from kblib.models.causal import CausalLM
    from kblib.models.masked import MaskedLM

_POLL_S, _LONGEST_POLL_S = 0.2, 3.0
"""Looks become rarer: the run folder may be on a disk that thousands share."""


class Run:
    """A run on disk. Any number of these may look at the same run.

    None of them is needed for it to go on.

    Parameters
    ----------
    folder
        The run folder; `Run.open(name)` finds it.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder

    @classmethod
    def open(cls, name: str | os.PathLike[str]) -> Run:
        """Return the run of a name.

        Raises
        ------
        RunError
            If there is none, with the nearest names.
        """
        return cls(open_run_folder(name))

    @staticmethod
    def all() -> pd.DataFrame:
        """Return all runs, the newest first: name, phase, step, steps, why."""
        rows: list[tuple[Any, ...]] = []
        for folder in list_runs():
            try:
                state = Run(folder).state
            except IntegrityError as error:
                rows.append((folder.name, "unreadable", None, None, error.happened))
                continue
            rows.append((folder.name, state.phase.value, state.step, state.steps, state.why))
        table = pd.DataFrame(rows, columns=["name", "phase", "step", "steps", "why"])
        return table.astype({"step": "Int64", "steps": "Int64"})

    @property
    def name(self) -> str:
        """The name by which the run is opened."""
        return self._folder.name

    @property
    def folder(self) -> Path:
        """Where the run lies."""
        return self._folder.path

    @property
    def state(self) -> RunState:
        """What the run is doing now, as far as an onlooker can know."""
        if self._is_recording:
            return played_state(self._folder)
        if not self._on_a_cluster:
            return self._folder.state()
        unreached = mirror.refresh(self._folder)
        written = self._folder.written_state()
        return unreached.of(written) if unreached else observed(self._folder, written)

    @property
    def _seen(self) -> RunFolder:
        """The run folder; of a run on another machine, as it is there."""
        mirror.refresh(self._folder)
        return self._folder

    @property
    def _on_a_cluster(self) -> bool:
        return "resources" in self.config and not self._is_recording

    @property
    def _is_recording(self) -> bool:
        return is_recording(self._folder)

    @property
    def _is_batch(self) -> bool:
        return "pool" in self.config

    @property
    def config(self) -> dict[str, Any]:
        """What was submitted."""
        return self._folder.config()

    def metrics(self) -> pd.DataFrame:
        """Return one row a step that was trained or evaluated.

        Where attempts overlap the latest counts.
        """
        return metrics_table(self._seen.metrics())

    def attempts(self) -> pd.DataFrame:
        """Return one row a carrying-out: job, nodes, from when to when, GPU-hours, how it ended."""
        return attempts_table(self._seen)

    def events(self) -> list[dict[str, Any]]:
        """Return what happened besides steps.

        Starts, resumptions, checkpoints that were passed over, what was lost beside the ranks.
        """
        return self._seen.events()

    def telemetry(self) -> pd.DataFrame:
        """Return how busy the nodes were, one row a reading of a node.

        Columns: time (Unix seconds), attempt, node, cpu_percent (of all cores), memory_gib,
        memory_total_gib, gpu_memory_gib, gpu_memory_total_gib. Empty for a run without Dask.
        """
        return telemetry_table(self._seen)

    def client(self, timeout_s: float = 10.0) -> Client:
        """Return a Dask client of the nodes that train, for a look at them or work on the side.

        Each node has a worker of one thread, under the node's name and without its GPUs. Close the
        client when it is no longer needed; the run goes on either way.

        Raises
        ------
        RunError
            If the run has no Dask, or none now, or it does not answer.
        MissingPartError
            If Dask is not installed here.
        """
        if mirror.is_mirror(self._folder):
            raise mirror.no_dask_from_here(self._folder)
        return client_of(self._folder, self.state, timeout_s)

    def samples(self) -> pd.DataFrame:
        """Return what a causal model wrote at each evaluation: step, prompt, text."""
        lines = Tail(self._seen.samples_file).new()
        table = pd.DataFrame(lines, columns=["step", "prompt", "text", "attempt"])
        return table.drop_duplicates("step", keep="last").sort_values("step", ignore_index=True)

    def write_tensorboard(self, folder: str | Path | None = None) -> Path:
        """Write the numbers so far for TensorBoard, and return the folder to point it to.

        By default below the run. TensorBoard itself need not be installed here. The file is written
        as a whole: call it again to see more.
        """
        target = self.folder / "tensorboard" if folder is None else Path(folder)
        with self._folder.writing():
            write_events(self._folder.metrics(), target)
        return target

    def gpu_hours(self) -> float:
        """Return the GPU-hours that a site bills so far: of all GPUs held, used or not.

        Where no GPU is held each rank counts as one, and of a batch each worker. A budget is of
        these hours; how many the ranks had of them stands in `attempts` as ``rank_hours``.
        """
        return spent_gpu_hours(self._seen)

    def tail(self) -> Tail:
        """Return a reader of the metrics that gives only what is new since its last call."""
        return self._folder.tail()

    def log(self, n: int = 40) -> str:
        """Return the last `n` lines of the log."""
        return self._seen.log(n)

    def wait(self, timeout_s: float | None = None) -> Run:
        """Wait until the run is over, or until the time is up.

        Raises
        ------
        RunError
            If it fails, or is not over in time; then it goes on.
        """
        end = None if timeout_s is None else time.monotonic() + timeout_s
        pause = _POLL_S
        while not self.state.over:
            if end is not None and time.monotonic() > end:
                raise RunError(
                    f"Run '{self.name}' is not over after {timeout_s:g} s.",
                    f"It goes on: {self!r}.",
                    f"Wait longer, or come back: kb.Run.open('{self.name}').wait()",
                )
            time.sleep(pause)
            pause = min(pause * 1.1, _LONGEST_POLL_S)
        if self.state.phase is Phase.FAILED:
            raise self.failure()
        return self

    def cancel(self) -> Run:
        """Ask the run to write a checkpoint and stop; return at once.

        `resume` or an equal submit goes on from there.

        Raises
        ------
        RunError
            If it is somebody else's.
        SiteError
            If it is on another machine, which is not reached: then nobody was asked.
        """
        self._refuse_if_foreign("stop it")
        state = self.state
        if state.over:
            return self
        if mirror.is_mirror(self._folder):
            remote.cancel(self._folder)
            return self
        with self._folder.writing():
            self._stop(state)
        return self

    def _stop(self, state: RunState) -> None:
        self._folder.ask_to_stop(_user())
        if self._on_a_cluster:
            gang.drop_waiting(self._folder)
            forget(self._folder)
            if state.phase is Phase.QUEUED and not gang.slurm_of(self._folder).queue(self.name):
                # No driver is there to say so.
                why = f"Stopped on request of {_user()} while it waited."
                remove_keys(self._folder)
                self._folder.write_state(replace(state, phase=Phase.STOPPED, why=why))

    def _refuse_if_foreign(self, what: str) -> None:
        if self._folder.is_foreign:
            raise RunError(
                f"Run '{self.name}' belongs to {self._folder.owner}, who lets you look at it.",
                f"Only its owner can {what}.",
                f"Ask {self._folder.owner}, or submit the job yourself: kb.submit(job, fresh=True)",
            )

    def resume(
        self, *, budget_gpu_hours: float | None = None, hang_min: float | None = None
    ) -> Run:
        """Go on from the newest whole checkpoint.

        A run that is under way or done is left as it is.

        Parameters
        ----------
        budget_gpu_hours
            A new limit in the place of the old; earlier attempts count.
        hang_min
            A new one as well: minutes without a step, or for one shard of a batch.

        Raises
        ------
        JobError
            If a limit is no number above 0.
        RunError
            If its budget is used up, or it is somebody else's.
        """
        self._refuse_if_foreign("let it go on")
        if budget_gpu_hours is not None:
            remote.allow(self._folder, budget_gpu_hours)
        if hang_min is not None:
            self._folder.ask_for({"hang_min": minutes(hang_min)})
        if self.state.phase in (Phase.STOPPED, Phase.FAILED):
            self.begin()
        return self

    def begin(self) -> None:
        """Start the next attempt; `submit` and `resume` call it."""
        if self._is_recording:
            raise recording_refused(self._folder)
        self._refuse_if_foreign("let it go on")
        refuse_spent(self._folder)
        with self._folder.writing():
            begin_next(self._folder)
        forget(self._folder)

    def branch(self, *, step: int | None = None, **changes: Any) -> Run:
        """Start a run that goes on from a checkpoint of this one, and return it at once.

        It has the weights, the optimiser's state, the place in the data and the curve up to there.
        The same branch asked for again is the same run.

        Parameters
        ----------
        step
            A step that has a checkpoint; by default the newest.
        **changes
            Fields of the job that are other from there on: ``learning_rate=1e-4``, ``replay=old``.

        Raises
        ------
        JobError
            If a change does not fit the checkpoint, or the job ends before it.
        RunError
            If there is no such checkpoint.
        """
        new = Run(branch_folder(self._folder, step, changes))
        state = new.state
        if state.attempt == 0 and state.phase is Phase.QUEUED:
            new.begin()
        return new.resume()

    def result(
        self, timeout_s: float | None = None
    ) -> MaskedLM | CausalLM | FinetunedModel | BatchResult:
        """Wait for the end and open the model that was trained, or the tables of a batch.

        Raises
        ------
        RunError
            If the run failed, or was stopped before its end.
        """
        self.wait(timeout_s)
        return open_result(self._folder, self.state)

    def failed_shards(self) -> pd.DataFrame:
        """Return one row a shard of a batch that failed: shard, item, error, trace."""
        if mirror.is_mirror(self._folder):
            remote.fetch_failures(self._folder)
        return pool_run.failed_shards(self._folder)

    def failure(self) -> RunError:
        """Return the error that says why the run failed, with the last lines of its log."""
        return failure_of(self._folder, self.state)

    def __repr__(self) -> str:
        state = self.state
        phase = state.phase.value
        said = f"Run '{self.name}': {phase}, step {state.step}"
        if state.steps and self._is_batch:
            said = f"Run '{self.name}': {phase}, {state.step} of {state.steps} shards"
        elif state.steps:
            said = f"Run '{self.name}': {phase}, step {state.step} of {state.steps}"
        return told(said) + (f" ({told(state.why)})" if state.why else "")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user need not have a name
        return f"user {os.getuid()}"
