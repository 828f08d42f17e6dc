"""What all views share: errors below themselves, a still form beside the live one, files."""

from __future__ import annotations

from pathlib import Path

import ipywidgets as w
import pytest

from kblib.errors import CorpusError
from kbnotebooks._errors import ViewError
from kbnotebooks._view import STILL_NOTE, View, _refresh_all, entries_of


class Halver(View):
    """Halves a number; refuses odd ones on purpose and words by accident."""

    def __init__(self, number: str = "4") -> None:
        super().__init__()
        self.field, self.result = w.Text(number), w.HTML()
        self.button = w.Button()
        self._lay_out(self.field, self.result, self.button)
        self._on(self.field, "value", self.halve)
        self._on_click(self.button, self.halve)
        self._try(self.halve)

    def halve(self) -> None:
        number = int(self.field.value)
        if number % 2:
            raise CorpusError(f"{number} is odd.", "An even number was expected.", "Try <4>.")
        self.result.value = str(number // 2)

    def _still(self) -> str:
        return f"<p>Half is {self.result.value}</p>"

    def _figure(self):
        from matplotlib.figure import Figure

        fig = Figure(figsize=(2, 1))
        fig.text(0.5, 0.5, self.result.value)
        return fig


def message(view: View) -> str:
    return view.widget.children[-2].value


def test_error_of_ours_is_a_sentence_below_the_view():
    view = Halver()
    view.field.value = "5"
    assert "5 is odd. An even number was expected." in message(view)
    assert "Try &lt;4&gt;." in message(view)
    assert 'role="alert"' in message(view)
    assert "Traceback" not in message(view)


def test_message_goes_away_when_all_is_well_again():
    view = Halver()
    view.field.value = "5"
    view.field.value = "6"
    assert message(view) == ""
    assert view.error is None
    assert view.result.value == "3"


def test_unexpected_error_is_short_and_says_how_to_see_more():
    view = Halver()
    view.field.value = "four"
    assert "ValueError: invalid literal" in message(view)
    assert "print(view.traceback)" in message(view)
    assert "in halve" in view.traceback


def test_error_of_a_click_is_shown():
    view = Halver()
    view.field.value = "5"
    view.field.value = "8"
    view.halve = None
    view.button.click()
    assert view.result.value == "4"
    broken = Halver()
    broken._on_click(broken.button, lambda: 1 / 0)
    broken.button.click()
    assert "ZeroDivisionError" in message(broken)


def test_error_at_the_start_is_shown_not_raised():
    view = Halver("7")
    assert isinstance(view.error, CorpusError)
    assert "7 is odd." in view.html


def test_unknown_keyword_is_refused():
    with pytest.raises(TypeError, match="numbr"):
        Halver(numbr="4")


class Page:
    """What a notebook page gets to see of a view."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shown: list[dict[str, str]] = []
        self.updated: list[dict[str, str]] = []
        monkeypatch.setattr("IPython.display.display", lambda what, **_: self.shown.append(what))
        monkeypatch.setattr(
            "IPython.display.update_display", lambda what, **_: self.updated.append(what)
        )


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(monkeypatch)


def test_cell_output_has_still_form_first_then_widget(page: Page):
    view = Halver()
    view._ipython_display_()
    still, live = page.shown
    assert "Half is 2" in still["text/html"]
    assert STILL_NOTE in still["text/html"]
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"] == view.widget.model_id
    assert live["text/plain"] == ""


def test_still_form_follows_the_widget_after_a_cell(page: Page):
    view = Halver()
    view._ipython_display_()
    _refresh_all()
    assert page.updated == []
    view.field.value = "8"
    _refresh_all()
    _refresh_all()
    (updated,) = page.updated
    assert "Half is 4" in updated["text/html"]


def test_live_widget_hides_its_own_still_form_and_no_other():
    view, other = Halver(), Halver()
    style = view.widget.children[-1].value
    assert f".{view._mark}" in style
    assert other._mark not in style


@pytest.mark.parametrize(
    ("ending", "start"), [("png", b"\x89PNG"), ("html", b"<!doctype"), ("pdf", b"%PDF")]
)
def test_save_writes_what_the_ending_says(tmp_path: Path, ending: str, start: bytes):
    path = Halver().save(tmp_path / f"view.{ending}")
    assert path.read_bytes().startswith(start)


def test_save_refuses_unknown_ending(tmp_path: Path):
    with pytest.raises(ViewError, match=r"cannot be saved as 'view.docx'.*\.png"):
        Halver().save(tmp_path / "view.docx")


class Chosen(Halver):
    """Has its number set by code, which sets off the field's own callback."""

    @property
    def selection(self) -> dict[str, str]:
        return {"number": self.field.value}

    @selection.setter
    def selection(self, wanted: dict[str, str]) -> None:
        self._try(lambda: self._select(**entries_of(wanted, ["number", "then"])))

    def _select(self, number: str, then: str | None = None) -> None:
        self.field.value = number
        if then is not None:
            self.field.value = then


def test_error_of_a_callback_set_off_by_another_is_still_shown():
    view = Chosen()
    view.selection = {"number": "5"}
    assert "5 is odd." in str(view.error)
    assert "5 is odd." in view._message.value
    view.selection = {"number": "6"}
    assert view.error is None
    assert view._message.value == ""


def test_error_on_the_way_is_gone_when_the_end_is_good():
    view = Chosen()
    view.selection = {"number": "5", "then": "8"}
    assert view.error is None
    assert view._message.value == ""


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (None, "The selection is None. A dictionary was expected. There are: number, then."),
        ({"text": "5"}, "This view has no 'text' to select. There are: number, then."),
    ],
)
def test_selection_that_is_none_is_refused_in_plain_words(wanted, said):
    view = Chosen()
    view.selection = wanted
    assert str(view.error) == said
