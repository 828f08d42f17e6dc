"""Predictions and labels joined to the texts of a sample: what may be counted, and what may not."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.errors import LabelError
from kblib.evaluation.powered import Judged
from kblib.evaluation.texts import PERIOD, UNIT, TextSample
from kblib.labels import Labels

if TYPE_CHECKING:
    import pandas as pd

    Table = pl.DataFrame | pd.DataFrame | Labels

UNSURE = "unsure"
"""The label of a text that was read, but not decided; it counts as no, and the bounds tell."""


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
    """

    texts: pl.DataFrame
    labelled: pl.DataFrame
    passed_over: int

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
            "Predict the whole corpus that the sample was drawn from.",
        )
    said, passed_over = _said(sample, given, label)
    return Joined(texts, said, passed_over)


def _predicted(
    table: pl.DataFrame, sample: TextSample, label: str, score: str | None
) -> pl.DataFrame:
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
            "Label the texts of sample.table.",
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
    there = {*judged["predicted"].drop_nulls(), *given["label"].drop_nulls()} - {UNSURE}
    if label not in there:
        names = sorted(map(str, there))
        raise LabelError(
            f"Neither the model nor a reader says '{label}'.",
            f"There are: {', '.join(names[:20])}." if names else "There is no label at all.",
        )


def frame_of(table: Table, name: str) -> pl.DataFrame:
    """Return labels or predictions as a table; it must have the columns ``id`` and ``label``.

    Both become text, so that tables join in which ids are numbers here and text there.
    """
    if isinstance(table, Labels):
        table = table.rows
    if not hasattr(table, "columns"):
        raise LabelError(
            f"The {name} are a {type(table).__name__}.",
            "A table with the columns 'id' and 'label' was expected.",
            f'pandas.DataFrame({{"id": ..., "label": {name}}})',
        )
    there = [str(one) for one in table.columns]
    missing = [one for one in ("id", "label") if one not in there]
    if missing:
        raise LabelError(
            f"The {name} have no column '{missing[0]}'; they have: {', '.join(there)}.",
            "Columns 'id' and 'label' were expected.",
            f'{name}.rename(columns={{"{(there or ["x"])[0]}": "{missing[0]}"}})',
        )
    frame = table if isinstance(table, pl.DataFrame) else _of_pandas(table)
    return frame.with_columns(_plain(frame["id"]), _plain(frame["label"]))


def _plain(names: pl.Series) -> pl.Series:
    """Return names as text; whole numbers that a gap has made fractions of are whole again."""
    if names.dtype.is_float():
        names = names.fill_nan(None)
        whole = (names.drop_nulls() % 1 == 0).all()
        names = names.cast(pl.Int64) if whole else names
    return names.cast(pl.String)


def _of_pandas(table: pd.DataFrame) -> pl.DataFrame:
    """Return a table of pandas; columns in which numbers stand beside text become text."""
    mixed = {name: table[name] for name in ("id", "label") if table[name].dtype == object}
    text = {name: one.map(_text).where(one.notna(), None) for name, one in mixed.items()}
    return pl.from_pandas(table.assign(**text))


def _text(one: Any) -> str:
    return str(int(one) if isinstance(one, float) and one.is_integer() else one)
