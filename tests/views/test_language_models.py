"""FillMaskView: words in a blank, asked again by typing."""

from __future__ import annotations

import pytest

from kblib.files import write_json
from kbnotebooks.language_models import FillMaskView

SENTENCE = "På bilden ser vi en [MASK] i Stockholm."


def answers(view: FillMaskView) -> str:
    return view._answers.value


def test_words_stand_in_a_table_with_headers(parrot, structure):
    view = FillMaskView(SENTENCE, model=parrot, k=3)
    seen = structure(answers(view))
    assert [th["scope"] for th in seen.all("th")] == ["col"] * 3 + ["row"] * 4
    assert "parrot" in answers(view)
    assert "50 %" in answers(view)


def test_rest_is_what_the_shown_words_leave(parrot):
    view = FillMaskView(SENTENCE, model=parrot, k=3)
    # One half, a quarter and an eighth are shown: an eighth is left.
    assert view.guesses[0].rest == pytest.approx(0.125)
    assert "all other words" in answers(view)


def test_typing_asks_again(parrot):
    view = FillMaskView(SENTENCE, model=parrot)
    before = answers(view)
    view._text.value = "Vi ser en [MASK]."
    assert answers(view) != before
    assert view.table["word"][0] == f"n{len('Vi ser en [MASK].')}"
    assert view.selection == "Vi ser en [MASK]."


def test_button_asks_again(parrot):
    view = FillMaskView(SENTENCE, model=parrot)
    view._answers.value = ""
    view._button.click()
    assert "bro" in answers(view)


def test_two_masks_are_answered_in_a_sentence_and_recovered_from(parrot):
    view = FillMaskView(SENTENCE, model=parrot)
    view._text.value = "[MASK] och [MASK]"
    assert "has 2 blanks" in view._message.value
    assert answers(view) == ""
    assert view.table.empty
    view._text.value = SENTENCE
    assert view._message.value == ""
    assert "bro" in answers(view)


def test_failing_model_is_told_below_the_view(parrot):
    view = FillMaskView(SENTENCE, model=parrot)
    parrot.fill = lambda *_, **__: 1 / 0
    view._text.value = "En [MASK] till."
    assert "ZeroDivisionError" in view._message.value


def test_real_word_is_told_with_its_place(parrot):
    view = FillMaskView("Vi ser en [MASK].", model=parrot, answer="gata", k=2)
    assert "Vi ser en gata." in answers(view)
    assert "'gata' is its guess number 3 of 11" in answers(view)
    assert len(view.guesses[0].table) == 2


def test_real_word_is_found_in_the_real_sentence(parrot):
    view = FillMaskView("Vi ser en [MASK].", model=parrot, answer="Vi ser en hamn.")
    assert "'hamn' is its guess number 9" in answers(view)


def test_real_word_outside_the_vocabulary_is_said(parrot):
    view = FillMaskView("Vi ser en [MASK].", model=parrot, answer="järnvägsstation")
    assert "not one piece" in answers(view)


def test_real_sentence_goes_when_another_is_typed(parrot):
    view = FillMaskView("Vi ser en [MASK].", model=parrot, answer="gata")
    view._text.value = "Här är en [MASK]."
    assert "The real sentence" not in answers(view)


def test_models_stand_side_by_side_under_names_of_ones_own(parrot, structure):
    view = FillMaskView(SENTENCE, models={"mine": parrot, "yours": parrot}, k=2)
    assert len(structure(answers(view)).all("table")) == 2
    assert list(view.table["model"]) == ["mine", "mine", "yours", "yours"]


def test_both_model_and_models_are_refused_in_a_sentence(parrot):
    view = FillMaskView(SENTENCE, model=parrot, models=[parrot])
    assert "got both model= and models=" in view._message.value


def test_models_of_one_name_are_told_apart(parrot):
    view = FillMaskView(SENTENCE, models=[parrot, parrot], k=1)
    assert list(view.table["model"]) == ["parrot", "parrot (2)"]


@pytest.mark.parametrize("models", [[], "kb-mini-masked"])
def test_models_that_are_no_list_are_refused_in_a_sentence(models):
    view = FillMaskView(SENTENCE, models=models)
    assert "A list of models was expected." in view._message.value


def test_model_that_could_not_be_opened_is_tried_again(parrot, monkeypatch):
    view = FillMaskView(SENTENCE, k=0)
    assert "k is 0" in view._message.value
    view._button.click()
    assert "k is 0" in view._message.value
    view.k, view._wanted = 3, (parrot, None)
    view._button.click()
    assert view._message.value == ""
    assert len(view.table) == 3


@pytest.mark.parametrize("k", [0, -1, "8", True])
def test_impossible_k_is_refused_in_a_sentence(parrot, k):
    view = FillMaskView(SENTENCE, model=parrot, k=k)
    assert f"k is {k!r}" in view._message.value


def test_what_is_typed_is_shown_as_text_not_as_html(parrot, structure):
    view = FillMaskView("<img src=x> [MASK]", model=parrot)
    assert structure(view.html).all("img") == []


def test_selection_can_be_set_by_code(parrot):
    view = FillMaskView(SENTENCE, model=parrot)
    view.selection = "Vid en [MASK]."
    assert view._text.value == "Vid en [MASK]."
    assert view.guesses[0].table["word"][0] == "n14"


def test_years_of_the_model_are_told_where_others_are_asked_about(parrot, tmp_path):
    write_json(tmp_path / "recipe.json", {"job": {"corpus": {"years": [1930, 1959]}}})
    parrot.folder = tmp_path
    view = FillMaskView(SENTENCE, model=parrot, about=1935)
    assert "its answer is of all these years, not of 1935." in answers(view)
    assert "all these years" not in answers(FillMaskView(SENTENCE, model=parrot))
    assert "all these years" not in answers(
        FillMaskView(SENTENCE, model=parrot, about=(1930, 1959))
    )


def test_sentence_that_is_no_text_is_answered_in_a_sentence(parrot):
    view = FillMaskView(1939, model=parrot)
    assert "The sentence is 1939. A sentence was expected." in view._message.value
    view.selection = SENTENCE
    assert view.error is None
    assert len(view.table)
