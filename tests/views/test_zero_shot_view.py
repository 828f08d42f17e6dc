"""ZeroShotView: labels in words, scores as bars, and who answered, always."""

from __future__ import annotations

import pytest

from kbnotebooks._words import language
from kbnotebooks.zero_shot_view import ZeroShotView

WORDS = {"hov": ["kung*", "drottning*"], "resor": ["tåg*", "flyg*"], "sport": ["match*", "lag*"]}
TEXTS = ["Kungen tog tåget, sade drottningen.", "Tåget <b>kom</b>.", "Inget av detta."]


@pytest.fixture
def view() -> ZeroShotView:
    return ZeroShotView(TEXTS, WORDS, method="keywords")


def test_scores_stand_beside_their_bars_and_who_answered_above(view, structure):
    assert view.table.iloc[0].tolist() == ["hov", pytest.approx(2 / 3)]
    shown = view._answers.value
    assert "Method: keywords, no model. Model: none." in shown
    assert "0.667" in shown
    assert "they always sum to 1" in shown
    found = structure(shown)
    assert len(found.all("caption")) == 1
    assert all("scope" in one for one in found.all("th"))
    assert "kb-bar" in shown


def test_other_text_is_chosen_or_typed(view):
    view._choice.value = TEXTS[1]
    assert view.selection["text"] == TEXTS[1]
    assert view.table.iloc[0].tolist() == ["resor", 1.0]
    view._text.value = "Laget vann matchen."
    assert view.table["label"][0] == "sport"
    view._choice.value = TEXTS[2]
    assert view.table.empty
    assert "Nothing speaks for any label." in view._answers.value


def test_selection_is_set_in_part_and_asked_once(view):
    view.selection = {"text": "Flyg och match.", "labels": ["resor", "match"], "multi": True}
    assert view.selection == {
        "text": "Flyg och match.",
        "labels": ["resor", "match"],
        "template": "Detta exempel handlar om {}.",
        "method": "keywords",
        "multi": True,
    }
    assert view.result.rows["labels"].to_list() == [["resor", "match"]]  # a new word is its own
    view.selection = {"labels": {"luft": ["flyg*"], "mark": ["tåg*"]}, "multi": False}
    assert view.table.iloc[0].tolist() == ["luft", 1.0]


def test_errors_are_shown_below_the_view_and_no_old_answer_beside_them(view):
    view._labels.value = "hov"
    assert "Of labels there is only" in view._message.value
    assert view._answers.value == ""
    view._labels.value = "hov, hov"
    assert "stands twice" in view._message.value
    view._labels.value = "hov, resor"
    assert view.error is None
    view._template.value = "Om väder."
    assert "The template is" in view._message.value
    view.selection = {"method": "magic"}
    assert "There is no method" in view._message.value
    view.selection = {"metod": "keywords"}
    assert "metod" in view._message.value


def test_failing_model_shows_its_error(view, monkeypatch):
    monkeypatch.setattr("kblib.zeroshot.keywords.Keywords.evidence", lambda *_, **__: 1 / 0)
    view._button.click()
    assert "ZeroDivisionError" in view._message.value


@pytest.mark.parametrize("labels", [None, 5, "hov, resor"])
def test_labels_that_are_no_list_are_told_and_others_can_be_typed(labels):
    view = ZeroShotView(TEXTS, labels, method="keywords")
    assert f"The labels are {labels!r}." in view._message.value.replace("&#x27;", "'")
    view._labels.value = "kungen, tåget"
    view._method.value = "keywords"
    assert "None" not in view._message.value


def test_selection_of_another_kind_changes_nothing(view):
    before = view.selection
    for wrong in ({"text": 5}, {"labels": 5}, {"template": None}, {"multi": "yes"}):
        view.selection = {"method": "masked", **wrong}
        assert f"{next(iter(wrong))} is" in view._message.value
        assert view.selection == before
    view.selection = {"labels": "hov, sport"}
    assert view.selection["labels"] == ["hov", "sport"]


def test_column_of_a_table_is_a_list_of_texts():
    pandas = pytest.importorskip("pandas")
    assert len(ZeroShotView(pandas.Series(TEXTS), WORDS, method="keywords")._choice.options) == 3


@pytest.mark.parametrize("texts", [[], 7, [7]])
def test_what_is_no_text_is_told(texts):
    view = ZeroShotView(texts, WORDS, method="keywords")
    assert "ZeroShotView got" in view._message.value


def test_still_form_has_text_template_and_answer(view):
    still = view.html
    assert "Kungen tog tåget" in still
    assert "Template: Detta exempel handlar om {}." in still
    assert "Method: keywords" in still
    view._choice.value = TEXTS[1]
    assert "&lt;b&gt;kom&lt;/b&gt;" in view.html


def test_other_method_is_asked_with_its_own_model(view):
    view.selection = {"method": "masked", "labels": ["kungen", "tåget"]}
    assert view.error is None
    assert view.result.model == "kb-mini-masked"
    assert "what fills the blank?" in view._answers.value
    opened = view._models["masked"]
    view.selection = {"text": "Tåget kom."}
    assert view._models["masked"] is opened


def test_view_speaks_swedish(monkeypatch):
    monkeypatch.setattr("kbnotebooks._words._chosen", [])
    language("sv")
    view = ZeroShotView(TEXTS, WORDS, method="keywords")
    shown = view._answers.value
    assert "Metod: nyckelord, ingen modell. Modell: ingen." in shown
    assert "de blir alltid 1 tillsammans" in shown
    assert "0,667" in shown
