"""The live view of a run: read from its folder alone, so any notebook on any day can find it."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import ipywidgets as w
import pandas as pd

from kblib.errors import RunError
from kblib.runs import RunFolder, RunState, Tail, open_run_folder
from kbnotebooks import _html
from kbnotebooks._record import RunRecord, phase_in_words
from kbnotebooks._view import View
from kbnotebooks._words import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.cluster.run import Run

FIRST_LOOK_S, BUSY_S, IDLE_S, BACK_OFF = 0.5, 2.0, 10.0, 1.25
"""A look each half second at first, each two seconds while lines come, each ten when none come: the
folder may be on Lustre."""
LOG_LINES = 40


class RunView(View):
    """Watch a run: how far it is, how well it learns, what it says.

    Everything comes from the files of the run. Close the tab, restart the kernel, come back
    tomorrow: the same line shows the same run. In one kernel there is one view a run, however often
    it is asked for.

    Parameters
    ----------
    run
        A `Run`, its name, or its folder.

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

    def __new__(cls, run: Run | str | Path) -> RunView:
        """Return the view that watches this run already, if there is one."""
        found = cls._live.get(_path(run))
        return found if found is not None else super().__new__(cls)

    def __init__(self, run: Run | str | Path) -> None:
        if self._live.get(_path(run)) is not self:
            super().__init__()
            self._build()
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
            if self._folder is None or self._tail is None:
                return
            new, state = self._tail.new(), self._folder.state()
            for line in new:
                self._record.take(line)
            self._changed = bool(new) or _differ(state, self.state)
            self.state = state
            if self._changed:
                self._paint(self._folder, state)

    def stop_watching(self) -> None:
        """End the thread that looks; the run itself goes on."""
        self._enough.set()

    def _build(self) -> None:
        self._folder, self.state = None, None
        self._tail: Tail | None = None
        self._record, self._changed = RunRecord(), False
        self._lock, self._enough = threading.Lock(), threading.Event()
        self._thread: threading.Thread | None = None
        self._head, self._curve, self._numbers, self._log = (w.HTML() for _ in range(4))
        self._stop = w.Button(
            description=say("Stop"),
            tooltip=say("Save a checkpoint and stop the run"),
            disabled=True,
        )
        folded = w.Accordion(
            [self._log], titles=(say("Last lines of the log"),), selected_index=None
        )
        folded.layout.max_width = "46rem"
        self._lay_out(self._head, self._curve, self._numbers, self._stop, folded)
        self._on_click(self._stop, self._ask_to_stop)

    def _attach(self, run: Run | str | Path) -> None:
        self._folder = open_run_folder(_path(run))
        self._tail = self._folder.tail()
        self._live[_path(run)] = self

    def _watch(self) -> None:
        """Look again and again in a thread, until the run is over."""
        watched = self._thread is not None and self._thread.is_alive()
        if watched or (self.state is not None and self.state.over):
            return
        self._enough.clear()
        name = f"watch {self.selection}"
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        pause = FIRST_LOOK_S
        while not self._enough.wait(pause):
            self._changed = False
            self._try(self.look)
            if self.state is not None and self.state.over:
                return
            pause = min(pause * BACK_OFF, BUSY_S if self._changed else IDLE_S)

    def _ask_to_stop(self) -> None:
        from kblib.cluster.run import Run

        Run.open(self.selection).cancel()
        self._stop.disabled, self._stop.description = True, say("Stopping")

    def _paint(self, folder: RunFolder, state: RunState) -> None:
        self._head.value = _html.wrap(self._record.head(folder.name, state))
        self._curve.value = _html.wrap(self._record.curve(state.steps))
        self._numbers.value = _html.wrap(self._record.numbers(over=state.over))
        self._log.value = _html.wrap(_log_html(folder))
        if state.over or self._stop.description == say("Stop"):
            self._stop.disabled, self._stop.description = state.over, say("Stop")

    def _refresh(self) -> None:
        self._try(self.look)  # the thread may be a look behind the cell that waited for the run
        super()._refresh()

    def _still(self) -> str:
        if self._folder is None or self.state is None:
            return ""
        head = self._record.head(self._folder.name, self.state)
        numbers = self._record.numbers(over=self.state.over)
        log = _html.details(say("Last lines of the log"), _log_html(self._folder))
        return head + self._record.curve(self.state.steps) + numbers + log

    def _figure(self) -> Figure:
        where = phase_in_words(self.state) if self.state is not None else ""
        return self._record.figure(f"{self.selection}: {where}")


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
    return Path(run.folder)
