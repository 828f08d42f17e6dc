"""Scores of words, spans and numbers, against seqeval, scikit-learn and intervals drawn by hand."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import polars as pl
import pytest
from seqeval.metrics import classification_report
from sklearn.metrics import f1_score

from kblib.errors import LabelError
from kblib.evaluation.answered import scale_scores, span_scores, word_scores
from kblib.finetuning.points import label_points

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


@pytest.fixture(scope="module")
def labelled() -> tuple[list[list[str]], list[list[str]], list[str]]:
    draw = random.Random(5)
    so = [[draw.choice(LABELS) for _ in range(draw.randint(3, 9))] for _ in range(60)]
    said = [[w if draw.random() < 0.7 else draw.choice(LABELS) for w in row] for row in so]
    return so, said, [f"film {n // 4}" for n in range(60)]


def score(table: pl.DataFrame, measure: str, label: str | None = None) -> dict:
    rows = table.filter(pl.col("measure").eq(measure) & pl.col("label").eq_missing(label))
    return rows.to_dicts()[0]


def test_spans_by_kind_are_those_of_seqeval(labelled) -> None:
    table = span_scores(*labelled)
    report = classification_report(labelled[0], labelled[1], output_dict=True)
    for kind in ("PER", "LOC"):
        found = score(table, "span F1", kind)
        assert found["score"] == pytest.approx(report[kind]["f1-score"])
        assert found["n"] == report[kind]["support"]
    for name in ("precision", "recall"):
        found = score(table, f"span {name}")
        assert found["score"] == pytest.approx(report["micro avg"][name])
        assert found["low"] < found["score"] < found["high"]


def test_words_are_those_of_scikit_learn(labelled) -> None:
    table = word_scores(*labelled)
    so, said = ([word for row in side for word in row] for side in labelled[:2])
    assert score(table, "macro F1")["score"] == pytest.approx(f1_score(so, said, average="macro"))
    for label, one in zip(LABELS, f1_score(so, said, average=None, labels=LABELS), strict=True):
        assert score(table, "F1", label)["score"] == pytest.approx(one)


def test_words_that_nothing_is_said_of_are_wrong_and_no_class(labelled) -> None:
    so, said, films = labelled
    silent = [[None, *row[1:]] for row in said]
    table = word_scores(so, silent, films)
    flat = [word for row in so for word in row], [word or "" for row in silent for word in row]
    f1 = f1_score(*flat, labels=LABELS, average="macro")
    assert score(table, "macro F1")["score"] == pytest.approx(f1)
    assert label_points(flat[0], [word or None for word in flat[1]])["macro_f1"] == pytest.approx(
        f1
    )
    for label, one in zip(LABELS, f1_score(*flat, average=None, labels=LABELS), strict=True):
        assert score(table, "F1", label)["score"] == pytest.approx(one)


def test_interval_is_that_of_films_drawn_by_hand(labelled) -> None:
    so, said, films = labelled
    found = score(span_scores(*labelled), "span F1")
    names = sorted(set(films))
    own = {name: [n for n, film in enumerate(films) if film == name] for name in names}
    random_, drawn = np.random.default_rng(7), []
    for _ in range(150):
        rows = [n for at in random_.integers(len(names), size=len(names)) for n in own[names[at]]]
        report = classification_report(
            [so[n] for n in rows], [said[n] for n in rows], output_dict=True
        )
        drawn.append(report["micro avg"]["f1-score"])
    low, high = np.percentile(drawn, [2.5, 97.5])
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=0.03)


def test_numbers_are_compared_by_rank_and_distance() -> None:
    draw = random.Random(6)
    so = [draw.uniform(0, 5) for _ in range(60)]
    said = [one + draw.gauss(0, 0.5) for one in so]
    table = scale_scores(so, said, [n // 3 for n in range(60)])
    assert score(table, "pearson")["score"] == pytest.approx(np.corrcoef(so, said)[0, 1])
    error = score(table, "mean absolute error")
    assert error["score"] == pytest.approx(np.abs(np.subtract(so, said)).mean())
    assert error["low"] < error["score"] < error["high"]


def test_few_units_have_no_interval(labelled) -> None:
    so, said, _ = labelled
    table = word_scores(so, said, ["one film"] * len(so))
    assert table["low"].null_count() == table.height


def test_other_words_than_those_labelled_are_refused(labelled) -> None:
    so, said, films = labelled
    with pytest.raises(LabelError, match="known of 60 texts, and said of 59"):
        word_scores(so, said[1:], films)
    with pytest.raises(LabelError, match="as many words"):
        span_scores(so, [row[1:] for row in said], films)


def test_text_without_a_group_is_a_group_of_its_own(labelled) -> None:
    so, said, films = labelled
    alone = [None if n < 20 else film for n, film in enumerate(films)]
    named = [f"alone {n}" if film is None else film for n, film in enumerate(alone)]
    missing = [(float("nan"), pd.NA, pd.NaT)[n % 3] if film is None else film
               for n, film in enumerate(alone)]  # fmt: skip
    tables = [
        [word_scores(so, said, one), span_scores(so, said, one)] for one in (alone, named, missing)
    ]
    assert tables[0][0]["units"][0] == 20 + 10
    assert all(a.select("measure", "score", "units").equals(b.select("measure", "score", "units"))
               for a, b in zip(tables[0], tables[1], strict=True))  # fmt: skip
    assert tables[0][0].equals(tables[2][0])
    points = [float(len(row)) for row in so]
    assert scale_scores(points, points, alone)["units"][0] == 30
