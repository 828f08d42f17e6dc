"""The view of all runs: a table, and beneath it the run that is chosen."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd

from kblib.cluster.run import Run
from kblib.errors import IntegrityError
from kblib.runs import Phase, RunFolder, list_runs
from kblib.runs.recording import is_recording
from kbnotebooks import _html, figures
from kbnotebooks._clicks import LIST, ROOT, row_button
from kbnotebooks._errors import ViewError
from kbnotebooks._record import why_in_words
from kbnotebooks._view import View
from kbnotebooks._words import later, number, say
from kbnotebooks.runs import RunView

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_SHOWN = 50
"""The newest so many are listed: each is looked at, and a shared disk answers slowly."""
UNREADABLE = "unreadable"
_PHASES = {
    Phase.QUEUED.value: later("waits"),
    Phase.RUNNING.value: later("runs"),
    Phase.STOPPED.value: later("stopped"),
    Phase.DONE.value: later("done"),
    Phase.FAILED.value: later("failed"),
    UNREADABLE: later("unreadable"),
}


@dataclass(frozen=True)
class _Line:
    """What the table says of one run."""

    name: str
    phase: str
    site: str
    step: int
    steps: int | None
    heard: float
    why: str
    path: Path


class RunsView(View):
    """See all runs, the newest first, and one of them whole.

    The list is made when the view is, and again at *Look again*: run folders lie on disks that many
    share, and nobody looks through them all the time. The run beneath it is followed as it goes on.

    Parameters
    ----------
    folder
        A folder of runs to look at, such as that of a project; by default one's own. The runs of
        another folder are only looked at, not stopped.

    Attributes
    ----------
    selection
        The name of the run that is shown beneath; may be set. Empty where there is none.
    run_view
        The `RunView` of that run; None where there is none.
    table
        All runs (pandas): name, phase, site, step, steps, heard (UTC), why.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        super().__init__()
        self.folder = None if folder is None else Path(folder).expanduser()
        self.run_view: RunView | None = None
        self._lines: list[_Line] = []
        self._left_out, self._holding = 0, False
        self._list, self._below = w.HTML(), w.VBox()
        self._chosen = w.Dropdown(description=say("Run"), layout=w.Layout(width="30rem"))
        self._chosen.add_class(LIST)
        self._again = w.Button(description=say("Look again"), layout=w.Layout(width="9rem"))
        self._lay_out(self._list, w.HBox([self._chosen, self._again]), self._below)
        self._box.add_class(ROOT)
        self._on(self._chosen, "value", self._show)
        self._on_click(self._again, self.look)
        self._try(self.look)

    @property
    def selection(self) -> str:
        """The name of the run that is shown beneath."""
        return str(self._chosen.value or "")

    @selection.setter
    def selection(self, name: str) -> None:
        self._try(lambda: self._select(name))

    @property
    def table(self) -> pd.DataFrame:
        """All runs that are listed, the newest first."""
        names = ["name", "phase", "site", "step", "steps", "heard", "why"]
        rows = [[getattr(line, name) for name in names] for line in self._lines]
        table = pd.DataFrame(rows, columns=names).astype({"step": "Int64", "steps": "Int64"})
        table["heard"] = pd.to_datetime(table["heard"].astype("float64"), unit="s", utc=True)
        return table

    def look(self) -> None:
        """List the runs anew; the one that is chosen stays."""
        before = self.selection
        self._lines = []
        if self.folder is not None and not self.folder.is_dir():
            raise ViewError(
                say("There is no folder '{path}'.", path=self.folder),
                say("A folder that holds folders of runs was expected."),
                'kb.RunsView("/project/ours/kbnotebooks/runs")',
            )
        found = list_runs(self.folder)
        self._left_out = max(0, len(found) - MOST_SHOWN)
        self._lines = [_line(run) for run in found[:MOST_SHOWN]]
        names = [line.name for line in self._lines]
        self._list.value = _html.wrap(self._list_html(buttons=True))
        self._holding = True
        try:
            self._chosen.options = names
            self._chosen.value = before if before in names else next(iter(names), None)
        finally:
            self._holding = False
        self._show()

    def _show(self) -> None:
        if self._holding:
            return
        shown = self.run_view
        line = next((one for one in self._lines if one.name == self.selection), None)
        if line is None:
            self.run_view, self._below.children = None, ()
            return
        self.run_view = RunView(line.path, read_only=self.folder is not None)
        self._below.children = (self.run_view.widget,)
        if shown is not None and shown is not self.run_view:
            shown.rest()

    def _select(self, name: str) -> None:
        names = [line.name for line in self._lines]
        if name not in names:
            raise ViewError(
                say("There is no run '{name}' in this list.", name=name),
                say("There are: {names}.", names=", ".join(names[:8]) or say("none")),
                "view.look()",
            )
        self._chosen.value = name

    def _list_html(self, *, buttons: bool) -> str:
        if not self._lines:
            where = say("There are no runs here yet: {path}", path=self.folder or say("own runs"))
            return f"<p>{_html.text(where)}</p>"
        columns = (
            _html.Column(say("run")),
            _html.Column(say("phase")),
            _html.Column(say("site")),
            _html.Column(say("step"), numeric=True),
            _html.Column(say("last heard"), numeric=True),
            _html.Column(say("why")),
        )
        now = time.time()
        rows = [
            (row_button(line.name, at) if buttons else line.name, *_cells(line, now))
            for at, line in enumerate(self._lines)
        ]
        more = say("{n:,} older ones are not shown.", n=self._left_out) if self._left_out else ""
        below = f"<p class='kb-quiet'>{_html.text(more)}</p>" if more else ""
        return _html.table(self._caption(), columns, rows) + below

    def _caption(self) -> str:
        if self.folder is None:
            return say("All runs, the newest first")
        return say("Runs in {path}, to look at, the newest first", path=self.folder)

    def _still(self) -> str:
        below = self.run_view._still() if self.run_view is not None else ""
        return self._list_html(buttons=False) + below

    def _figure(self) -> Figure:
        from matplotlib.transforms import Bbox

        heads = [say(one) for one in ("run", "phase", "site", "step", "last heard")]
        now = time.time()
        rows = [[line.name, *map(str, _cells(line, now)[:4])] for line in self._lines]
        fig, axes = figures.canvas(8.0, 0.25 * (len(rows) + 1))
        axes.set_axis_off()
        drawn = axes.table(
            cellText=rows or [[""] * 5], colLabels=heads, cellLoc="left", colLoc="left",
            colWidths=[0.37, 0.11, 0.14, 0.15, 0.23], edges="horizontal", bbox=Bbox.unit(),
        )  # fmt: skip
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(9)
        for (row, _), cell in drawn.get_celld().items():
            cell.set_edgecolor(_html.FAINT)
            cell.PAD = 0.02
            cell.set_text_props(color=_html.QUIET if row == 0 else _html.INK)
        return fig


def _line(run: RunFolder) -> _Line:
    """Look at a run; one that cannot be read is listed too, with the reason."""
    try:
        state, site = Run(run).state, str(run.config().get("site", ""))
        site = say("recording") if is_recording(run) else site
    except IntegrityError as error:
        return _Line(run.name, UNREADABLE, "", 0, None, 0.0, error.happened, run.path)
    return _Line(
        run.name, state.phase.value, site, state.step, state.steps, state.heartbeat, state.why,
        run.path,
    )  # fmt: skip


def _cells(line: _Line, now: float) -> tuple[Any, ...]:
    of = say("{step:,} of {steps:,}", step=line.step, steps=line.steps) if line.steps else None
    return (
        say(_PHASES[line.phase]),
        line.site,
        of or number(line.step),
        _ago(line.heard, now),
        why_in_words(line.why) if line.why else "",
    )


def _ago(heard: float, now: float) -> str:
    """Return how long ago a driver was heard; the day, where that is longer than two."""
    if not heard:
        return ""
    if now - heard > 2 * 24 * 3600:
        return datetime.fromtimestamp(heard, UTC).astimezone().strftime("%Y-%m-%d")
    return say("{time} ago", time=_html.duration(max(0.0, now - heard)))
