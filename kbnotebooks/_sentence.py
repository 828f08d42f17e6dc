"""What views that read a sentence share: a field, a button, models opened when first asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w

from kbnotebooks import _html
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import say

if TYPE_CHECKING:
    from kblib.models.masked import MaskedLM

    Given = str | Path | MaskedLM
    Several = Sequence[Given] | Mapping[str, Given] | None

DEFAULT_MODEL = "kb-mini-masked"


class SentenceView(View):
    """Base of views with a sentence to type in.

    A subclass says in `_read` what it does with the sentence, and in `_answer_html` what is shown.
    """

    def __init__(self, text: str, *, button: str, tooltip: str, placeholder: str) -> None:
        super().__init__()
        self._given = text
        self._text = w.Text(
            text if isinstance(text, str) else "",
            description=say("Sentence"),
            placeholder=placeholder,
            continuous_update=False,  # Enter sends it: a large model need not see each letter
            layout=w.Layout(width="42rem", max_width="80%"),
        )
        self._button = w.Button(description=button, tooltip=tooltip)
        self._button.layout.width = "6rem"
        self._answers = w.HTML()
        self._lay_out(w.HBox([self._text, self._button]), self._answers)
        self._on(self._text, "value", self.ask)
        self._on_click(self._button, self.ask)

    @property
    def sentence(self) -> str:
        """The sentence that stands in the field."""
        return str(self._text.value)

    def ask(self) -> None:
        """Read the sentence in the field."""
        self._answers.value = ""
        self._forget()
        given, self._given = self._given, self.sentence  # the first is told once
        if not isinstance(given, str):
            raise ViewError(
                say("The sentence is {given}.", given=repr(given)), say("A sentence was expected.")
            )
        self._read(self.sentence)
        self._answers.value = _html.wrap(self._answer_html())

    def _forget(self) -> None:
        """Forget the answers to another sentence, so that none is shown beside an error."""
        raise NotImplementedError

    def _read(self, text: str) -> None:
        raise NotImplementedError

    def _answer_html(self) -> str:
        raise NotImplementedError

    def _still(self) -> str:
        asked = (
            f"<p><strong>{_html.text(say('Sentence'))}:</strong> {_html.text(self.sentence)}</p>"
        )
        return asked + self._answer_html()


class AskingView(SentenceView):
    """A view of a sentence whose selection is the sentence itself."""

    @property
    def selection(self) -> str:
        """The sentence that stands in the field."""
        return self.sentence

    @selection.setter
    def selection(self, text: str) -> None:
        self._try(lambda: self._type(text))

    def _type(self, text: object) -> None:
        if not isinstance(text, str):
            raise ViewError(
                say("The selection is {given}.", given=repr(text)), say("A sentence was expected.")
            )
        self._text.value = text


def opened_models(view: str, model: Given | None, models: Several) -> dict[str, MaskedLM]:
    """Open what a view was given, by name; equal names are numbered.

    Raises
    ------
    ViewError
        If both are given, or `models` is no list of models.
    """
    if model is not None and models is not None:
        raise ViewError(
            say("{view} got both model= and models=.", view=view),
            say("One of them says it all."),
            "models=[...]",
        )
    if isinstance(models, str) or (models is not None and not models):
        raise ViewError(
            say("models is {given}.", given=repr(models)),
            say("A list of models was expected."),
            f'models=["{DEFAULT_MODEL}"]',
        )
    given = models if models is not None else [model or DEFAULT_MODEL]
    pairs = list(given.items()) if isinstance(given, Mapping) else [("", one) for one in given]
    found: dict[str, MaskedLM] = {}
    for name, one in pairs:
        opened = _open(one) if isinstance(one, str | Path) else one
        shown = name or opened.name
        same = sum(known == shown or known.startswith(f"{shown} (") for known in found)
        found[f"{shown} ({same + 1})" if same else shown] = opened
    return found


def warnings_html(warnings: Sequence[str]) -> str:
    """Return what a reader has to know, as a list."""
    if not warnings:
        return ""
    items = "".join(f"<li>{_html.text(one)}</li>" for one in dict.fromkeys(warnings))
    return f'<ul class="kb-warnings" role="note">{items}</ul>'


def _open(model: str | Path) -> MaskedLM:
    from kblib.models.masked import MaskedLM

    return MaskedLM.open(model)
