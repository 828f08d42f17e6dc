"""What models would put in a blank: asked, written as tables, and drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from kbnotebooks import _html, figures
from kbnotebooks._words import number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.models.masked import MaskedLM

MASK = "[MASK]"


@dataclass(frozen=True)
class Guesses:
    """What one model would put in one blank.

    Parameters
    ----------
    model
        The name the model goes by in a view.
    table
        The best words with their probabilities, best first.
    rest
        The probability that is left for all other words.
    real
        What is known of the real word's place, as a sentence; empty if there is no real word.
    """

    model: str
    table: pd.DataFrame
    rest: float
    real: str = ""

    @property
    def largest(self) -> float:
        """The probability of the best word."""
        return float(self.table["probability"].max())

    def html(self, largest: float) -> str:
        """Return the table; a bar of full length stands for the probability `largest`."""
        pairs = zip(self.table["word"], self.table["probability"], strict=True)
        rows = [_html.Row((word, _html.percent(p), _html.bar(p / largest))) for word, p in pairs]
        rest = (say("all other words"), _html.percent(self.rest), "")
        rows.append(_html.Row(rest, css="kb-rest"))
        columns = (
            _html.Column(say("word")),
            _html.Column(say("probability"), numeric=True),
            _html.Column(say("as a bar"), css="kb-track"),
        )
        return _html.table(self.model, columns, rows)


def ask(name: str, model: MaskedLM, text: str, *, k: int, real: str) -> Guesses:
    """Ask a model about a blank, and where it has the real word if that is known."""
    if not real:
        table = model.fill(text, k=k).table
        return Guesses(name, table, 1 - float(table["probability"].sum()))
    words = model.tokenizer.vocab_size - len(model.tokenizer.special_ids)
    table = model.fill(text, k=words).table.reset_index(drop=True)
    best = table.head(k)
    return Guesses(name, best, 1 - float(best["probability"].sum()), _place(real, table))


def real_word(text: str, answer: str | None) -> str:
    """Return the word of `answer` that fills the blank of `text`; empty if it cannot be told."""
    if not answer or MASK not in text:
        return ""
    if " " not in answer.strip():
        return answer.strip()
    before, _, after = text.partition(MASK)
    match = re.fullmatch(f"{re.escape(before)}(\\S+?){re.escape(after)}", answer.strip())
    return match.group(1) if match else ""


def draw(sentence: str, guesses: Sequence[Guesses]) -> Figure:
    """Draw the guesses of each model as bars, side by side on one scale."""
    from matplotlib.figure import Figure

    n, longest = max(len(guesses), 1), max((len(g.table) for g in guesses), default=1)
    fig = Figure(figsize=(4.2 * n, 0.9 + 0.28 * longest), layout="constrained")
    fig.suptitle(sentence, fontsize=10)
    for axes, one in zip(fig.subplots(1, n, sharex=True, squeeze=False)[0], guesses, strict=False):
        figures.quiet(axes)
        shown = one.table[::-1]
        bars = axes.barh(shown["word"], 100 * shown["probability"], color=_html.ACCENT)
        shares = [number(100 * share, ".1f") for share in shown["probability"]]
        axes.bar_label(bars, shares, fontsize=8, padding=2)
        axes.grid(visible=False)
        axes.margins(x=0.12)
        axes.set_title(one.model, fontsize=9)
        axes.set_xlabel(say("probability, per cent"))
    return fig


def _place(real: str, table: pd.DataFrame) -> str:
    places = table.index[table["word"] == real]
    if not len(places):
        return say(
            "'{word}' is not one piece in its vocabulary, so it could not say it in one blank.",
            word=real,
        )
    return say(
        "'{word}' is its guess number {place:,} of {n:,} ({share}).",
        word=real,
        place=int(places[0]) + 1,
        n=len(table),
        share=_html.percent(float(table["probability"][places[0]])),
    )
