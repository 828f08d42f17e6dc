"""LearningCurveView: picture and table tell the same; the price follows what the reader sets."""

from __future__ import annotations

import pytest

from kbnotebooks._curve_picture import cost, spread
from kbnotebooks._words import language
from kbnotebooks.price_of_a_label_view import LearningCurveView
from tests.views.made_curve import made_curve


@pytest.fixture
def curve():
    return made_curve()


def test_picture_and_table_tell_the_same(curve, structure):
    view = LearningCurveView(curve)
    shown = view._picture.value
    seen = structure(shown)
    (image,) = seen.all("img")
    score = curve.scores.told(("vectors", 64), "macro F1").mean
    level = curve.scores.told(("keywords", None), "macro F1").mean
    assert f" to {score:.0%}." in image["alt"]
    assert f"keywords, without labels: {level:.0%}." in image["alt"]
    assert f">{score:.1%}<" in shown
    assert f">{level:.1%}<" in shown
    assert {th["scope"] for th in seen.all("th")} == {"col", "row"}


def test_price_follows_the_minutes(curve):
    view = LearningCurveView(curve, minutes=2)
    assert "64 labels, at 2 min each, cost 2.1 h." in view._picture.value
    view._minutes.value = 0.5
    assert "64 labels, at 0.5 min each, cost 32 min." in view._picture.value
    assert view.table.set_index(["method", "labels"]).loc[("tf-idf", 64), "hours"] == 64 / 120


def test_crossings_stand_in_a_table_with_their_price(curve):
    shown = LearningCurveView(curve, minutes=1)._picture.value
    row = curve.crossings.of("vectors", "majority")
    first, sure = row["from_labels"], row["surely_from"]
    assert (
        f'<th scope="row">vectors</th><td>majority</td><td class="kb-number">{first} '
        f'({cost(first)})</td><td class="kb-number">{sure} ({cost(sure)})</td>'
    ) in shown
    assert '<th scope="row">vectors</th><td>tf-idf</td>' in shown
    assert '<th scope="row">tf-idf</th><td>vectors</td>' not in shown


def test_selection_is_set_by_code_in_part(curve):
    view = LearningCurveView(curve)
    assert view.selection == {"labels": 64, "minutes": 0.5, "measure": "macro F1"}
    view.selection = {"labels": 8, "measure": "accuracy"}
    assert view.selection == {"labels": 8, "minutes": 0.5, "measure": "accuracy"}
    score = curve.scores.told(("tf-idf", 8), "accuracy").mean
    assert f"tf-idf: {score:.1%} (" in view._picture.value


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"labels": 9}, "There is no 9 to select"),
        ({"measure": "F2"}, "to select"),
        ({"minutes": 0}, "How many minutes a label takes was expected"),
        ({"price": 3}, "This view has no"),
        (8, "A dictionary was expected"),
    ],
)
def test_wrong_selection_is_answered_in_a_sentence(curve, wanted, told):
    view = LearningCurveView(curve)
    view.selection = wanted
    assert told in view._message.value
    assert view.selection["labels"] == 64


def test_wrong_minutes_are_answered_in_a_sentence(curve):
    view = LearningCurveView(curve)
    view._minutes.value = -1
    assert "minutes is -1.0." in view._message.value
    view._minutes.value = 1
    assert view._message.value == ""
    assert "How many minutes" in LearningCurveView(curve, minutes=0)._message.value


def test_what_is_no_curve_is_refused_in_a_sentence():
    assert "LearningCurveView got float" in LearningCurveView(0.9)._message.value


def test_failing_callback_is_told_below_the_view(curve, monkeypatch):
    view = LearningCurveView(curve)
    monkeypatch.setattr("kbnotebooks._curve_picture.draw", lambda *_, **__: 1 / 0)
    view._size.value = 8
    assert "ZeroDivisionError" in view._message.value


def test_view_speaks_swedish(curve, monkeypatch):
    monkeypatch.setattr("kbnotebooks._words._chosen", [])
    language("sv")
    shown = LearningCurveView(curve).html
    assert "etiketter, 0,5 min styck, kostar" in shown
    assert "labels" not in shown.partition("</style>")[2].replace("data:image", "")


def test_costs_are_minutes_then_hours():
    assert [cost(one) for one in (4, 90, 150, 900)] == ["4 min", "90 min", "2.5 h", "15 h"]


def test_names_stand_apart_and_inside():
    assert spread([9.0, 9.2, 9.1, 1.0], 1.0, (0.0, 9.5)) == [7.5, 9.5, 8.5, 1.0]
