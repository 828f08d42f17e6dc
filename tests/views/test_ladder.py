"""LadderView: all models side by side, decades, the true word, questions it refuses."""

from __future__ import annotations

import pytest

from kbnotebooks import _words
from kbnotebooks.ladder import LadderView

TEXT = "Kungen [MASK] Stockholm i dag, och båten ser inte."


def answers(view: LadderView) -> str:
    return view._answers.value


def test_a_table_stands_for_each_model(ladder, structure):
    view = LadderView(ladder, TEXT, k=3)
    seen = structure(answers(view))
    assert len(seen.all("table")) == 6
    assert "GPT, whole sentence · all years" in answers(view)
    assert all(th["scope"] in ("col", "row") for th in seen.all("th"))


def test_true_word_is_marked_or_stands_beneath(ladder):
    view = LadderView(ladder, TEXT, answer="båtarna", k=2)
    assert answers(view).count('class="kb-hit"') == 6
    assert answers(view).count("båtarna (unknown to it)") == 3
    assert list(view.table[view.table["true"]]["word"]) == ["båtarna"] * 6


def test_told_answer_goes_when_another_sentence_is_typed(ladder):
    view = LadderView(ladder, TEXT, answer="båtarna")
    view._text.value = "Båten [MASK] hamnen om våren."
    assert "båtarna" not in answers(view)


def test_decade_asks_again_and_warns(ladder):
    view = LadderView(ladder, TEXT)
    assert "Not all of these models" not in answers(view)
    view._decade.value = "1930s"
    assert "trigram, left · 1930s" in answers(view)
    assert "GPT, left · all years" in answers(view)
    assert "Not all of these models are of that decade:" in answers(view)
    assert "N-grams of a decade have read speech only" in answers(view)
    assert view.selection == {"text": TEXT, "decade": "1930s"}


def test_answer_from_the_source_says_film_year_time_and_part(ladder, newsreels, structure):
    document = next(
        d for d in newsreels.documents() if ladder.about["parts"][d.origin["film"]] == "test"
    )
    word = document.text.split()[1]
    view = LadderView(ladder, document.text.replace(f" {word} ", " [MASK] ", 1))
    assert "From the source:" in answers(view)
    assert f"<strong>{word}</strong>: {document.origin['film']}" in answers(view)
    assert "no model was trained on it" in answers(view)
    assert "00:00:" in answers(view)


def test_sentence_of_nobody_says_so(ladder):
    view = LadderView(ladder, "Zebran [MASK] i Skara.")
    assert "nobody knows the true word" in answers(view)


def test_axes_are_told_apart(ladder):
    view = LadderView(ladder, TEXT)
    assert answers(view).count(">bits</th>") == 3
    assert answers(view).count(">pseudo-bits</th>") == 1
    assert "never compared with bits" in answers(view)


def test_two_masks_are_answered_in_a_sentence_and_recovered_from(ladder):
    view = LadderView(ladder, TEXT)
    view._text.value = "[MASK] och [MASK] kom"
    assert "The sentence has 2 blanks" in view._message.value
    assert answers(view) == ""
    assert view.table.empty
    view._text.value = TEXT
    assert view._message.value == ""
    assert "GPT" in answers(view)


def test_failing_model_is_told_below_the_view(ladder, monkeypatch):
    view = LadderView(ladder, TEXT)
    monkeypatch.setattr(type(ladder), "ask", lambda *_, **__: 1 / 0)
    view._button.click()
    assert "ZeroDivisionError" in view._message.value


def test_list_of_decades_shows_that_all_years_were_asked(ladder):
    view = LadderView(ladder, TEXT)
    assert view._decade.label == "all years"
    assert view.selection["decade"] is None
    view.selection = {"decade": "1940s"}
    view.selection = {"decade": None}
    assert view._decade.label == "all years"
    assert view.error is None


def test_decade_without_models_is_told_with_the_reason(ladder):
    view = LadderView(ladder, TEXT, decade="1910s")
    assert "There are no models of the decade '1910s'" in view._message.value


def test_something_else_than_a_ladder_is_refused():
    view = LadderView("newsreels", TEXT)
    assert "LadderView got str, which is no ladder." in view._message.value


def test_selection_can_be_set_by_code(ladder):
    view = LadderView(ladder, TEXT)
    view.selection = {"decade": "1940s", "text": "Båten [MASK] hamnen."}
    assert view.answer.blank.text == "Båten [MASK] hamnen."
    assert view.answer.answers[0].period == "1940s"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"year": 1940}, "This view has no 'year' to select."),
        ({"decade": "1890s"}, "1890s"),
        ("1940s", "The selection is '1940s'. A dictionary was expected."),
    ],
)
def test_impossible_selection_is_refused(ladder, wanted, said: str):
    view = LadderView(ladder, TEXT)
    view.selection = wanted
    assert said in view._message.value


def test_what_is_typed_is_shown_as_text_not_as_html(ladder, structure):
    view = LadderView(ladder, "<img src=x> kungen [MASK] båten")
    assert structure(view.html).all("img") == []


def test_view_speaks_swedish(ladder, monkeypatch):
    monkeypatch.setattr(_words, "_chosen", ["sv"])
    view = LadderView(ladder, TEXT, decade="1930s")
    assert "trigram, från vänster · 1930s" in answers(view)
    assert "Inte alla de här modellerna är från årtiondet:" in answers(view)
    assert "together" not in answers(view)
