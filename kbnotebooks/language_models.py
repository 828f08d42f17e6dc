"""Views of language models: what a masked model would put in the blank of a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kblib.models.years import About, period_warning
from kbnotebooks import _html
from kbnotebooks._errors import ViewError
from kbnotebooks._guesses import MASK, Guesses, ask, draw, real_word
from kbnotebooks._sentence import AskingView, opened_models, warnings_html
from kbnotebooks._words import heard, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.models.masked import MaskedLM
    from kbnotebooks._sentence import Given, Several


class FillMaskView(AskingView):
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
    about
        The year or years the sentence is about: a model that has read others is warned of.

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
        model: Given | None = None,
        models: Several = None,
        k: int = 8,
        answer: str | None = None,
        about: About | None = None,
    ) -> None:
        super().__init__(
            text,
            button=say("Fill"),
            tooltip=say("Ask the model"),
            placeholder=say("a sentence with one {mask}", mask=MASK),
        )
        self.k, self.answer, self.about, self._asked_first = k, answer, about, text
        self._wanted = (model, models)
        self._models: dict[str, MaskedLM] = {}
        self.guesses: list[Guesses] = []
        self.warnings: list[str] = []
        self._answers.add_class("kb-fill-answers")
        self._try(self.ask)

    @property
    def table(self) -> pd.DataFrame:
        """What the models answered: model, word, probability."""
        columns = ["model", "word", "probability"]
        parts = [guess.table.assign(model=guess.model)[columns] for guess in self.guesses]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def _forget(self) -> None:
        self.guesses, self.warnings = [], []

    def _read(self, text: str) -> None:
        _check_k(self.k)
        if not self._models:
            self._models = opened_models("FillMaskView", *self._wanted)
        asked, real = self._models.items(), self._real_word
        self.guesses = [ask(name, model, text, k=self.k, real=real) for name, model in asked]
        warnings = [period_warning(model, self.about) for model in self._models.values()]
        self.warnings = [heard(one) for one in warnings if one]

    @property
    def _real_word(self) -> str:
        """The real word, as long as the first sentence stands in the field."""
        first = self._asked_first
        return real_word(first, self.answer) if self.selection == first else ""

    def _answer_html(self) -> str:
        largest = max((guess.largest for guess in self.guesses), default=1.0)
        sides = "".join(f"<div>{guess.html(largest)}</div>" for guess in self.guesses)
        beneath = self._real_sentence() + warnings_html(self.warnings)
        return f'<div class="kb-side">{sides}</div>{beneath}'

    def _real_sentence(self) -> str:
        if not self.answer or self.selection != self._asked_first:
            return ""
        word = self._real_word
        sentence = _html.text(self._asked_first.replace(MASK, word) if word else self.answer)
        told = [f"{guess.model}: {guess.real}" for guess in self.guesses if guess.real]
        notes = "".join(f"<br>{_html.text(one)}" for one in told)
        return f"<p><strong>{_html.text(say('The real sentence:'))}</strong> {sentence}{notes}</p>"

    def _figure(self) -> Figure:
        return draw(self.selection, self.guesses)


def _check_k(k: object) -> None:
    if type(k) is not int or k < 1:
        raise ViewError(
            say("k is {given}.", given=repr(k)),
            say("It is how many words to show, from 1 on."),
            "k=8",
        )
