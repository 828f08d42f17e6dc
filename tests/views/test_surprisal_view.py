"""SurprisalView: bits of each word, on an axis of its own."""

from __future__ import annotations

import pytest

from kbnotebooks.surprisal_view import NOT_COMPARABLE, SurprisalView
from tests.views.tiny_model import tiny_model

SENTENCE = "Kungen besökte Malmö i dag."


@pytest.fixture
def view() -> SurprisalView:
    return SurprisalView(SENTENCE, model=tiny_model())


def test_words_stand_in_a_table_with_headers(view, structure):
    seen = structure(view._answers.value)
    assert [th["scope"] for th in seen.all("th")] == ["col"] * 4 + ["row"] * 6
    assert "pseudo-surprisal, bits (both sides known)" in view._answers.value


def test_numbers_are_those_of_the_model(view):
    wanted = tiny_model().surprisal(SENTENCE).table
    assert view.table["bits"].tolist() == wanted["bits"].tolist()
    assert f"{wanted['bits'][1]:.1f}" in view._answers.value


def test_axis_is_said_never_to_be_that_of_n_grams_or_gpt(view):
    assert NOT_COMPARABLE in view._answers.value
    assert NOT_COMPARABLE in view.html
    assert view._figure()._supylabel.get_text() == "pseudo-surprisal, bits (both sides known)"


def test_typing_reads_another_sentence(view):
    view.selection = "Tåget går till Kiruna."
    assert view.table["word"].tolist() == ["Tåget", "går", "till", "Kiruna", "."]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The text is empty"),
        ("Kungen [MASK].", "The text has a [MASK]"),
        ("och " * 60, "This model reads at most 40"),
    ],
)
def test_sentence_that_cannot_be_read_is_answered_and_recovered_from(view, text, said):
    view.selection = text
    assert said in view._message.value
    assert view._answers.value == ""
    assert view.table.empty
    view.selection = SENTENCE
    assert view._message.value == ""
    assert len(view.table) == 6


def test_selection_that_is_no_text_is_refused_and_the_sentence_stays(view):
    view.selection = None
    assert "The selection is None. A sentence was expected." in view._message.value
    assert view.selection == SENTENCE


def test_failing_model_is_told_below_the_view(view, monkeypatch):
    monkeypatch.setattr(type(tiny_model()), "surprisal", lambda *_: 1 / 0)
    view._button.click()
    assert "ZeroDivisionError" in view._message.value


def test_models_stand_side_by_side(structure):
    view = SurprisalView(SENTENCE, models={"mine": tiny_model(), "yours": tiny_model(2)})
    assert len(structure(view._answers.value).all("table")) == 2
    assert view.table["model"].unique().tolist() == ["mine", "yours"]


def test_both_model_and_models_are_refused_in_a_sentence():
    view = SurprisalView(SENTENCE, model=tiny_model(), models=[tiny_model()])
    assert "SurprisalView got both model= and models=" in view._message.value


@pytest.mark.parametrize("models", [[], "kb-mini-masked"])
def test_models_that_are_no_list_are_refused_in_a_sentence(models):
    assert "A list of models was expected." in SurprisalView(SENTENCE, models=models)._message.value


def test_years_are_warned_of():
    view = SurprisalView(SENTENCE, model=tiny_model(), about=1935)
    assert "Which years tiny has read is not recorded" in view._answers.value


def test_word_outside_the_vocabulary_has_no_number(view):
    view.selection = "Kungen ☃ kom."
    assert "not in the vocabulary" in view._answers.value
    assert view.png().startswith(b"\x89PNG")
