"""AttentionView: what Python writes; what the script does is tested in a browser."""

from __future__ import annotations

import base64
import html

import numpy as np
import pytest

from kbnotebooks import _words
from kbnotebooks._attention_box import SCRIPT, Chosen
from kbnotebooks.attention_view import AttentionView
from tests.views.tiny_model import tiny_model

SENTENCE = "Kungen och [MASK] besökte Malmö."


@pytest.fixture
def view() -> AttentionView:
    return AttentionView(SENTENCE, model=tiny_model())


def box(view, structure) -> dict[str, str]:
    return next(
        one for one in structure(view._picture.value).all("div") if one["class"] == "kb-attention"
    )


def test_blank_is_chosen_first(view):
    assert view.selection == {"word": "[MASK]", "place": 3, "layer": None, "head": None}


def test_words_are_options_of_a_list_for_the_keyboard(view, structure):
    seen = structure(view._picture.value)
    (listed,) = [one for one in seen.all("div") if one.get("role") == "listbox"]
    options = [one for one in seen.all("span") if one.get("role") == "option"]
    assert listed["tabindex"] == "0"
    assert "Arrow keys" in listed["aria-label"]
    chosen = [one for one in options if one["aria-selected"] == "true"]
    assert [one["id"] for one in chosen] == [listed["aria-activedescendant"]]
    assert len(options) == len(view.attention.units)


def test_box_holds_its_script_and_all_weights(view, structure):
    found = box(view, structure)
    assert found["onkeydown"] == SCRIPT.read_text("utf-8")
    numbers = np.frombuffer(base64.b64decode(found["data-weights"]), dtype="<u2")
    weights = view.attention.by_word
    np.testing.assert_allclose(numbers.reshape(weights.shape) / 65535, weights, atol=1e-5)


def test_nothing_is_fetched(view):
    page = html.unescape(view.html)
    assert "http" not in page.replace("https://www.w3.org", "")
    assert "import(" not in page


def test_table_holds_the_row_that_is_shown(view):
    wanted = view.attention.by_word[:, :, 3].mean(axis=(0, 1))
    assert view.table["weight"].tolist() == pytest.approx(wanted.tolist())
    assert view.table["word"].tolist() == [unit.text for unit in view.attention.units]


def test_choice_in_the_page_is_taken_over(view):
    written = view._picture.value
    view._state.value = Chosen(1, 2, 1).write()
    assert view.selection == {"word": "Kungen", "place": 1, "layer": 2, "head": 1}
    assert view.table["weight"].tolist() == view.attention.by_word[1, 0, 1].tolist()
    assert view._picture.value == written, "the page has drawn it already, and has the focus"


def test_choice_in_code_is_drawn(view, structure):
    view.selection = {"word": "besökte", "layer": 1, "head": 2}
    found = box(view, structure)
    assert [found[f"data-{name}"] for name in ("word", "layer", "head")] == ["4", "1", "2"]
    assert "Layer 1, head 2: 'besökte' looks most at" in view._picture.value
    assert view._state.value == "4 1 2"


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"word": "Kung"}, "The sentence has no word 'Kung'. Its words: [CLS], Kungen"),
        ({"word": "och", "layer": 3}, "There is no layer 3. This model has layers 1 to 2."),
        ({"place": 40}, "There is no unit 40."),
    ],
)
def test_choice_that_is_not_there_is_answered_and_the_old_one_stays(view, wanted, said):
    before = view.selection
    view.selection = wanted
    assert said in view._message.value
    assert view.selection == before


def test_control_stands_beside_the_weights(view):
    assert view.control is not None
    shown = view._answers.value
    assert "bits lost when hidden" in shown
    assert f"'{view.control.answer}'" in shown
    for effect in view.control.effects:
        assert f"{effect.effect_bits:+.2f}" in shown


def test_answer_of_ones_own_is_followed_until_another_sentence_is_typed():
    view = AttentionView(SENTENCE, model=tiny_model(), answer="och")
    assert view.control.answer == "och"
    view._text.value = "Han och [MASK] besökte Malmö."
    assert view.control.answer == tiny_model().fill(view.sentence, k=1).guesses[0].token


def test_sentence_without_a_blank_has_no_control(view):
    view._text.value = "Kungen besökte Malmö."
    assert view.control is None
    assert "bits lost" not in view._answers.value
    assert view.selection["word"] == "Kungen"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The text is empty"),
        ("Kungen [MASK] och [MASK].", "The text has 2 [MASK]"),
        ("Kungen går till [MASK]en.", "[MASK] stands inside a word"),
        ("och " * 60, "This model reads at most 40"),
    ],
)
def test_sentence_that_cannot_be_read_is_answered_and_recovered_from(view, text, said):
    view._text.value = text
    assert said in view._message.value
    assert view.selection == {}
    assert view._picture.value == view._answers.value == ""
    view._text.value = SENTENCE
    assert view._message.value == ""
    assert view.selection["word"] == "[MASK]"


def test_failing_model_is_told_below_the_view(view, monkeypatch):
    monkeypatch.setattr("kblib.models.attention.attention_weights", lambda *_, **__: 1 / 0)
    view._button.click()
    assert "ZeroDivisionError" in view._message.value


def test_box_speaks_swedish_and_so_does_its_script(view, structure, monkeypatch):
    monkeypatch.setattr(_words, "_chosen", ["sv"])
    view.selection = {"word": "Kungen", "layer": 2}
    found = box(view, structure)
    assert "Lager 2, huvud alla (medel): 'Kungen' ser mest på" in view._picture.value
    assert found["data-language"] == "sv"
    assert found["data-said"] == "Lager {layer}, huvud {head}: '{word}' ser mest på {targets}."


def test_saved_page_and_picture_show_the_choice(view, tmp_path):
    view.selection = {"word": "Kungen", "layer": 2}
    page = view.save(tmp_path / "view.html").read_text("utf-8")
    assert "Layer 2, head all (mean): 'Kungen' looks most at" in page
    assert "Layer 2, head all (mean)" in view._figure().axes[0].get_title(loc="left")
