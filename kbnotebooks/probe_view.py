"""The view of a probe: log-odds of words in two contexts, and what is not certain about them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd

from kblib.models.probe_result import UNKNOWN_TRAINING, Probe, ProbeRow
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._sentence import warnings_html
from kbnotebooks._view import View
from kbnotebooks._words import heard, later, number, say

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AXIS = later("log-odds ratio, bits: right likelier with {first}, left with {second}")
_KEY = later(
    "Dot: mean. Thick line: interval by drawing templates anew. Thin line: lowest to highest "
    "template. Ticks: lowest and highest training of the model, where there are several."
)


class ProbeView(View):
    """Read a probe: which words lean to which side, by how much, and how surely.

    Template uncertainty (other sentences) and training uncertainty (another training of the model)
    are drawn and named apart. A word that is chosen shows every template.

    Parameters
    ----------
    probe
        What `kb.probe` returned.

    Attributes
    ----------
    selection
        The word whose templates are listed; may be set.
    table
        One row a group and word (pandas).
    """

    def __init__(self, probe: Probe) -> None:
        super().__init__()
        self.probe = probe
        self._picture, self._templates = w.HTML(), w.HTML()
        self._word = w.Dropdown(description=say("Word"), layout=w.Layout(width="20rem"))
        self._templates.add_class("kb-probe-templates")
        self._lay_out(self._picture, self._word, self._templates)
        self._try(self._open)
        self._on(self._word, "value", self._show_word)

    @property
    def selection(self) -> str | None:
        """The word whose templates are listed."""
        word: str | None = self._word.value
        return word

    @selection.setter
    def selection(self, word: str) -> None:
        self._try(lambda: self._select(word))

    @property
    def table(self) -> pd.DataFrame:
        """One row a group and word, with both uncertainties."""
        return self.probe.table

    @property
    def answers(self) -> pd.DataFrame:
        """Every answer to the chosen word: group, training, template, first, second, log_odds."""
        found = self.probe.answers
        return found[found["word"] == self.selection].drop(columns="word")

    def _open(self) -> None:
        if not isinstance(self.probe, Probe):
            raise ViewError(
                say("ProbeView got {kind}, which is no probe.", kind=type(self.probe).__name__),
                say("A probe is what kb.probe returns."),
                'kb.ProbeView(kb.probe("kb-mini-masked", templates, pairs, words))',
            )
        picture = figures.figure(draw(self.probe), alt=in_words(self.probe), caption=say(_KEY))
        table = _html.details(say("The numbers"), _table(self.probe))
        warnings = warnings_html([heard(one) for one in self.probe.warnings])
        self._picture.value = _html.wrap(picture.html + warnings + table)
        self._word.options = list(self.probe.words)
        self._word.value = self.probe.words[0]
        self._show_word()

    def _select(self, word: str) -> None:
        if word not in self._word.options:
            raise ViewError(
                say("The probe has no word '{word}'.", word=word),
                say("Its words: {words}.", words=", ".join(self.probe.words)),
                f'view.selection = "{self.probe.words[0]}"',
            )
        self._word.value = word

    def _show_word(self) -> None:
        self._templates.value = _html.wrap(
            _templates_html(self.probe, self.answers, self.selection)
        )

    def _still(self) -> str:
        return str(self._picture.value) + str(self._templates.value)

    def _figure(self) -> Figure:
        if self.error is not None:
            raise ViewError(
                say("There is nothing to draw."), say("The message below the view says why.")
            )
        return draw(self.probe)


def in_words(probe: Probe) -> str:
    """Return what the picture shows, for a reader who does not see it."""
    known = [row for row in probe.rows if math.isfinite(row.log_odds)]
    if not known:
        return say("A probe without a number: no word can be spelt by every model.")
    most = max(known, key=lambda row: row.log_odds)
    least = min(known, key=lambda row: row.log_odds)
    return say(
        "Log-odds of {n} words. Furthest to the side of {first}: {most} ({high:+.1f} bits); "
        "furthest to the side of {second}: {least} ({low:+.1f}).",
        n=len(probe.words),
        first=_side(probe, 0),
        second=_side(probe, 1),
        most=_name(probe, most),
        high=most.log_odds,
        least=_name(probe, least),
        low=least.log_odds,
    )


def _side(probe: Probe, side: int) -> str:
    return "/".join(dict.fromkeys(pair[side] for pair in probe.pairs))


def _name(probe: Probe, row: ProbeRow) -> str:
    return row.word if len(probe.groups) == 1 else f"{row.word}, {row.group}"


def _table(probe: Probe) -> str:
    columns = [
        *([_html.Column(say("model of"))] if len(probe.groups) > 1 else []),
        _html.Column(say("word")),
        _html.Column(say("bits"), numeric=True),
        _html.Column(say("template uncertainty")),
        _html.Column(say("training uncertainty")),
    ]
    caption = say(AXIS, first=_side(probe, 0), second=_side(probe, 1))
    return _html.table(caption, columns, [_cells(probe, row) for row in probe.rows])


def _cells(probe: Probe, row: ProbeRow) -> list[Any]:
    group = [row.group] if len(probe.groups) > 1 else []
    if math.isnan(row.log_odds):
        return [*group, row.word, "–", say("not in the vocabulary"), ""]
    return [*group, row.word, _bits(row.log_odds), _of_templates(row), _of_trainings(row)]


def _of_templates(row: ProbeRow) -> str:
    spread = say(
        "{n} templates from {low} to {high}",
        n=row.templates, low=_bits(row.lowest_template), high=_bits(row.highest_template),
    )  # fmt: skip
    if row.template_note:
        return f"{spread}; {say('too few for an interval')}"
    between = say(
        "interval {low} to {high}", low=_bits(row.template_low), high=_bits(row.template_high)
    )
    return f"{between}; {spread}"


def _of_trainings(row: ProbeRow) -> str:
    if row.training_note == UNKNOWN_TRAINING:
        return say("unknown: one training")
    return say(
        "{n} trainings from {low} to {high}",
        n=row.trainings, low=_bits(row.lowest_training), high=_bits(row.highest_training),
    )  # fmt: skip


def _templates_html(probe: Probe, answers: pd.DataFrame, word: str | None) -> str:
    several = len(probe.groups) > 1 or any(row.trainings > 1 for row in probe.rows)
    columns = [
        _html.Column(say("sentence")),
        _html.Column(say("pair")),
        *([_html.Column(say("model of"))] if several else []),
        _html.Column(say("bits"), numeric=True),
    ]
    rows = [
        [
            a.template,
            f"{a.first} / {a.second}",
            *([f"{a.group} ({a.training})"] if several else []),
            _bits(a.log_odds),
        ]
        for a in answers.itertuples()
    ]
    return _html.table(say("Every answer for '{word}'", word=word), columns, rows)


def _bits(value: Any) -> str:
    return "–" if math.isnan(value) else number(value, "+.2f")


def draw(probe: Probe) -> Figure:
    """Draw one row a word and group: mean, template interval and range, range of trainings."""
    from matplotlib.figure import Figure

    n = len(probe.rows)
    fig = Figure(figsize=(7.5, 1.0 + 0.34 * n), layout="constrained")
    axes = fig.subplots()
    figures.quiet(axes)
    axes.axvline(0, color=_html.QUIET, linewidth=0.8)
    rows = sorted(probe.rows, key=lambda row: probe.words.index(row.word))
    for place, row in enumerate(rows):
        _draw_row(axes, row, -place)
    axes.set_yticks([-place for place in range(n)], [_name(probe, row) for row in rows])
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=_html.FAINT, linewidth=0.6)
    axes.set_xlabel(say(AXIS, first=_side(probe, 0), second=_side(probe, 1)))
    axes.set_ylim(0.6 - n, 0.6)
    return fig


def _draw_row(axes: Axes, row: ProbeRow, place: float) -> None:
    if math.isnan(row.log_odds):
        return
    axes.plot(
        [row.lowest_template, row.highest_template], [place] * 2, color=_html.QUIET, linewidth=1
    )
    if math.isfinite(row.template_low):
        axes.plot(
            [row.template_low, row.template_high], [place] * 2, color=_html.ACCENT, linewidth=5,
            alpha=0.45, solid_capstyle="butt",
        )  # fmt: skip
    if row.trainings > 1:
        ends = [row.lowest_training, row.highest_training]
        axes.plot(ends, [place] * 2, "|", color=_html.INK, markersize=11, markeredgewidth=1.4)
    axes.plot([row.log_odds], [place], "o", color=_html.ACCENT, markersize=6)
