"""The view of the next word: what could follow a text, and a text written by choosing."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as w
import pandas as pd

from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.models.causal import CausalLM
    from kblib.models.next_words import NextWord, NextWords

DEFAULT_MODEL = "kb-mini-causal"
MOST_WORDS = 30
END = later("(the text ends)")


class NextWordView(View):
    """See which words a causal model expects next; a click on one adds it to the text.

    Parameters
    ----------
    text
        What stands before.
    model
        The name of a model, a model folder, or an opened `CausalLM`.
    k
        How many words to show.

    Attributes
    ----------
    selection
        The text, with all words that were chosen; may be set.
    table
        The words: rank, word, probability, kind (pandas).
    """

    def __init__(
        self, text: str = "", *, model: str | Path | CausalLM | None = None, k: int = 10
    ) -> None:
        super().__init__()
        self.k = k
        self.next_words: NextWords | None = None
        self._wanted = model
        self._model: CausalLM | None = None
        self._before: list[str] = []
        self._given = text
        shown = text if isinstance(text, str) else ""
        self._text = w.Text(shown, description=say("Text"), continuous_update=False,
                            placeholder=say("empty: the first word of a text"),
                            layout=w.Layout(width="42rem", max_width="80%"))  # fmt: skip
        self._back = w.Button(description=say("Take back"), tooltip=say("The last word you chose"))
        self._back.layout.width = "8rem"
        n = k if isinstance(k, int) and 1 <= k <= MOST_WORDS else 0
        self._rows = [_row() for _ in range(n)]
        self._rest = w.HTML()
        head = w.HBox([self._text, self._back])
        self._lay_out(head, *(w.HBox(row) for row in self._rows), self._rest)
        self._on(self._text, "value", self.ask)
        self._on_click(self._back, self._take_back)
        for place, (button, _) in enumerate(self._rows):
            self._on_click(button, partial(self.choose, place))
        self._try(self.ask)

    @property
    def selection(self) -> str:
        """The text, with all words that were chosen."""
        return str(self._text.value)

    @selection.setter
    def selection(self, text: str) -> None:
        self._try(lambda: self._type(text))

    @property
    def table(self) -> pd.DataFrame:
        """The words: rank, word, probability, kind."""
        if self.next_words is None:
            return pd.DataFrame(columns=["rank", "word", "probability", "kind"])
        return self.next_words.table

    def ask(self) -> None:
        """Ask the model what could follow the text in the field."""
        self.next_words, self._rest.value = None, ""
        for button, shown in self._rows:
            button.layout.display, shown.value = "none", ""
        if not self._rows:
            raise ViewError(
                say("k is {given}.", given=repr(self.k)),
                say("It is how many words to show, from 1 to {n}.", n=MOST_WORDS),
                "k=10",
            )
        given, self._given = self._given, self.selection  # the first is told once
        self._check(given)
        self.next_words = self._opened().next_words(self.selection, k=self.k)
        self._back.disabled = not self._before
        self._show(self.next_words.words)

    def choose(self, place: int) -> None:
        """Add a word to the text, as a click on it does; 0 is the likeliest."""
        if self.next_words is None or not 0 <= place < len(self.next_words.words):
            raise ViewError(
                say("There is no word number {n}.", n=place), say("The first has number 0.")
            )
        word = self.next_words.words[place]
        if word.kind == "end":
            return
        self._before.append(self.selection)
        self._text.value = self.selection.rstrip(" ") + (
            word.append if self.selection.strip() else word.append.lstrip()
        )

    def _take_back(self) -> None:
        if self._before:
            self._text.value = self._before.pop()

    def _type(self, text: str) -> None:
        self._check(text)
        self._text.value = text

    def _check(self, text: object) -> None:
        if not isinstance(text, str):
            raise ViewError(
                say("The text is {given}.", given=repr(text)), say("A text was expected.")
            )

    def _opened(self) -> CausalLM:
        from kblib.models.causal import CausalLM

        if self._model is None:
            wanted = self._wanted or DEFAULT_MODEL
            self._model = CausalLM.open(wanted) if isinstance(wanted, str | Path) else wanted
        return self._model

    def _show(self, words: tuple[NextWord, ...]) -> None:
        largest = words[0].probability if words else 1.0
        for (button, shown), word in zip(self._rows, words, strict=False):
            button.description, button.disabled = _name(word), word.kind == "end"
            button.layout.display = ""
            share = _html.percent(word.probability)
            bar = _html.bar(word.probability / largest).html
            shown.value = _html.wrap(
                f'<span class="kb-track" style="display:inline-block">{bar}</span> {share}'
            )
        self._rest.value = _html.wrap(f'<p class="kb-quiet">{_html.text(self._note())}</p>')

    def _note(self) -> str:
        rest = 1 - float(self.table["probability"].sum())
        return say(
            "All other ways to go on: {rest}. A word that begins with - goes on with the last one.",
            rest=_html.percent(max(rest, 0.0)),
        )

    def _still(self) -> str:
        asked = f"<strong>{_html.text(say('Text'))}:</strong> {_html.text(self.selection)}"
        if self.next_words is None:
            return f"<p>{asked}</p>"
        words = self.next_words.words
        columns = (
            _html.Column(say("word")),
            _html.Column(say("probability"), numeric=True),
            _html.Column(say("as a bar"), css="kb-track"),
        )
        largest = words[0].probability if words else 1.0
        rows = [
            (_name(one), _html.percent(one.probability), _html.bar(one.probability / largest))
            for one in words
        ]
        table = _html.table(say("What could follow"), columns, rows)
        return f'<p>{asked}</p>{table}<p class="kb-quiet">{_html.text(self._note())}</p>'

    def _figure(self) -> Figure:
        if self.next_words is None:
            raise ViewError(say("There is nothing to draw."), say("The message below says why."))
        words = self.next_words.words[::-1]
        fig, axes = figures.canvas(5.2, 0.9 + 0.28 * len(words))
        shares = [100 * word.probability for word in words]
        bars = axes.barh(range(len(words)), shares, color=_html.ACCENT)
        axes.bar_label(bars, [number(share, ".1f") for share in shares], fontsize=8, padding=2)
        axes.set_yticks(range(len(words)), [_name(word) for word in words])
        axes.grid(visible=False)
        axes.margins(x=0.12)
        axes.set_title(f"{self.selection} …", fontsize=10, loc="left")
        axes.set_xlabel(say("probability, per cent"))
        return fig


def _row() -> tuple[w.Button, w.HTML]:
    button = w.Button(tooltip=say("Add this word to the text"))
    button.layout.width = "12rem"
    return button, w.HTML()


def _name(word: NextWord) -> str:
    return say(END) if word.kind == "end" else word.word
