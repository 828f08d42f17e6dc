"""Views of language models: what a masked model would put in the blank of a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w
import pandas as pd

from kbnotebooks import _html
from kbnotebooks._errors import ViewError
from kbnotebooks._guesses import MASK, Guesses, ask, draw, real_word
from kbnotebooks._view import View
from kbnotebooks._words import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.models.masked import MaskedLM

DEFAULT_MODEL = "kb-mini-masked"


class FillMaskView(View):
    """Ask masked language models which word belongs in a blank; type, and ask again.

    Parameters
    ----------
    text
        A sentence with one ``[MASK]``.
    model
        The name of a model, a model folder, or an opened `MaskedLM`.
    models
        Several of these instead, to be compared side by side; a dictionary gives them names of your
        own.
    k
        How many words to show.
    answer
        The word that stood there, or the whole real sentence; it is shown beneath until another
        sentence is typed.

    Attributes
    ----------
    selection
        The sentence that was asked last.
    table
        What the models answered (pandas): model, word, probability.
    """

    def __init__(
        self,
        text: str,
        *,
        model: str | MaskedLM | None = None,
        models: Sequence[str | MaskedLM] | Mapping[str, str | MaskedLM] | None = None,
        k: int = 8,
        answer: str | None = None,
    ) -> None:
        super().__init__()
        self.k, self.answer, self._asked_first = k, answer, text
        self._wanted = (model, models)
        self._models: dict[str, MaskedLM] = {}
        self.guesses: list[Guesses] = []
        self._text = w.Text(
            text,
            description=say("Sentence"),
            placeholder=say("a sentence with one {mask}", mask=MASK),
            continuous_update=False,  # Enter sends it: a large model need not see each letter
            layout=w.Layout(width="42rem", max_width="80%"),
        )
        self._button = w.Button(description=say("Fill"), tooltip=say("Ask the model"))
        self._button.layout.width = "6rem"
        self._answers = w.HTML()
        self._answers.add_class("kb-fill-answers")
        self._lay_out(w.HBox([self._text, self._button]), self._answers)
        self._on(self._text, "value", self.fill)
        self._on_click(self._button, self.fill)
        self._try(self.fill)

    @property
    def selection(self) -> str:
        """The sentence that stands in the field."""
        return str(self._text.value)

    @selection.setter
    def selection(self, text: str) -> None:
        self._text.value = text

    @property
    def table(self) -> pd.DataFrame:
        """What the models answered: model, word, probability."""
        columns = ["model", "word", "probability"]
        parts = [guess.table.assign(model=guess.model)[columns] for guess in self.guesses]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def fill(self) -> None:
        """Ask the models about the sentence in the field."""
        self.guesses, self._answers.value = [], ""
        if not self._models:
            self._models = _opened(*_checked(*self._wanted, k=self.k))
        text, real = self.selection, self._real_word
        asked = self._models.items()
        self.guesses = [ask(name, model, text, k=self.k, real=real) for name, model in asked]
        self._answers.value = _html.wrap(self._tables())

    @property
    def _real_word(self) -> str:
        """The real word, as long as the first sentence stands in the field."""
        first = self._asked_first
        return real_word(first, self.answer) if self.selection == first else ""

    def _tables(self) -> str:
        largest = max((guess.largest for guess in self.guesses), default=1.0)
        sides = "".join(f"<div>{guess.html(largest)}</div>" for guess in self.guesses)
        return f'<div class="kb-side">{sides}</div>{self._real_sentence()}'

    def _real_sentence(self) -> str:
        if not self.answer or self.selection != self._asked_first:
            return ""
        word = self._real_word
        sentence = _html.text(self._asked_first.replace(MASK, word) if word else self.answer)
        told = [f"{guess.model}: {guess.real}" for guess in self.guesses if guess.real]
        notes = "".join(f"<br>{_html.text(one)}" for one in told)
        return f"<p><strong>{_html.text(say('The real sentence:'))}</strong> {sentence}{notes}</p>"

    def _still(self) -> str:
        asked = f"<strong>{_html.text(say('Sentence'))}:</strong> {_html.text(self.selection)}"
        return f"<p>{asked}</p>{self._tables()}"

    def _figure(self) -> Figure:
        return draw(self.selection, self.guesses)


def _checked(
    model: str | MaskedLM | None,
    models: Sequence[str | MaskedLM] | Mapping[str, str | MaskedLM] | None,
    *,
    k: int,
) -> tuple[list[str], list[str | MaskedLM]]:
    """Return names (empty where the model's own will do) and models, or refuse what is asked."""
    if model is not None and models is not None:
        raise ViewError(
            say("FillMaskView got both model= and models=."),
            say("One of them says it all."),
            "models=[...]",
        )
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ViewError(
            say("k is {given}.", given=repr(k)),
            say("It is how many words to show, from 1 on."),
            "k=8",
        )
    if isinstance(models, str) or (models is not None and not models):
        raise ViewError(
            say("models is {given}.", given=repr(models)),
            say("A list of models was expected."),
            f'models=["{DEFAULT_MODEL}"]',
        )
    if isinstance(models, Mapping):
        return list(models), list(models.values())
    asked = list(models) if models is not None else [model or DEFAULT_MODEL]
    return [""] * len(asked), asked


def _opened(names: Sequence[str], models: Sequence[str | MaskedLM]) -> dict[str, MaskedLM]:
    """Open what is given by name; two models of one name are told apart by a number."""
    found: dict[str, MaskedLM] = {}
    for name, model in zip(names, models, strict=True):
        opened = _open(model) if isinstance(model, str | Path) else model
        shown = name or opened.name
        same = sum(known == shown or known.startswith(f"{shown} (") for known in found)
        found[f"{shown} ({same + 1})" if same else shown] = opened
    return found


def _open(model: str | Path) -> MaskedLM:
    from kblib.models.masked import MaskedLM

    return MaskedLM.open(model)
