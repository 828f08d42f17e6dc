"""How good a finetuned model is: scores on the test part with intervals over whole groups."""

from __future__ import annotations

from typing import Any

import polars as pl

from kblib.evaluation.answered import scale_scores, span_scores, word_scores
from kblib.evaluation.scores import evaluate
from kblib.finetuning.here import point_scores
from kblib.finetuning.model import FinetunedModel
from kblib.finetuning.prepared import Prepared
from kblib.finetuning.training import Trained
from kblib.labels import Labels

_NAMES = {"macro F1": "macro_f1", "mean absolute error": "mean_absolute_error"}
"""By which a measure is called among the single numbers."""


def scores_of(opened: FinetunedModel, data: Prepared, trained: Trained) -> dict[str, Any]:
    """Return what `point_scores` does, intervals for it, and scores of each label."""
    rows = test_scores(opened, data.material.test, data.material.by)
    intervals = {
        _name(row["measure"]): [row["low"], row["high"]]
        for row in rows.iter_rows(named=True)
        if row["label"] is None and row["low"] is not None
    }
    by_label = rows.filter(pl.col("label").is_not_null()).to_dicts()
    about = {"confidence": 0.95, "unit": data.material.by, "units": int(rows["units"].max() or 0)}  # type: ignore[arg-type]  # a count
    found = point_scores(opened, data, trained)
    return {**found, "intervals": intervals, "intervals_of": about, "by_label": by_label}


def test_scores(opened: FinetunedModel, test: Labels, by: str) -> pl.DataFrame:
    """Return one row a measure: measure, label (none: all), score, low, high, n, units."""
    answers = pl.from_pandas(opened.predict(test))
    unit = by if by in test.rows.columns else "id"
    units = test.rows[unit].to_list()
    if opened.about.task.kind == "words":
        said = [[word["label"] for word in row] for row in answers["words"].to_list()]
        so = test.rows["label"].to_list()
        of_words = word_scores(so, said, units)
        spans = opened.about.task.has_spans
        return pl.concat([span_scores(so, said, units), of_words]) if spans else of_words
    if opened.about.task.is_scale:
        given = answers["value"].fill_null(opened.about.mean).to_list()
        return scale_scores(test.rows["label"].to_list(), given, units)
    labels = test.rows.select("id", "label")
    rows = evaluate(test.corpus, answers.select("id", "label", "score"), labels, unit=unit).rows
    wanted = rows.filter(pl.col("group").is_null()).rename({"texts": "n"})
    return wanted.select("measure", "label", "score", "low", "high", "n", "units").with_columns(
        pl.col("low", "high").fill_nan(None)
    )


def _name(measure: str) -> str:
    return _NAMES.get(measure, measure.replace(" ", "_").replace("F1", "f1"))
