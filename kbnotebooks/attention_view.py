"""The view of attention: where each word looks, and what hiding a word does to the answer."""

from __future__ import annotations

import math
from textwrap import wrap
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import ipywidgets as w
import numpy as np
import pandas as pd

from kbnotebooks import _html, figures
from kbnotebooks._attention_box import Chosen, box, in_words
from kbnotebooks._errors import ViewError
from kbnotebooks._sentence import SentenceView, opened_models
from kbnotebooks._view import entries_of
from kbnotebooks._words import later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.models.attention import Attention
    from kblib.models.explaining import AttentionControl
    from kblib.models.masked import MaskedLM
    from kbnotebooks._sentence import Given

MOST_UNITS = 60
"""Longer sentences cannot be read in a row."""
_WARNING = later(
    "A weight says where a layer takes numbers from, not why the model answers as it does."
)
_CONTROL = later(
    "Beside it, what happens when a word is hidden: how many bits less probable '{answer}' becomes "
    "in the blank. Rank correlation with the size of that effect: attention {attention}, rollout "
    "{rollout}; single heads from {low} to {high}."
)
_NAMES = ("word", "place", "layer", "head")


class AttentionView(SentenceView):
    """See where the words of a sentence look, by layer and head; by mouse or by keyboard.

    A sentence with one ``[MASK]`` also shows the control: what hiding each word does to the answer.

    Parameters
    ----------
    text
        A sentence, with or without a blank.
    model
        The name of a model, a model folder, or an opened `MaskedLM`.
    answer
        The word in the blank that the control follows; by default the model's first guess.

    Attributes
    ----------
    selection
        word (its text), place (its number among the units), layer and head (from 1, None for the
        mean), as a dictionary; may be set, with the word by text or number.
    table
        Where the chosen word looks (pandas): word, weight.
    control
        Attention, rollout and effect of each word; None without a blank.
    """

    def __init__(self, text: str, *, model: Given | None = None, answer: str | None = None) -> None:
        super().__init__(
            text,
            button=say("Read"),
            tooltip=say("Read the sentence"),
            placeholder=say("a sentence, with or without {mask}", mask="[MASK]"),
        )
        self.answer = answer
        self._asked_first = text
        self._wanted = model
        self._model: MaskedLM | None = None
        self.attention: Attention | None = None
        self.control: AttentionControl | None = None
        self._chosen = Chosen(0)
        self._picture = w.HTML()
        self._state = w.Text(layout=w.Layout(display="none"))
        self._state.add_class("kb-attention-state")
        row = self._box.children[0]
        self._lay_out(row, self._picture, self._state, self._answers)
        self._box.add_class("kb-attention-live")
        self._on(self._state, "value", self._hear)
        self._try(self.ask)

    @property
    def selection(self) -> dict[str, Any]:
        """The word, layer and head that are shown."""
        if self.attention is None:
            return {}
        chosen = self._chosen
        return {
            "word": self.attention.units[chosen.word].text,
            "place": chosen.word,
            "layer": chosen.layer or None,
            "head": chosen.head or None,
        }

    @selection.setter
    def selection(self, wanted: dict[str, Any]) -> None:
        self._try(lambda: self._select(**entries_of(wanted, _NAMES)))

    @property
    def table(self) -> pd.DataFrame:
        """Where the chosen word looks: word, weight."""
        if self.attention is None:
            return pd.DataFrame(columns=["word", "weight"])
        names = [unit.text for unit in self.attention.units]
        return pd.DataFrame({"word": names, "weight": _row(self.attention, self._chosen)})

    def _forget(self) -> None:
        self.attention = self.control = None
        self._picture.value = ""

    def _read(self, text: str) -> None:
        from kblib.models.attention import attention
        from kblib.models.explaining import attention_control

        if self._model is None:
            self._model = next(iter(opened_models("AttentionView", self._wanted, None).values()))
        seen = attention(self._model, text)
        if len(seen.units) > MOST_UNITS:
            raise ViewError(
                say("The sentence has {n} words and marks.", n=len(seen.units)),
                say("Up to {n} can be seen in a row.", n=MOST_UNITS),
            )
        blanks = [n for n, unit in enumerate(seen.units) if unit.kind == "blank"]
        if blanks:
            answer = self.answer if text == self._asked_first else None
            self.control = attention_control(self._model, text, answer=answer)
        self.attention = seen
        self._chosen = Chosen(blanks[0] if blanks else 1)
        self._draw()

    def _draw(self) -> None:
        """Write the box anew, where this side has chosen; the page itself draws what it chooses."""
        self._state.value = self._chosen.write()
        self._picture.value = _html.wrap(self._box_html())

    def _hear(self) -> None:
        """Take over what was chosen in the page."""
        self._chosen = Chosen.read(self._state.value)

    def _select(
        self, word: str | int | None = None, place: int | None = None,
        layer: int | None = None, head: int | None = None,
    ) -> None:  # fmt: skip
        if self.attention is None:
            return
        number_of = self._chosen.word if place is None else place
        if place is None and word is not None:
            number_of = word if isinstance(word, int) else self._place_of(word)
        self.attention.of(number_of, layer=layer, head=head)  # says what is not there
        self._chosen = Chosen(number_of, layer or 0, head or 0)
        self._draw()

    def _place_of(self, word: str) -> int:
        names = [unit.text for unit in self.attention.units] if self.attention else []
        if word not in names:
            raise ViewError(
                say("The sentence has no word '{word}'.", word=word),
                say("Its words: {words}.", words=", ".join(names)),
                f'view.selection = {{"word": "{names[1]}"}}',
            )
        return names.index(word)

    def _box_html(self) -> str:
        if self.attention is None:
            return ""
        return box(self.attention, self._chosen, f"kb-{uuid4().hex[:8]}")

    def _answer_html(self) -> str:
        warning = f"<p class='kb-quiet'>{_html.text(say(_WARNING))}</p>" if self.attention else ""
        return warning + (_control_html(self.control) if self.control else "")

    def _still(self) -> str:
        asked = (
            f"<p><strong>{_html.text(say('Sentence'))}:</strong> {_html.text(self.sentence)}</p>"
        )
        return asked + self._box_html() + self._answer_html()

    def _figure(self) -> Figure:
        if self.attention is None:
            raise ViewError(
                say("There is nothing to draw."), say("The message below the view says why.")
            )
        return _drawn(self.attention, self._chosen)


