"""The view of a learning curve: how good a model is by what its labels cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import polars as pl

from kblib.evaluation.curve_result import MACRO, MINUTES, LearningCurve, check_minutes
from kblib.evaluation.scores import OF_ALL
from kbnotebooks import _curve_picture, _html, figures
from kbnotebooks._curve_picture import cost
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View, entries_of
from kbnotebooks._words import heard, known, number, say

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

STEP = 0.1
TFIDF = "tf-idf"


class LearningCurveView(View):
    """See how many labels it takes, and what they cost a reader.

    Parameters
    ----------
    curve
        What `kb.learning_curve` returned.
    minutes
        Minutes that a label takes you; measure it on your first fifty.

    Attributes
    ----------
    selection
        The number of labels that is spelled out, the minutes a label, and the measure:
        ``{"labels": 64, "minutes": 0.5, "measure": "macro F1"}``; may be set, also in part.
    table
        Scores with their intervals, and hours of labelling (pandas).
    """

    def __init__(self, curve: LearningCurve, *, minutes: float = MINUTES) -> None:
        super().__init__()
        self.curve = curve
        self._first = minutes
        self._picture = w.HTML()
        self._size = w.Dropdown(description=say("Labels"), layout=w.Layout(width="12rem"))
        self._minutes = w.FloatText(
            value=MINUTES,
            step=STEP,
            description=say("Minutes a label"),
            style={"description_width": "initial"},
            layout=w.Layout(width="14rem"),
        )
        self._measure = w.Dropdown(description=say("Measure"), layout=w.Layout(width="14rem"))
        boxes = (self._size, self._minutes, self._measure)
        self._lay_out(w.HBox(boxes, layout=w.Layout(flex_flow="row wrap")), self._picture)
        self._try(self._open)
        for box in boxes:
            self._on(box, "value", self._draw)

    @property
    def selection(self) -> dict[str, Any]:
        """What is spelled out."""
        return {
            "labels": self._size.value,
            "minutes": self._minutes.value,
            "measure": self._measure.value,
        }

    @selection.setter
    def selection(self, wanted: Mapping[str, Any]) -> None:
        self._try(lambda: self._select(wanted))

    @property
    def table(self) -> pd.DataFrame:
        """Scores and hours of labelling, a row a method and size."""
        return self.curve.price(self._minutes.value, measure=self._measure.value).table

    def _open(self) -> None:
        if type(self.curve) is not LearningCurve:
            kind = type(self.curve).__name__
            raise ViewError(
                say("LearningCurveView got {kind}, which is no learning curve.", kind=kind),
                say("A learning curve is what learning_curve returns."),
                "kb.LearningCurveView(kb.learning_curve(labels))",
            )
        check_minutes(self._first)
        self._size.options = [(number(size), size) for size in self.curve.sizes]
        self._measure.options = [(heard(one), one) for one in OF_ALL]
        self._size.value, self._measure.value = self.curve.sizes[-1], MACRO
        self._minutes.value = self._first
        self._draw()

    def _select(self, wanted: Mapping[str, Any]) -> None:
        asked = entries_of(wanted, ("labels", "minutes", "measure"))
        _check_one_of(asked.get("labels", self._size.value), self.curve.sizes)
        _check_one_of(asked.get("measure", self._measure.value), tuple(OF_ALL))
        check_minutes(asked.get("minutes", self._minutes.value))
        boxes = {"labels": self._size, "minutes": self._minutes, "measure": self._measure}
        for name, value in asked.items():
            boxes[name].value = value

    def _draw(self) -> None:
        check_minutes(self._minutes.value)
        picture = figures.figure(self._figure(), alt=self._in_words())
        self._picture.value = _html.wrap(picture.html + self._beside())

    def _still(self) -> str:
        return self._picture.value

    def _figure(self) -> Figure:
        chosen = self.selection
        return _curve_picture.draw(
            self.curve,
            measure=chosen["measure"],
            minutes=chosen["minutes"],
            chosen=chosen["labels"],
        )

    def _in_words(self) -> str:
        """Say what the picture shows, for those who do not see it."""
        first, last = self.curve.sizes[0], self.curve.sizes[-1]
        measure = heard(self._measure.value)
        said = [say("{measure} by the number of labels, from {first:,} to {last:,}.",
                    measure=measure[:1].upper() + measure[1:], first=first, last=last)]  # fmt: skip
        for name in self.curve.learners:
            low, high = (self._row(name, size)["score"] for size in (first, last))
            said.append(say("{name}: {first:.0%} to {last:.0%}.", name=name, first=low, last=high))
        for name in self.curve.others:
            score = self._row(name, None)["score"]
            said.append(say("{name}, without labels: {score:.0%}.", name=name, score=score))
        return " ".join(said)

    def _beside(self) -> str:
        about = self.curve.provenance
        explained = say(
            "Means of {draws} draws of labels, tested on the same {n:,} texts of {groups:,} groups "
            "({unit}); the bars are {share:.0%} intervals that know both chances.",
            draws=about["draws"],
            n=about["n_test"],
            groups=about["n_test_groups"],
            unit=known(about["groups"]),
            share=about["confidence"],
        )
        tested = say(
            "The {n:,} labels to test with cost {cost} more: without them nobody knows these "
            "numbers.",
            n=about["n_test"],
            cost=cost(about["n_test"] * self._minutes.value),
        )
        notes = "".join(f"<p>{_html.text(heard(one))}</p>" for one in self.curve.warnings)
        quiet = f"<p class='kb-quiet'>{_html.text(explained)} {_html.text(tested)}</p>"
        told = f"<p>{_html.text(self._spelled())}</p>{quiet}{notes}"
        return told + self._crossings_html() + self._table_html()

    def _spelled(self) -> str:
        """Say what the chosen number of labels costs and gives."""
        size = self._size.value
        said = "; ".join(_with_interval(self._row(name, size)) for name in self.curve.learners)
        return say(
            "{n:,} labels, at {minutes:g} min each, cost {cost}. With them: {said}.",
            n=size,
            cost=cost(size * self._minutes.value),
            minutes=self._minutes.value,
            said=said,
        )

    def _crossings_html(self) -> str:
        """Show from how many labels on a method is better than those that cost nothing or little.

        Among methods that learn, only counted words are what another has to beat.
        """
        kinds = {name: (about or {}).get("kind")
                 for name, about in self.curve.provenance["methods"].items()}  # fmt: skip
        against = [*self.curve.others, *(one for one in self.curve.learners if kinds[one] == TFIDF)]
        rows = self.curve.crossed(self._measure.value).rows
        rows = rows.filter(pl.col("over").is_in(against))
        names = (say("method"), say("is above"), say("from"), say("surely from"))
        heads = [_html.Column(name, place > 1) for place, name in enumerate(names)]
        table = [
            (one, other, self._from(first), self._from(sure))
            for one, other, first, sure in rows.select(
                "method", "over", "from_labels", "surely_from"
            ).iter_rows()
        ]
        title = say("From how many labels on one method is above another")
        return _html.table(title, heads, table) if table else ""

    def _from(self, size: int | None) -> str:
        if size is None:
            return say("not up to {n:,}", n=self.curve.sizes[-1])
        return say("{n:,} ({cost})", n=size, cost=cost(size * self._minutes.value))

    def _row(self, method: str, size: int | None) -> dict[str, Any]:
        where = (pl.col("method") == method) & pl.col("labels").eq_missing(pl.lit(size))
        found = self.curve.rows.filter(where & (pl.col("measure") == self._measure.value))
        return found.row(0, named=True)

    def _table_html(self) -> str:
        names = (say("method"), say("labels"), say("cost"), say("score"), say("from"), say("to"),
                 say("spread over draws"))  # fmt: skip
        heads = [_html.Column(name, place > 0) for place, name in enumerate(names)]
        rows = self.curve.rows.filter(pl.col("measure") == self._measure.value)
        table = [
            (
                row["method"],
                say("without") if row["labels"] is None else number(row["labels"]),
                "" if row["labels"] is None else cost(row["labels"] * self._minutes.value),
                *(_share(row[one]) for one in ("score", "low", "high", "spread")),
            )
            for row in rows.iter_rows(named=True)
        ]
        return _html.table(say("Scores by number of labels"), heads, table)


def _check_one_of(given: Any, known: tuple[Any, ...]) -> None:
    if given not in known:
        raise ViewError(
            say("There is no {given!r} to select.", given=given),
            say("There are: {names}.", names=", ".join(map(str, known))),
        )


def _with_interval(row: Mapping[str, Any]) -> str:
    values = {one: row[one] for one in ("score", "low", "high")}
    if math.isnan(row["low"]):
        return say("{name}: {score:.1%}", name=row["method"], score=row["score"])
    return say("{name}: {score:.1%} ({low:.1%} to {high:.1%})", name=row["method"], **values)


def _share(value: float) -> str:
    return "" if math.isnan(value) else number(value, ".1%")
