"""What all views share: errors shown below themselves, and a still picture in the saved notebook.

A widget lives as long as its kernel. So a view puts two things into the output of its cell: a still
form (plain HTML with alt texts), and the live widget, whose style sheet hides the still form. In a
notebook that is opened tomorrow the widget is gone and the still form is there.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from weakref import WeakSet

import ipywidgets as w

from kblib.errors import KblibError
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._words import later, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STILL_NOTE = later("A still picture, saved with the notebook. Run the cell to make it live.")
_WRITERS = (".html", ".png", ".svg", ".pdf")


class View:
    """Base of all views.

    A subclass makes its widgets, hands them to `_lay_out`, connects them with `_on` and
    `_on_click`, and says in `_still` and `_figure` what it looks like when nothing moves.
    """

    def __init__(self) -> None:
        self._mark = f"kb-still-{uuid4().hex[:8]}"
        self._message = w.HTML()
        self._box = w.VBox()
        self._inputs: list[w.Widget] = []
        self._displayed: dict[str, str] = {}
        self._trying: int | None = None
        self._failed: Callable[[], Any] | None = None
        self.error: Exception | None = None
        self.traceback = ""

    @property
    def widget(self) -> w.Widget:
        """The live widget, to be placed in a layout of one's own."""
        return self._box

    @property
    def html(self) -> str:
        """The view as it is now, as HTML that needs nothing else."""
        return _html.wrap(self._still() + self._message_html())

    def png(self) -> bytes:
        """Return the view as it is now as a PNG picture."""
        return figures.png(self._figure())

    def save(self, path: str | Path) -> Path:
        """Write the view as it is now to a file: .html, .png, .svg or .pdf.

        Raises
        ------
        ViewError
            If the ending is another.
        """
        target = Path(path)
        if target.suffix not in _WRITERS:
            raise ViewError(
                say("A view cannot be saved as '{name}'.", name=target.name),
                say("Known endings: {endings}.", endings=", ".join(_WRITERS)),
                f'view.save("{target.stem or "view"}.png")',
            )
        if target.suffix == ".html":
            target.write_text(_html.page(type(self).__name__, self.html), encoding="utf-8")
        else:
            self._figure().savefig(target, bbox_inches="tight", facecolor="white")
        return target

    def _still(self) -> str:
        """Return what is seen, as HTML."""
        raise NotImplementedError

    def _figure(self) -> Figure:
        """Return what is seen, as a matplotlib figure."""
        raise NotImplementedError

    def _lay_out(self, *widgets: w.Widget) -> None:
        around = f".jp-OutputArea-child:has(> .jp-OutputArea-output .{self._mark})"
        hide = f".{self._mark}, {around} {{display: none}}"
        style = w.HTML(f"<style>{hide}</style>", layout=w.Layout(display="none"))
        self._box.children = (*widgets, self._message, style)

    def _on(self, widget: w.Widget, trait: str, callback: Callable[[], Any]) -> None:
        """Call `callback` when the trait changes; its errors are shown below the view."""
        self._inputs.append(widget)
        widget.observe(lambda _change: self._try(callback), trait)

    def _on_click(self, button: w.Button, callback: Callable[[], Any]) -> None:
        """Call `callback` at a click; its errors are shown below the view."""
        self._inputs.append(button)
        button.on_click(lambda _button: self._try(callback))

    def _try(self, callback: Callable[[], Any]) -> None:
        with self._showing_errors(callback):
            callback()
        self._answer_while_busy()

    def _answer_while_busy(self) -> None:
        """Let the page's messages be answered while a cell is running.

        JupyterLab sends them to a thread of their own (a subshell), but ipykernel 7.4 sends those
        for a widget that last spoke from a cell back to the main thread, where they wait for the
        cell to end: typing and *Stop* would do nothing while ``run.result()`` waits. Where
        ipykernel does not keep that note, this does nothing.
        """
        for widget in self._inputs:
            with suppress(AttributeError):
                del widget.comm._reply_subshell_id

    @contextmanager
    def _showing_errors(self, callback: Callable[[], Any]) -> Iterator[None]:
        """Keep what a callback raises, or what one raises that it set off by changing a widget."""
        first = self._trying != get_ident()
        if first:
            self._trying = get_ident()
            self._forget_error()
        try:
            yield
        except Exception as error:  # noqa: BLE001  nobody else shows what a callback raises
            self.error, self.traceback, self._failed = error, traceback.format_exc(), callback
        else:
            if self._failed == callback:  # it failed on the way, and does no longer
                self._forget_error()
        finally:
            self._trying = None if first else self._trying
        self._message.value = _html.wrap(self._message_html()) if self.error else ""

    def _forget_error(self) -> None:
        self.error, self.traceback, self._failed = None, "", None

    def _message_html(self) -> str:
        if self.error is None:
            return ""
        if isinstance(self.error, KblibError):
            return f'<div class="kb-error" role="alert">{_html.text(str(self.error))}</div>'
        short = f"{type(self.error).__name__}: {self.error}"
        met = say("This view met something it did not expect. {error}", error=short)
        more = say("See all of it: print(view.traceback), with the name you gave this view.")
        return (
            '<div class="kb-error kb-unexpected" role="alert">'
            f"{_html.text(met)}\n  {_html.text(more)}</div>"
        )

    def _repr_html_(self) -> str:
        return self.html

    def _ipython_display_(self) -> None:
        from IPython.display import display

        self._answer_while_busy()
        self._displayed = self._still_output()
        display(self._displayed, raw=True, display_id=self._mark)
        _SHOWN.add(self)
        _refresh_after_cells()
        # Without words for readers that know no widgets: they have the still form.
        display({**self._box._repr_mimebundle_(), "text/plain": ""}, raw=True)

    def _still_output(self) -> dict[str, str]:
        note = f'<p class="kb-quiet">{_html.text(say(STILL_NOTE))}</p>'
        still = _html.wrap(self._still() + self._message_html() + note)
        # Where the kernel is gone, JupyterLab writes an error in the place of the widget.
        after = f".jp-OutputArea-child:has(.{self._mark}) + .jp-OutputArea-child"
        lost = f"<style>{after} > .jupyter-widgets:not(:has(*)) {{display: none}}</style>"
        inner = f'<div class="{self._mark}">{lost}{still}</div>'
        return {"text/html": inner, "text/plain": repr(self)}

    def _refresh(self) -> None:
        """Bring the still form in the notebook up to date with what the widget shows."""
        from IPython.display import update_display

        now = self._still_output()
        if now != self._displayed:
            self._displayed = now
            update_display(now, display_id=self._mark, raw=True)

    def __repr__(self) -> str:
        return say("{name}: a view; in a notebook it is drawn.", name=type(self).__name__)


def entries_of(wanted: Any, names: Collection[str]) -> dict[str, Any]:
    """Return a selection that is a dictionary of some names.

    Raises
    ------
    ViewError
        If it is none, or has another name.
    """
    listed = say("There are: {names}.", names=", ".join(names))
    if not isinstance(wanted, Mapping):
        raise ViewError(
            say("The selection is {given}.", given=repr(wanted)),
            say("A dictionary was expected.") + " " + listed,
        )
    strange = next((name for name in wanted if name not in names), None)
    if strange is not None:
        raise ViewError(say("This view has no '{name}' to select.", name=strange), listed)
    return dict(wanted)


_SHOWN: WeakSet[View] = WeakSet()


def _refresh_all(*_result: object) -> None:
    for view in list(_SHOWN):
        view._refresh()


def _refresh_after_cells() -> None:
    """Have the still forms refreshed after each cell: a saved notebook shows the last state.

    The main thread does it: what a thread displays would be lost with the page.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None and _refresh_all not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _refresh_all)