def _row(seen: Attention, chosen: Chosen) -> np.ndarray:
    """Return the weights that are shown."""
    return seen.of(chosen.word, layer=chosen.layer or None, head=chosen.head or None)


def _drawn(seen: Attention, chosen: Chosen) -> Figure:
    row = _row(seen, chosen)
    names = [unit.text for unit in seen.units]
    fig, axes = figures.canvas(max(5.0, 0.62 * len(names)), 2.8)
    edges = [_html.INK if n == chosen.word else _html.ACCENT for n in range(len(names))]
    bars = axes.bar(range(len(row)), 100 * row, width=0.6, color=_html.ACCENT, edgecolor=edges)
    bars[chosen.word].set(hatch="////", facecolor="white", linewidth=1.5)
    axes.bar_label(bars, fmt="%.0f", fontsize=8, padding=2)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.get_xticklabels()[chosen.word].set_fontweight("bold")
    axes.set_ylabel(say("weight, per cent"))
    axes.margins(y=0.12)
    axes.set_title("\n".join(wrap(in_words(seen, chosen), 80)), fontsize=9, loc="left")
    return fig


def _control_html(control: AttentionControl) -> str:
    agree = control.agreement
    heads = control.heads[np.isfinite(control.heads)]
    said = say(
        _CONTROL,
        answer=control.answer,
        attention=_signed(agree["attention"]),
        rollout=_signed(agree["rollout"]),
        low=_signed(heads.min() if heads.size else math.nan),
        high=_signed(heads.max() if heads.size else math.nan),
    )
    columns = [
        _html.Column(say("word")),
        *(_html.Column(say(name), numeric=True) for name in _COLUMNS),
    ]
    rows = [
        (
            e.word,
            _html.percent(e.attention),
            _html.percent(e.rollout),
            number(e.effect_bits, "+.2f"),
        )
        for e in control.effects
    ]
    share = _html.percent(control.probability)
    caption = say("The blank, answered '{answer}' ({share})", answer=control.answer, share=share)
    return f"<p>{_html.text(said)}</p>" + _html.table(caption, columns, rows)


_COLUMNS = (later("attention, all heads"), later("rollout"), later("bits lost when hidden"))


def _signed(value: float) -> str:
    return "–" if math.isnan(value) else number(value, "+.2f")
