"""The view of pseudo-surprisal: which words of a sentence a masked model did not expect."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from kblib.models.years import About, period_warning
from kbnotebooks import _html, figures
from kbnotebooks._sentence import AskingView, opened_models, warnings_html
from kbnotebooks._words import heard, later, number, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from kblib.models.masked import MaskedLM
    from kblib.models.surprisal import Surprisal, WordSurprisal
    from kbnotebooks._sentence import Given, Several

FULL_BAR = 0.94
"""The longest bar leaves room before the next column."""
AXIS = later("pseudo-surprisal, bits (both sides known)")
NOT_COMPARABLE = later(
    "A masked model knows the words on both sides, so its bits never stand on one axis with those "
    "of n-gram models or GPT, which know only what comes before."
)


class SurprisalView(AskingView):
    """See how little a masked model expected each word of a sentence; type, and read another.

    The bits are pseudo-surprisal, with an axis of its own: the model knows what comes after a word.
    Bits of models with different vocabularies do not compare either; words of one model do.

    Parameters
    ----------
    text
        A sentence without a blank.
    model
        The name of a model, a model folder, or an opened `MaskedLM`.
    models
        Several of these instead, one beneath the other; a dictionary gives them names.
    about
        The year or years the sentence is about, for the warning where a model has read others.

    Attributes
    ----------
    selection
        The sentence that was read last; may be set.
    table
        model, word, kind, bits, pieces, n_pieces (pandas).
    """

    def __init__(
        self,
        text: str,
        *,
        model: Given | None = None,
        models: Several = None,
        about: About | None = None,
    ) -> None:
        super().__init__(
            text,
            button=say("Read"),
            tooltip=say("Ask the model for each word"),
            placeholder=say("a sentence"),
        )
        self.about = about
        self._wanted = (model, models)
        self._models: dict[str, MaskedLM] = {}
        self.found: dict[str, Surprisal] = {}
        self.warnings: list[str] = []
        self._answers.add_class("kb-surprisal")
        self._try(self.ask)

    @property
    def table(self) -> pd.DataFrame:
        """One row a model and word: model, word, kind, bits, pieces, n_pieces."""
        columns = ["model", "word", "kind", "bits", "pieces", "n_pieces"]
        parts = [one.table.assign(model=name)[columns] for name, one in self.found.items()]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def _forget(self) -> None:
        self.found, self.warnings = {}, []

    def _read(self, text: str) -> None:
        if not self._models:
            self._models = opened_models("SurprisalView", *self._wanted)
        found = {name: model.surprisal(text) for name, model in self._models.items()}
        warnings = [period_warning(model, self.about) for model in self._models.values()]
        self.found, self.warnings = found, [heard(one) for one in warnings if one]

    @property
    def _largest(self) -> float:
        bits = [w.bits for one in self.found.values() for w in one.words if math.isfinite(w.bits)]
        return max(bits, default=1.0) or 1.0

    def _answer_html(self) -> str:
        if not self.found:
            return ""
        sides = "".join(f"<div>{_table(n, o, self._largest)}</div>" for n, o in self.found.items())
        said = f"<p class='kb-quiet'>{_html.text(say(NOT_COMPARABLE))}</p>"
        return f'<div class="kb-side">{sides}</div>{said}{warnings_html(self.warnings)}'

    def _figure(self) -> Figure:
        from matplotlib.figure import Figure

        n, longest = (
            max(len(self.found), 1),
            max((len(o.words) for o in self.found.values()), default=6),
        )
        fig = Figure(figsize=(max(5.0, 0.75 * longest), 2.6 * n + 0.4), layout="constrained")
        rows = fig.subplots(n, 1, sharey=True, squeeze=False)[:, 0]
        for axes, (name, one) in zip(rows, self.found.items(), strict=False):
            _draw(axes, name, one)
        fig.supylabel(say(AXIS), fontsize=9, color=_html.INK)
        return fig


def _table(name: str, found: Surprisal, largest: float) -> str:
    columns = (
        _html.Column(say("word")),
        _html.Column(say("bits"), numeric=True),
        _html.Column(say("as a bar"), css="kb-track"),
        _html.Column(say("pieces")),
    )
    caption = f"{name}: {say(AXIS)}"
    return _html.table(caption, columns, [_row(word, largest) for word in found.words])


def _row(word: WordSurprisal, largest: float) -> _html.Row:
    pieces = " + ".join(word.pieces) if len(word.pieces) > 1 else ""
    css = "" if word.kind == "word" else "kb-rest"
    if math.isnan(word.bits):
        return _html.Row((word.word, "–", "", say("not in the vocabulary")), css)
    return _html.Row(
        (word.word, number(word.bits, ".1f"), _html.bar(FULL_BAR * word.bits / largest), pieces),
        css,
    )


def _draw(axes: Axes, name: str, found: Surprisal) -> None:
    figures.quiet(axes)
    places = range(len(found.words))
    colours = [_html.ACCENT if word.kind == "word" else _html.FAINT for word in found.words]
    bits = [0.0 if math.isnan(word.bits) else word.bits for word in found.words]
    bars = axes.bar(places, bits, width=0.6, color=colours, edgecolor=_html.QUIET, linewidth=0.4)
    labels = ["–" if math.isnan(word.bits) else number(word.bits, ".1f") for word in found.words]
    axes.bar_label(bars, labels=labels, fontsize=8, padding=2, color=_html.INK)
    axes.set_xticks(places, [word.word for word in found.words], rotation=30, ha="right")
    axes.margins(y=0.15)
    axes.set_title(name, fontsize=9, loc="left")
