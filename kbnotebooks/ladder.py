"""LadderView: one sentence with one blank, answered by all models of a ladder side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd

from kblib.ladder.ladder import Ladder
from kbnotebooks import _html, _ladder_tables
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.ladder.answers import LadderAnswer


ALL_YEARS = ""
"""What the list holds for no decade: of an option that is None it would show nothing."""


class LadderView(View):
    """Ask all models of a ladder which word belongs in a blank; type, choose a decade, ask again.

    Parameters
    ----------
    ladder
        The models: `Ladder.build`.
    text
        A sentence with one ``[MASK]``.
    answer
        The word that stood there; by default the one the source has. It is marked until another
        sentence is typed.
    decade
        One of ``ladder.decades``; by default all years.
    k
        How many words to show of each model.

    Attributes
    ----------
    selection
        Sentence and decade as plain values.
    answer
        What the models answered (`LadderAnswer`); None before the first answer.
    table
        The same as a table (pandas): model, period, rank, word, share, bits, axis, known, true.
    """

    def __init__(
        self,
        ladder: Ladder,
        text: str,
        *,
        answer: str | None = None,
        decade: str | None = None,
        k: int = 6,
    ) -> None:
        super().__init__()
        self.ladder, self.k = ladder, k
        self._asked_first, self._told, self._holding = text, answer, False
        self.answer: LadderAnswer | None = None
        self._text = w.Text(
            text,
            description=say("Sentence"),
            placeholder=say("a sentence with one {mask}", mask="[MASK]"),
            continuous_update=False,  # Enter sends it: a large model need not see each letter
            layout=w.Layout(width="38rem", max_width="70%"),
        )
        self._decade = w.Dropdown(
            description=say("Decade"),
            options=self._offered(decade),
            value=decade or ALL_YEARS,
            layout=w.Layout(width="14rem"),
        )
        self._button = w.Button(description=say("Ask"), tooltip=say("Ask all models"))
        self._button.layout.width = "6rem"
        self._answers = w.HTML()
        self._lay_out(w.HBox([self._text, self._button]), self._decade, self._answers)
        self._on(self._text, "value", self.ask)
        self._on(self._decade, "value", self.ask)
        self._on_click(self._button, self.ask)
        self._try(self.ask)

    @property
    def selection(self) -> dict[str, Any]:
        """The sentence in the field and the decade that is chosen; None for all years."""
        return {"text": str(self._text.value), "decade": self._decade.value or None}

    @selection.setter
    def selection(self, wanted: dict[str, Any]) -> None:
        self._try(lambda: self._select(wanted))

    @property
    def table(self) -> pd.DataFrame:
        """What the models answered: one row a model and word."""
        return self.answer.table if self.answer is not None else pd.DataFrame()

    def ask(self) -> None:
        """Ask all models about the sentence in the field."""
        if self._holding:
            return
        self.answer, self._answers.value = None, ""
        if not isinstance(self.ladder, Ladder):
            raise ViewError(
                say("LadderView got {kind}, which is no ladder.", kind=type(self.ladder).__name__),
                say("A ladder of models was expected."),
                "kb.LadderView(kb.Ladder.build(films), text)",
            )
        text = str(self._text.value)
        said = self._told if text == self._asked_first else None
        self.answer = self.ladder.ask(text, answer=said, decade=self.selection["decade"], k=self.k)
        self._answers.value = _html.wrap(_ladder_tables.html(self.answer))

    def _offered(self, decade: str | None) -> list[tuple[str, str]]:
        """Return the decades to choose from; one that has no models stays, to be told why."""
        known = list(getattr(self.ladder, "decades", ()))
        strange = [decade] if decade and decade not in known else []
        return [(say("all years"), ALL_YEARS), *((name, name) for name in [*known, *strange])]

    def _select(self, wanted: dict[str, Any]) -> None:
        wanted = entries_of(wanted, self.selection)
        self._holding = True  # both fields change, and one question is asked
        try:
            decade = wanted.get("decade", self._decade.value) or ALL_YEARS
            if decade not in [value for _, value in self._decade.options]:
                self._decade.options = self._offered(decade)
            self._decade.value = decade
            self._text.value = wanted.get("text", self._text.value)
        finally:
            self._holding = False
        self.ask()

    def _still(self) -> str:
        text, decade = self._text.value, self._decade.value or say("all years")
        asked = f"<p><strong>{_html.text(text)}</strong> ({_html.text(decade)})</p>"
        return asked + (_ladder_tables.html(self.answer) if self.answer is not None else "")

    def _figure(self) -> Figure:
        return _ladder_tables.draw(self.answer, str(self._text.value))
