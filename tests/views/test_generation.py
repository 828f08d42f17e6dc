"""The views of a model that writes, over a small model whose answers are its own."""

from __future__ import annotations

import pytest
import torch

from kblib.models.causal import CausalLM
from kbnotebooks.generate_view import GenerateView
from kbnotebooks.next_word_view import NextWordView
from tests.views.small_writer import small_writer


@pytest.fixture(scope="module")
def writer() -> CausalLM:
    return small_writer()


@pytest.fixture
def view(writer: CausalLM) -> GenerateView:
    return GenerateView("Kungen", model=writer, seeds=[1, 2], max_tokens=6)


def test_each_seed_has_its_text(view: GenerateView, writer: CausalLM):
    for seed in (1, 2):
        alone = writer.generate("Kungen", seed=seed, max_tokens=6)
        assert f"<strong>{alone.continuation}</strong>" in view._texts.value
        words = view.table[view.table["seed"] == seed]["word"]
        assert list(words) == list(alone.table["word"])


def test_changing_a_number_writes_again(view: GenerateView, writer: CausalLM):
    view._temperature.value = 0.0
    alone = writer.generate("Kungen", seed=1, max_tokens=6, temperature=0)
    assert [one.continuation for one in view.continuations.texts] == [alone.continuation] * 2
    assert view.selection["temperature"] == 0.0


def test_selection_can_be_set_in_part(view: GenerateView):
    view.selection = {"prompt": "Tåget", "seeds": [7], "top_k": 3, "top_p": 0.5}
    assert view.selection == {
        "prompt": "Tåget", "seeds": [7], "max_tokens": 6, "temperature": 0.8, "top_k": 3,
        "top_p": 0.5,
    }  # fmt: skip
    assert view.continuations.provenance["seeds"] == [7]
    assert view.continuations.texts[0].prompt == "Tåget"


def test_words_and_probabilities_open_on_demand(view: GenerateView, structure):
    seen = structure(view.html)
    assert len(seen.all("details")) == 2
    assert "Probability of each word" in view.html
    assert {th["scope"] for th in seen.all("th")} == {"col", "row"}
    assert "invented" in view.html


@pytest.mark.parametrize(
    ("control", "value", "said"),
    [
        ("_seeds", "en, två", "The seed 'en,' is no whole number."),
        ("_seeds", "", "There are 0 seeds."),
        ("_length", 100, "This model reads at most 48 at once."),
    ],
)
def test_what_cannot_be_written_is_told_below(view: GenerateView, control, value, said):
    if said.startswith("The seed"):
        said = "The seed 'en' is no whole number."
    getattr(view, control).value = value
    assert said in view._message.value
    assert view._texts.value == ""
    assert view.table.empty
    getattr(view, control).value = {"_seeds": "1", "_length": 5}[control]
    assert view._message.value == ""


def test_numbers_that_make_no_sense_are_told_at_once(writer: CausalLM):
    view = GenerateView("Kungen", model=writer, top_p=1.5)
    assert "top_p is 1.5." in view._message.value


def test_failing_model_is_told_below_the_writing(view: GenerateView):
    class Broken:
        def continuations(self, *_: object, **__: object) -> None:
            raise ZeroDivisionError("broken")

    view._model = Broken()
    view._button.click()
    assert "ZeroDivisionError" in view._message.value


@pytest.fixture
def chooser(writer: CausalLM) -> NextWordView:
    return NextWordView("Kungen", model=writer, k=5)


def test_words_stand_on_buttons_with_their_share(chooser: NextWordView, writer: CausalLM):
    found = writer.next_words("Kungen", k=5).table
    assert [button.description for button, _ in chooser._rows] == list(found["word"])
    assert list(chooser.table["probability"]) == list(found["probability"])


def test_click_adds_the_word_and_asks_again(chooser: NextWordView, writer: CausalLM):
    first = next(word for word in chooser.next_words.words if word.kind != "end")
    place = chooser.next_words.words.index(first)
    chooser._rows[place][0].click()
    assert chooser.selection == "Kungen" + first.append
    assert list(chooser.table["word"]) == list(writer.next_words(chooser.selection, k=5).table.word)


def test_selection_that_is_no_text_is_answered_in_a_sentence(chooser: NextWordView):
    chooser.selection = 1939
    assert "The text is 1939. A text was expected." in chooser._message.value
    assert chooser.selection == "Kungen"


def test_first_text_that_is_none_is_answered_in_a_sentence(writer: CausalLM):
    view = NextWordView(1939, model=writer)
    assert "The text is 1939. A text was expected." in view._message.value
    view.selection = "Kungen"
    assert view.error is None
    assert len(view.table)


def test_chosen_word_can_be_taken_back(chooser: NextWordView):
    before = list(chooser.table["word"])
    place = next(n for n, word in enumerate(chooser.next_words.words) if word.kind != "end")
    chooser.choose(place)
    chooser._back.click()
    assert chooser.selection == "Kungen"
    assert list(chooser.table["word"]) == before
    assert chooser._back.disabled


def test_first_word_of_a_text_has_no_blank_before_it(writer: CausalLM):
    view = NextWordView("", model=writer, k=5)
    place = next(n for n, word in enumerate(view.next_words.words) if word.kind != "end")
    view.choose(place)
    assert view.selection == view.selection.lstrip()
    assert view.selection


def test_still_form_has_the_words_in_a_table(chooser: NextWordView, structure):
    seen = structure(chooser.html)
    assert len(seen.all("table")) == 1
    assert [th["scope"] for th in seen.all("th")] == ["col"] * 3 + ["row"] * 5
    assert "All other ways to go on" in chooser.html


@pytest.mark.parametrize("k", [0, 31, "ten"])
def test_number_of_words_that_cannot_be_shown_is_told(writer: CausalLM, k):
    view = NextWordView("Kungen", model=writer, k=k)
    assert f"k is {k!r}" in view._message.value.replace("&#x27;", "'")


def test_failing_model_is_told_below_the_words(chooser: NextWordView):
    chooser._model = None
    chooser._wanted = torch  # no model at all
    chooser._text.value = "Tåget"
    assert "AttributeError" in chooser._message.value
    assert chooser.table.empty


def test_text_too_long_is_told_below_the_words(chooser: NextWordView):
    chooser._text.value = "Kungen " * 60
    assert "This model reads at most 48 at once." in chooser._message.value


def test_temperature_that_the_slider_cannot_show_is_refused(writer: CausalLM):
    view = GenerateView("Kungen", model=writer, temperature=9.0)
    assert "The temperature is 9.0. The view shows 0 to 2." in view._message.value
    assert view.continuations is None
