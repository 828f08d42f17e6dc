"""The view of labels that a model never saw: a text, labels in words, and the scores as bars.

Who answered stands above the bars, always: another method gives other numbers for the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import pandas as pd

from kblib.models.given import shortened
from kblib.zeroshot.asked import TEMPLATE, Labels
from kblib.zeroshot.classifier import ZeroShotClassifier
from kblib.zeroshot.keywords import NO_MODEL
from kblib.zeroshot.opening import METHODS
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._sentence import warnings_html
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import heard, later, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.zeroshot.result import ZeroShotLabels

LONGEST = 70
"""Letters of a text in the list of texts."""
MOST_TEXTS = 200
_NAMES = ("text", "labels", "template", "method", "multi")
_METHODS = {
    "sentences": later("likeness of sentences"),
    "entailment": later("does it follow from the text?"),
    "masked": later("what fills the blank?"),
    "prompt": later("how would the text go on?"),
    "keywords": later("keywords, no model"),
}


class ZeroShotView(View):
    """Offer labels in words, and see which of them a model finds in a text.

    Parameters
    ----------
    texts
        A text, or several to choose from; each can be changed in the view.
    labels
        Names; or names with what is asked for each, as `kb.zero_shot` takes them.
    method, model, template, multi
        As in `kb.zero_shot`.

    Attributes
    ----------
    selection
        Text, labels, template, method and multi, as a dictionary; may be set, also in part.
    result
        What was answered (`ZeroShotLabels`).
    table
        One row a label, best first: label, score (pandas).
    """

    def __init__(
        self,
        texts: str | Sequence[str],
        labels: Labels,
        *,
        method: str | None = None,
        model: Any = None,
        template: str = TEMPLATE,
        multi: bool = False,
    ) -> None:
        super().__init__()
        self._given, self._named = labels, ""
        self._models: dict[str, Any] = {}
        self._holding = False
        self.result: ZeroShotLabels | None = None
        wide = w.Layout(width="46rem", max_width="95%")
        self._choice = w.Dropdown(description=say("Text"), layout=wide)
        self._text = w.Textarea("", description=say("Text"), continuous_update=False, rows=3,
                                layout=wide)  # fmt: skip
        self._labels = w.Text("", description=say("Labels"), continuous_update=False,
                              placeholder=say("words, with commas between"),
                              layout=wide)  # fmt: skip
        self._template = w.Text("", description=say("Template"), continuous_update=False,
                                layout=wide)  # fmt: skip
        methods = [(f"{name}: {say(what)}", name) for name, what in _METHODS.items()]
        self._method = w.Dropdown(options=methods, description=say("Method"),
                                  layout=w.Layout(width="28rem"))  # fmt: skip
        self._multi = w.Checkbox(bool(multi), description=say("each label by itself"), indent=False)
        self._button = w.Button(description=say("Ask"), tooltip=say("Ask for these labels"))
        self._button.layout.width = "6rem"
        self._answers = w.HTML()
        self._lay_out(self._choice, self._text, self._labels, self._template,
                      w.HBox([self._method, self._multi, self._button]), self._answers)  # fmt: skip
        self._try(lambda: self._open(texts, method, model, template))
        self._on(self._choice, "value", self._choose)
        for box in (self._text, self._labels, self._template, self._method, self._multi):
            self._on(box, "value", self.ask)
        self._on_click(self._button, self.ask)

    @property
    def selection(self) -> dict[str, Any]:
        """Text, labels, template, method and multi."""
        return {
            "text": str(self._text.value),
            "labels": _listed(self._labels.value),
            "template": str(self._template.value),
            "method": self._method.value,
            "multi": bool(self._multi.value),
        }

    @selection.setter
    def selection(self, wanted: dict[str, Any]) -> None:
        self._try(lambda: self._select(entries_of(wanted, _NAMES)))

    @property
    def table(self) -> pd.DataFrame:
        """What was answered: label, score; best first."""
        scores = self._scores()
        return pd.DataFrame(list(scores.items()), columns=["label", "score"])

    def ask(self) -> None:
        """Ask for the labels in the field, in the text that stands above."""
        if self._holding:
            return
        self.result, self._answers.value = None, ""
        method = self._method.value
        judge = ZeroShotClassifier(
            self._models.get(method),
            self._asked_for(),
            method=method,
            template=self._template.value,
            multi=self._multi.value,
        )
        self._models[method] = judge.method.opened
        if not self._text.value.strip():
            raise ViewError(say("There is no text."), say("Write one, or choose one."))
        self.result = judge.predict(self._text.value)
        self._answers.value = _html.wrap(self._answer_html())

    def _open(
        self, texts: str | Sequence[str], method: str | None, model: Any, template: str
    ) -> None:
        listed = _texts(texts)
        if isinstance(self._given, Sequence | Mapping) and not isinstance(self._given, str):
            self._labels.value = self._named = ", ".join(map(str, self._given))
        if isinstance(template, str):
            self._template.value = template
        self._choice.options = [(_short(number, text), text) for number, text in listed.items()]
        self._choice.layout.display = None if len(listed) > 1 else "none"
        self._text.value = self._choice.value = listed[1]
        judge = ZeroShotClassifier(model, self._given, method=method, template=template,
                                   multi=self._multi.value)  # fmt: skip
        self._template.value = judge.asked.templates[0]  # the field holds one
        self._method.value = judge.method.name
        self._models[judge.method.name] = judge.method.opened
        self.ask()

    def _choose(self) -> None:
        self._text.value = self._choice.value

    def _select(self, wanted: dict[str, Any]) -> None:
        if wanted.get("method", self._method.value) not in METHODS:
            raise ViewError(
                say("There is no method '{name}'.", name=wanted["method"]),
                say("There are: {names}.", names=", ".join(METHODS)),
            )
        _check_kinds(wanted)
        labels = wanted.get("labels", _listed(self._labels.value))
        if isinstance(labels, str):
            labels = _listed(labels)
        self._holding = True  # several fields change, and one question is asked
        try:
            if isinstance(labels, Mapping):
                self._given, self._named = labels, ", ".join(labels)
            self._labels.value = ", ".join(labels)
            self._text.value = wanted.get("text", self._text.value)
            self._template.value = wanted.get("template", self._template.value)
            self._method.value = wanted.get("method", self._method.value)
            self._multi.value = wanted.get("multi", self._multi.value)
        finally:
            self._holding = False
        self.ask()

    def _asked_for(self) -> Labels:
        """Return the labels in the field, with the words they were given in the call."""
        names = _listed(self._labels.value)
        if not isinstance(self._given, Mapping):
            return names
        if len(set(names)) < len(names):
            return names
        return {name: self._given.get(name, name) for name in names}

    def _scores(self) -> dict[str, float]:
        """Return the scores, best first; none where nothing speaks for any label."""
        if self.result is None or self.result.rows["score"].null_count():
            return {}
        return self.result.one()

    def _answer_html(self) -> str:
        if self.result is None:
            return ""
        who = f"<p><strong>{_html.text(self._who())}</strong></p>"
        notes = [heard(one) for one in self.result.warnings]
        return who + self._scores_html() + warnings_html(notes)

    def _who(self) -> str:
        if self.result is None:
            return say("Nothing was asked.")
        return say(
            "Method: {method}. Model: {model}.",
            model=say("none") if self.result.model == NO_MODEL else self.result.model,
            method=say(_METHODS[self.result.method]),
        )

    def _scores_html(self) -> str:
        scores = self._scores()
        if not scores:
            return f"<p>{_html.text(say('Nothing speaks for any label.'))}</p>"
        heads = (
            _html.Column(say("label")),
            _html.Column(say("score"), numeric=True),
            _html.Column(say("as a bar"), css="kb-track"),
        )
        rows = [(name, number(score, ".3f"), _html.bar(score)) for name, score in scores.items()]
        return _html.table(say("Scores of the labels"), heads, rows)

    def _still(self) -> str:
        text = _html.text(self._text.value)
        asked = say("Template: {template}", template=self._template.value)
        return f"<p>{text}</p><p class='kb-quiet'>{_html.text(asked)}</p>{self._answer_html()}"

    def _figure(self) -> Figure:
        scores = self._scores()
        fig, axes = figures.canvas(height=1.1 + 0.34 * max(len(scores), 1))
        names = list(scores)[::-1]
        bars = axes.barh(names, [scores[name] for name in names], height=0.62, color=_html.ACCENT)
        axes.bar_label(bars, [number(scores[name], ".2f") for name in names], padding=4, fontsize=9)
        axes.set(xlim=(0, 1.08), xlabel=say("score"))
        axes.grid(visible=False)
        axes.set_title(f"{_cut(self._text.value)}\n{self._who()}", fontsize=9, loc="left")
        return fig


def _check_kinds(wanted: Mapping[str, Any]) -> None:
    """Refuse values that the fields cannot hold, before any of them is changed."""
    for name, kind, expected in (
        ("text", str, say("A text was expected.")),
        ("labels", (str, Sequence, Mapping), say("A list of words was expected.")),
        ("template", str, say("A text was expected.")),
        ("multi", bool, say("True or False was expected.")),
    ):
        if name in wanted and not isinstance(wanted[name], kind):
            raise ViewError(
                say("{name} is {given}.", name=name, given=shortened(wanted[name])), expected
            )


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _texts(texts: Any) -> dict[int, str]:
    listed = [texts] if isinstance(texts, str) else texts
    listed = listed.to_list() if hasattr(listed, "to_list") else listed  # a column of a table
    if (
        not isinstance(listed, Sequence)
        or not 0 < len(listed) <= MOST_TEXTS
        or not all(isinstance(one, str) for one in listed)
    ):
        raise ViewError(
            say("ZeroShotView got {kind} for its texts.", kind=type(texts).__name__),
            say("A text, or a list of 1 to {most:,} texts, was expected.", most=MOST_TEXTS),
            'kb.ZeroShotView(["Kungen kom till Stockholm."], ["hov", "sport"])',
        )
    return dict(enumerate(listed, start=1))


def _short(number: int, text: str) -> str:
    return f"{number}: {_cut(text)}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
