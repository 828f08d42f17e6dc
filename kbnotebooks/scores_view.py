"""The view of scores: how good a model is, label by label and group by group, and where it errs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import ipywidgets as w
import numpy as np
import polars as pl

from kblib.evaluation.scores import Scores
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import heard, known, later, number, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MEASURES = (later("F1"), later("precision"), later("recall"))
ALL = "all"
SHOWN = 8
"""Texts that are listed as errors at a time; all of them are in ``scores.errors()``."""
LONGEST = 240


class ScoresView(View):
    """See how well a model does on labelled texts, and read the texts that it gets wrong.

    Parameters
    ----------
    scores
        What `kb.evaluate` returned.

    Attributes
    ----------
    selection
        The group that is shown, as ``column=value``, or ``all``; may be set.
    table
        All measures (pandas).
    """

    def __init__(self, scores: Scores) -> None:
        super().__init__()
        self.scores = scores
        self._picture = w.HTML()
        self._group = w.Dropdown(description=say("Texts"), layout=w.Layout(width="20rem"))
        self._measure = w.Dropdown(description=say("Measure"), layout=w.Layout(width="14rem"))
        self._lay_out(w.HBox([self._group, self._measure]), self._picture)
        self._try(self._open)
        for box in (self._group, self._measure):
            self._on(box, "value", self._draw)

    @property
    def selection(self) -> str:
        """The group that is shown."""
        return str(self._group.value)

    @selection.setter
    def selection(self, group: str) -> None:
        self._try(lambda: self._select(group))

    @property
    def table(self) -> pd.DataFrame:
        """All measures."""
        return self.scores.table

    def _open(self) -> None:
        if type(self.scores) is not Scores:
            raise ViewError(
                say("ScoresView got {kind}, which are no scores.", kind=type(self.scores).__name__),
                say("Scores are what evaluate returns."),
                "kb.ScoresView(kb.evaluate(corpus, predictions, labels))",
            )
        groups = self.scores.rows.select("group", "value").unique(maintain_order=True).rows()
        self._group.options = [
            (say("all"), ALL) if name is None else (f"{known(name)}: {value}", f"{name}={value}")
            for name, value in groups
        ]
        self._measure.options = [(say(one), one) for one in MEASURES]
        self._group.value, self._measure.value = ALL, MEASURES[0]
        self._draw()

    def _select(self, group: str) -> None:
        names = [value for _, value in self._group.options]
        if group not in names:
            raise ViewError(
                say("There is no group {group!r}.", group=group),
                say("There are: {names}.", names=", ".join(names)),
            )
        self._group.value = group

    @property
    def _rows(self) -> pl.DataFrame:
        name, _, value = self.selection.partition("=")
        if name == ALL:
            return self.scores.rows.filter(pl.col("group").is_null())
        return self.scores.rows.filter(pl.col("group") == name, pl.col("value") == value)

    @property
    def _of_labels(self) -> pl.DataFrame:
        return self._rows.filter(pl.col("measure") == self._measure.value)

    def _draw(self) -> None:
        picture = figures.figure(self._figure(), alt=self._in_words())
        parts = [f"<p>{_html.text(self._whole())}</p>", picture.html, self._beside()]
        self._picture.value = _html.wrap("".join(parts))

    def _whole(self) -> str:
        rows = self._rows.filter(pl.col("label").is_null())
        said = [_in_words(row) for row in rows.iter_rows(named=True)]
        return "; ".join(said) + "."

    def _in_words(self) -> str:
        said = [_in_words(row) for row in self._of_labels.iter_rows(named=True)]
        return say("Scores of each label. {said}.", said="; ".join(said))

    def _beside(self) -> str:
        about = self.scores.provenance
        explained = say(
            "{share:.0%} intervals by drawing whole units ({unit}) again, {n:,} texts.",
            share=about["confidence"],
            unit=known(about["unit"]),
            n=about["n_texts"],
        )
        notes = "".join(f"<p>{_html.text(heard(one))}</p>" for one in self.scores.warnings)
        quiet = f"<p class='kb-quiet'>{_html.text(explained)}</p>{notes}"
        return quiet + _table_html(self._rows) + self._errors_html()

    def _errors_html(self) -> str:
        wrong = self.scores.errors()
        heads = [_html.Column(say("so")), _html.Column(say("the model says")),
                 _html.Column(say("text"))]  # fmt: skip
        some = wrong.head(SHOWN)[["so", "said", "text"]].to_numpy().tolist()
        rows = [(so, said, text[:LONGEST]) for so, said, text in some]
        title = say("{n:,} texts labelled wrongly", n=len(wrong))
        if len(wrong) > SHOWN:
            title = say(
                "{n:,} texts labelled wrongly, {shown} of them here", n=len(wrong), shown=SHOWN
            )
        return _html.details(title, _html.table(title, heads, rows)) if rows else ""

    def _still(self) -> str:
        return self._picture.value

    def _figure(self) -> Figure:
        rows = self._of_labels.sort("score", descending=False)
        at = np.arange(rows.height, dtype=float)
        fig, axes = figures.canvas(height=max(1.6, 0.45 * rows.height + 0.9))
        score, low, high = (100 * rows[name].to_numpy() for name in ("score", "low", "high"))
        axes.hlines(at, low, high, color=_html.ACCENT, linewidth=1.8)
        axes.plot(score, at, "o", color=_html.ACCENT, markersize=6)
        axes.set_yticks(at, rows["label"].to_list())
        axes.set_xlim(0, 102)
        axes.set_ylim(-0.6, max(rows.height - 0.4, 0.6))
        axes.set_xlabel(say("{measure}, per cent", measure=say(str(self._measure.value))))
        return fig


def _in_words(row: dict[str, object]) -> str:
    """Say one measure with its interval."""
    name = heard(str(row["measure"])) if row["label"] is None else str(row["label"])
    values = {one: float(str(row[one])) for one in ("score", "low", "high")}
    if math.isnan(values["low"]):
        return say("{name}: {score:.1%}", name=name, score=values["score"])
    return say("{name}: {score:.1%} ({low:.1%} to {high:.1%})", name=name, **values)


def _table_html(rows: pl.DataFrame) -> str:
    names = (say("label"), say("measure"), say("score"), say("from"), say("to"), say("texts"),
             say("note"))  # fmt: skip
    heads = [_html.Column(name, 1 < place < 6) for place, name in enumerate(names)]
    columns = ("label", "measure", "score", "low", "high", "texts", "note")
    table = [
        (say("all") if label is None else label,
         say(measure) if measure in MEASURES else heard(measure),
         *(_share(one) for one in shares), number(texts), heard(note))
        for label, measure, *shares, texts, note in rows.select(columns).iter_rows()
    ]  # fmt: skip
    return _html.table(say("Scores"), heads, table)


def _share(value: float) -> str:
    return "" if math.isnan(value) else number(value, ".1%")
