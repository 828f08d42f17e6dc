"""Predictions and labels joined to the texts of a sample: what may be counted, and what may not."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.corpora.columns import shown
from kblib.errors import LabelError
from kblib.evaluation.powered import Judged
from kblib.evaluation.tables import UNSURE, check_numbers, check_spelling, frame_of
from kblib.evaluation.texts import PERIOD, UNIT, TextSample

if TYPE_CHECKING:
    from kblib.evaluation.tables import Table

SHOWN = 20
"""Names of labels that an error lists."""


@dataclass(frozen=True, eq=False)
class Joined:
    """Each text of a sample's corpus, judged, and those that were labelled.

    Attributes
    ----------
    texts
        One row a text: id, period, unit, stratum, score (0 where the model abstained), abstained.
    labelled
        One row a labelled text in random order: id, and ``so``: 1 yes, 0 no, null unsure.
    passed_over
        How many of those that count as unsure have no label, though later ones of their stratum do.
    strange
        Labels that readers gave and the model never says, with how often; they count as no.
    """

    texts: pl.DataFrame
    labelled: pl.DataFrame
    passed_over: int
    strange: tuple[tuple[str, int], ...] = ()

    @cached_property
    def _numbered(self) -> pl.DataFrame:
        unit = pl.col(UNIT).rank("dense").cast(pl.Int64) - 1
        return self.texts.with_columns(unit.alias(UNIT))

    def judged(self, period: Any | None, *, unsure: float = 0.0) -> Judged:
        """Return the texts of a period, or of all, with what is unsure taken as yes or no."""
        texts = self._numbered
        if period is not None:
            texts = texts.filter(pl.col(PERIOD) == period)
        dense = [(pl.col(name).rank("dense") - 1).cast(pl.Int64) for name in ("stratum", UNIT)]
        texts = texts.with_columns(dense)
        strata, units = texts["stratum"].to_numpy(), texts[UNIT].to_numpy()
        shape = (int(strata.max()) + 1, int(units.max()) + 1)
        size, score = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        np.add.at(size, (strata, units), 1)
        np.add.at(score, (strata, units), texts["score"].to_numpy())
        rows = self.labelled.join(texts, "id", how="inner", maintain_order="left")
        so = rows["so"].fill_null(unsure).to_numpy()
        stratum, unit, says = (rows[name].to_numpy() for name in ("stratum", UNIT, "score"))
        return Judged(size, score, stratum, unit, says, so)

    def counted(self, period: Any | None) -> tuple[int, int, float]:
        """Return texts, those that the model abstained from, and the sum of its scores."""
        texts = self.texts if period is None else self.texts.filter(pl.col(PERIOD) == period)
        return texts.height, int(texts["abstained"].sum()), float(texts["score"].sum())


def join(
    sample: TextSample, predictions: Table, labels: Table, *, label: str, score: str | None = None
) -> Joined:
    """Join what a model and a reader say to the texts of a sample.

    Parameters
    ----------
    predictions
        Columns ``id`` and ``label``, one row a text of the corpus; an empty label: abstained.
    labels
        Columns ``id`` and ``label``; several rows of a text, of several readers, must agree, or it
        counts as unsure.
    label
        What is counted.
    score
        The column of `predictions` with the probability of that label, from 0 to 1; without, the
        label itself is 1 or 0.

    Raises
    ------
    LabelError
        If a column or a text is missing, a text was judged twice, a label is of none of the texts
        drawn, or nobody said `label`.
    """
    _check_sample(sample)
    label = shown(label).strip()
    judged = _predicted(frame_of(predictions, "predictions"), sample, label, score)
    given = frame_of(labels, "labels")
    _check_label(label, judged, given)
    texts = sample.texts.join(judged, "id", how="left", maintain_order="left")
    missing = texts.filter(pl.col("score").is_null())
    if missing.height:
        raise LabelError(
            f"{missing.height:,} of {texts.height:,} texts have no prediction; "
            f"the first is '{missing['id'][0]}'.",
            "A share of all texts needs each of them judged; empty where the model abstained.",
            "Predict the whole corpus that the sample was drawn from. "
            f"An id of the predictions: '{judged['id'][0]}'.",
        )
    said, passed_over = _said(sample, given, label)
    return Joined(texts, said, passed_over, _strange(judged, given))


def _check_sample(sample: object) -> None:
    if not isinstance(sample, TextSample):
        raise LabelError(
            f"The sample is a {type(sample).__name__}.",
            "What sample_texts draws was expected; of what label_next draws, its .sample.",
            "kb.corrected_counts(kb.sample_texts(corpus, 300), predictions, labels, label='...')",
        )


def _predicted(
    table: pl.DataFrame, sample: TextSample, label: str, score: str | None
) -> pl.DataFrame:
    if not table.height:
        raise LabelError("The predictions have no row.", "One row a text was expected.")
    if table["id"].is_duplicated().any():
        twice = table.filter(pl.col("id").is_duplicated())["id"][0]
        raise LabelError(
            f"Text '{twice}' has more than one prediction.",
            "One row a text was expected.",
            'predictions.drop_duplicates("id"), if they are the same',
        )
    says = (pl.col("label") == label).cast(pl.Float64)
    if score is not None:
        _check_score(table, score)
        says = pl.col(score).cast(pl.Float64)
    abstained = pl.col("label").is_null()
    return table.select(
        pl.col("id").cast(sample.texts["id"].dtype),
        pl.when(abstained).then(0.0).otherwise(says).alias("score"),
        abstained.alias("abstained"),
        pl.col("label").alias("predicted"),
    )


def _check_score(table: pl.DataFrame, score: str) -> None:
    if score not in table.columns:
        raise LabelError(
            f"The predictions have no column '{score}'.",
            f"They have: {', '.join(table.columns)}.",
            "score=None takes the label itself.",
        )
    values = table.filter(pl.col("label").is_not_null())[score]
    check_numbers(values, "predictions")
    inside = values.is_between(0, 1)
    if not inside.all() or inside.null_count():
        worst = values.filter(~inside.fill_null(value=False))[0]
        raise LabelError(
            f"Column '{score}' of the predictions holds {worst}.",
            "Probabilities from 0 to 1 were expected.",
        )


def _said(sample: TextSample, given: pl.DataFrame, label: str) -> tuple[pl.DataFrame, int]:
    """Return what was said of each drawn text; those passed over are unsure, as chance is gone."""
    given = given.with_columns(pl.col("id").cast(sample.rows["id"].dtype))
    foreign = given.join(sample.rows, "id", how="anti")
    if foreign.height:
        raise LabelError(
            f"{foreign.height:,} labels are of texts that were not drawn; "
            f"the first is '{foreign['id'][0]}'.",
            "Counts are corrected by labels of a random sample only: other texts were chosen, "
            "and say nothing of the rest.",
            f"Label the texts of sample.table. An id of theirs: '{sample.rows['id'][0]}'.",
        )
    sure = pl.when(pl.col("label") != UNSURE).then((pl.col("label") == label).cast(pl.Float64))
    known = given.filter(pl.col("label").is_not_null()).with_columns(so=sure)
    agreed = pl.when(pl.col("so").n_unique() == 1).then(pl.col("so").first())
    one = known.group_by("id").agg(agreed, labelled=pl.lit(value=True))
    drawn = sample.rows.select("number", "id").join(sample.texts, "id", how="left")
    drawn = drawn.join(one, "id", how="left").sort("number")
    last = pl.col("number").filter(pl.col("labelled")).max().over("stratum")
    kept = drawn.filter(pl.col("labelled") | (pl.col("number") < last))
    over = kept.filter(pl.col("labelled").is_null()).height
    return kept.select("id", "so"), over


def _check_label(label: str, judged: pl.DataFrame, given: pl.DataFrame) -> None:
    model, readers = (
        {*column.drop_nulls()} - {UNSURE} for column in (judged["predicted"], given["label"])
    )
    check_spelling({*model, *readers, UNSURE})
    there = sorted(model | readers)
    if label not in there:
        near = difflib.get_close_matches(label, there, n=1)
        raise LabelError(
            f"Neither the model nor a reader says '{label}'.",
            f"There are: {', '.join(there[:SHOWN])}." if there else "There is no label at all.",
            f"Did you mean '{near[0]}'?" if near else "",
        )
    if model and readers and not model & readers and len(there) > 2:
        raise LabelError(
            f"The model says {', '.join(sorted(model)[:SHOWN])}; "
            f"readers say {', '.join(sorted(readers)[:SHOWN])}.",
            "Labels of the same names were expected.",
            'labels.replace({"label": {"name of a reader": "name of the model"}})',
        )


def _strange(judged: pl.DataFrame, given: pl.DataFrame) -> tuple[tuple[str, int], ...]:
    known = [*judged["predicted"].drop_nulls().unique(), UNSURE]
    only = given.filter(pl.col("label").is_not_null() & ~pl.col("label").is_in(known))
    return tuple(only["label"].value_counts(name="n").sort("n", descending=True).iter_rows())
