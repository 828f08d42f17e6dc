"""ScoresView: each label with its interval, the numbers in a table, the errors with their texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.evaluation.scores import evaluate
from kbnotebooks._words import language
from kbnotebooks.scores_view import ScoresView


@pytest.fixture(scope="module")
def scores():
    """Forty films of two media; the model takes every fourth crime for trade."""
    n = 400
    names = np.array(["väder", "brott", "handel"])[np.arange(n) % 3]
    corpus = Corpus.from_texts(
        [f"text {number} om {name}" for number, name in enumerate(names)],
        film=[str(number // 10) for number in range(n)],
        medium=["speech" if number % 2 else "intertitle" for number in range(n)],
    )
    ids = corpus.table["id"]
    said = np.where((names == "brott") & (np.arange(n) % 4 == 0), "handel", names)
    found, read = (pd.DataFrame({"id": ids, "label": one}) for one in (said, names))
    return evaluate(corpus, found, read, by=["medium"])


def test_picture_and_table_tell_the_same(scores, structure):
    view = ScoresView(scores)
    seen = structure(view._picture.value)
    (image,) = seen.all("img")
    rows = scores.table
    crime = rows[(rows["label"] == "brott") & rows["group"].isna()].set_index("measure").loc["F1"]
    assert f"brott: {crime.score:.1%} ({crime.low:.1%} to {crime.high:.1%})" in image["alt"]
    assert f">{crime.score:.1%}<" in view._picture.value
    assert {th["scope"] for th in seen.all("th")} == {"col", "row"}


def test_errors_are_shown_with_their_texts(scores):
    shown = ScoresView(scores)._picture.value
    assert f"{len(scores.errors())} texts labelled wrongly" in shown
    assert "text 4 om brott" in shown


def test_group_is_chosen_by_list_and_by_code(scores):
    view = ScoresView(scores)
    assert view.selection == "all"
    view.selection = "medium=speech"
    assert "brott: 100.0%" in view._picture.value
    view._group.value = "medium=intertitle"
    assert view.selection == "medium=intertitle"
    assert "brott: 100.0%" not in view._picture.value


def test_measure_is_chosen(scores):
    view = ScoresView(scores)
    before = view._picture.value
    view._measure.value = "precision"
    assert view._picture.value != before


def test_unknown_group_is_answered_in_a_sentence(scores):
    view = ScoresView(scores)
    view.selection = "medium=radio"
    assert "There is no group" in view._message.value


def test_what_are_no_scores_is_refused_in_a_sentence():
    assert "ScoresView got float" in ScoresView(0.9)._message.value


def test_failing_callback_is_told_below_the_view(scores, monkeypatch):
    view = ScoresView(scores)
    monkeypatch.setattr("kbnotebooks.scores_view._table_html", lambda *_: 1 / 0)
    view._measure.value = "recall"
    assert "ZeroDivisionError" in view._message.value


def test_view_speaks_swedish(scores, monkeypatch):
    monkeypatch.setattr("kbnotebooks._words._chosen", [])
    language("sv")
    shown = ScoresView(scores).html
    assert "texter med fel etikett" in shown
    assert "labelled" not in shown
    assert ">täckning<" in shown
    assert ">recall<" not in shown
