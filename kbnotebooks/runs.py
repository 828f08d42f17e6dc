"""The live view of a run: read from its folder alone, so any notebook on any day can find it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import ipywidgets as w
import pandas as pd

from kblib.cluster.replay import Replay
from kblib.cluster.run import Run
from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, RunState, Tail, journal, open_run_folder
from kbnotebooks import _html
from kbnotebooks._attempts import cluster_html, is_batch, recording_html
from kbnotebooks._errors import ViewError
from kbnotebooks._record import RunRecord, phase_in_words
from kbnotebooks._view import View
from kbnotebooks._words import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST_LOOK_S, BUSY_S, IDLE_S, BACK_OFF = 0.5, 2.0, 10.0, 1.25
"""A look each half second at first, each two seconds while lines come, each ten when none come: the
folder may be on Lustre."""
LOG_LINES = 40


class RunView(View):
    """Watch a run: how far it is, how well it learns, what it says, and on a cluster what it took.

    Everything comes from the files of the run. Close the tab, restart the kernel, come back
    tomorrow: the same line shows the same run. In one kernel there is one view a run, however often
    it is asked for.

    Parameters
    ----------
    run
        A `Run`, its name, or its folder.
    read_only
        Whether it is only to be looked at. A run of somebody else always is.

    Attributes
    ----------
    selection
        The name of the run.
    table
        The curve so far (pandas), one row a step.
    """

    _live: ClassVar[dict[Path, RunView]] = {}
    state: RunState | None
    _folder: RunFolder | None
    _lock: threading.Lock

    def __new__(cls, run: Run | str | Path, *, read_only: bool = False) -> RunView:  # noqa: ARG004
        """Return the view that watches this run already, if there is one."""
        found = cls._live.get(_path(run))
        return found if found is not None else super().__new__(cls)

    def __init__(self, run: Run | str | Path, *, read_only: bool = False) -> None:
        if self._live.get(_path(run)) is not self:
            super().__init__()
            self.run: Run | None = None
            self._build()
            self._read_only = read_only
            self._try(lambda: self._attach(run))
        if self._folder is not None:
            self._try(self.look)
            self._watch()

    @property
    def selection(self) -> str:
        """The name of the run; empty if it was not found."""
        return self._folder.name if self._folder is not None else ""

    @property
    def table(self) -> pd.DataFrame:
        """The curve so far, one row a step; the last attempt wins where two did the same step."""
        return self._record.table

    def look(self) -> None:
        """Read what is new. Sets traits and nothing else, so that a thread may call it."""
        with self._lock:
            if self.run is None or self._folder is None or self._tail is None:
                return
            state = self.run.state  # first: what was written before an end is then not missed
            new = self._tail.new()
            for line in new:
                self._record.take(line)
            readings = self._telemetry.new() if self._telemetry is not None else []
            self._readings.update({str(one["node"]): one for one in readings})
            self._changed = bool(new or readings) or _differ(state, self.state)
            self.state = state
            if self._changed:
                self._paint(self._folder, state)

    def stop_watching(self) -> None:
        """End the thread that looks; the run itself goes on."""
        self._enough.set()

    def rest(self) -> None:
        """End the thread that looks, unless the view stands in a cell of its own."""
        if not self._displayed:
            self.stop_watching()

    @classmethod
    def forget(cls, folder: Path) -> None:
        """Have the next view of a run read its folder from the beginning."""
        known = cls._live.pop(folder.resolve(), None)
        if known is not None:
            known.stop_watching()

    def _build(self) -> None:
        self._folder, self.state = None, None
        self._tail: Tail | None = None
        self._telemetry: Tail | None = None
        self._readings: dict[str, dict[str, Any]] = {}
        self._record, self._changed = RunRecord(), False
        self._lock, self._enough = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._head, self._curve, self._numbers = (w.HTML() for _ in range(3))
        self._cluster, self._log = w.HTML(), w.HTML()
        self._stop = w.Button(
            description=say("Stop"),
            tooltip=say("Save a checkpoint and stop the run"),
            disabled=True,
        )
        folded = w.Accordion(
            [self._log], titles=(say("Last lines of the log"),), selected_index=None
        )
        folded.layout.max_width = "46rem"
        self._go_on = w.Button(
            description=say("Go on"),
            tooltip=say("Go on from the newest whole checkpoint"),
            disabled=True,
        )
        buttons = w.HBox([self._stop, self._go_on])
        parts = (self._head, self._curve, self._numbers, buttons, self._cluster)
        self._lay_out(*parts, folded)
        self._on_click(self._stop, self._ask_to_stop)
        self._on_click(self._go_on, self._resume)

    def _attach(self, run: Run | str | Path) -> None:
        if not isinstance(run, Run | str | Path):
            raise ViewError(
                say("RunView got {kind}, which is not a run.", kind=type(run).__name__),
                say("A run, or the name of one, was expected."),
                "kb.RunView(kb.submit(job))",
            )
        self._folder = open_run_folder(_path(run))
        self.run = run if isinstance(run, Run) else Run(self._folder)
        self._tail, self._telemetry = self._folder.tail(), Tail(self._folder.telemetry_file)
        self._read_only |= self._folder.is_foreign
        self._live[_path(run)] = self

    def _watch(self) -> None:
        """Look again and again in a thread, until the run is over."""
        watched = self._thread is not None and self._thread.is_alive()
        watched = watched and not self._enough.is_set()
        if watched or (self.state is not None and self.state.over):
            return
        self._enough = threading.Event()  # one that was told to end may not have ended yet
        self._thread = threading.Thread(
            target=self._loop, args=(self._enough,), name=f"watch {self.selection}", daemon=True
        )
        self._thread.start()

    def _loop(self, enough: threading.Event) -> None:
        pause = FIRST_LOOK_S
        while not enough.wait(pause):
            self._changed = False
            self._try(self.look)
            if self.state is not None and self.state.over:
                return
            pause = min(pause * BACK_OFF, BUSY_S if self._changed else IDLE_S)

    def _ask_to_stop(self) -> None:
        if self.run is not None:
            self.run.cancel()
        self._stop.disabled, self._stop.description = True, say("Stopping")

    def _resume(self) -> None:
        if self.run is not None:
            self.run.resume()
            self.look()
            self._watch()

    def _paint(self, folder: RunFolder, state: RunState) -> None:
        self._head.value = _html.wrap(self._head_html(folder, state))
        self._curve.value = _html.wrap(self._record.curve(state.steps))
        self._numbers.value = _html.wrap(
            self._record.numbers(over=state.over) + newest_sample(folder)
        )
        self._cluster.value = _html.wrap(cluster_html(folder, self._readings))
        self._log.value = _html.wrap(_log_html(folder))
        resumable = state.phase in (Phase.STOPPED, Phase.FAILED)
        self._go_on.disabled = self._read_only or not resumable
        if state.over or self._stop.description == say("Stop"):
            self._stop.disabled = state.over or self._read_only
            self._stop.description = say("Stop")

    def _refresh(self) -> None:
        if self._folder is not None:  # else the message that there is no such run stays
            self._try(self.look)  # the thread may be a look behind the cell that waited for the run
        super()._refresh()

    def _still(self) -> str:
        if self._folder is None or self.state is None:
            return ""
        head = self._head_html(self._folder, self.state)
        numbers = self._record.numbers(over=self.state.over) + newest_sample(self._folder)
        log = _html.details(say("Last lines of the log"), _log_html(self._folder))
        took = cluster_html(self._folder, self._readings)
        return head + self._record.curve(self.state.steps) + numbers + took + log

    def _head_html(self, folder: RunFolder, state: RunState) -> str:
        speed = self.run.speed if isinstance(self.run, Replay) else None
        return recording_html(folder.config(), speed) + self._record.head(
            folder.name, state, batch=is_batch(folder.config())
        )

    def _figure(self) -> Figure:
        batch = self._folder is not None and is_batch(self._folder.config())
        where = phase_in_words(self.state, batch=batch) if self.state is not None else ""
        return self._record.figure(f"{self.selection}: {where}")


def newest_sample(folder: RunFolder) -> str:
    """Return what the model wrote at its last evaluation as HTML; empty if it writes nothing."""
    line = journal.last_lines(folder.samples_file, 1)
    if not line:
        return ""
    sample = json.loads(line)
    said = say("Written by the model at step {step:,}:", step=int(sample["step"]))
    text = f"<q><b>{_html.text(sample['prompt'])}</b>{_html.text(sample['text'])}</q>"
    return f"<p>{_html.text(said)} {text}</p>"


def _log_html(folder: RunFolder) -> str:
    return f"<pre>{_html.text(folder.log(LOG_LINES))}</pre>"


def _differ(new: RunState, old: RunState | None) -> bool:
    """Say whether a state tells more than that the driver lives."""
    return old is None or replace(new, heartbeat=old.heartbeat) != old


def _path(run: Run | str | Path) -> Path:
    """Return the folder of a run, or the name by which it is looked for."""
    if isinstance(run, str | Path):
        try:
            return open_run_folder(run).path
        except RunError:  # the view says so when it attaches
            return Path(run)
    return Path(run.folder if isinstance(run, Run) else type(run).__name__)
