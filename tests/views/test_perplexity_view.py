"""PerplexityView: bits word by word, the next word, sampled texts."""

from __future__ import annotations

import math
import re

import pytest

from kblib.corpora import Corpus
from kblib.ngrams.language_model import NgramLM
from kbnotebooks import _words
from kbnotebooks.perplexity_view import PerplexityView

TEXTS = ["kungen reser till norge", "kungen talar till oss", "båten går till norge i dag"]
SENTENCE = "kungen går till påven"


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_words, "_chosen", ["en"])


@pytest.fixture(scope="module")
def model() -> NgramLM:
    return NgramLM.train(TEXTS, order=3)


def test_bits_of_the_table_add_up_to_the_score(model: NgramLM):
    view = PerplexityView(model, SENTENCE)
    bits = view.table["bits"].sum()
    assert -bits * math.log10(2) == pytest.approx(model.log10_score(SENTENCE), abs=1e-5)
    told = model.perplexity([SENTENCE]).with_unknown
    assert f"Perplexity {told:,.1f}" in view._words.value


def test_unknown_word_is_marked_in_words(model: NgramLM):
    view = PerplexityView(model, SENTENCE)
    assert "påven (unknown to the model)" in view._words.value
    assert "1 of 4 words are unknown" in view._words.value


def test_n_gram_that_was_used_is_shown(model: NgramLM):
    view = PerplexityView(model, SENTENCE)
    # 'kungen går' never occurred; 'går till' did, and nothing longer that ends there.
    assert re.findall(r"<td>(\d: [^<]*)</td>", view._words.value) == [
        "2: (start) kungen",
        "1: går",
        "2: går till",
        "1: (unknown)",
        "1: (end)",
    ]


def test_picture_is_told_with_the_least_expected_word(model: NgramLM, structure):
    view = PerplexityView(model, SENTENCE)
    (image,) = structure(view._words.value).all("img")
    table = view.table
    worst = table.loc[table["bits"].idxmax()]
    assert f"Least expected is '{worst.word}' ({worst.bits:.1f} bits)" in image["alt"]
    assert "The longest n-gram used has 2 words, at 'kungen', 'till'." in image["alt"]


def test_next_words_are_those_of_the_model(model: NgramLM):
    view = PerplexityView(model, SENTENCE)
    view.selection = {"after": 1}
    before = model.log10_score("kungen")
    guess = view.next_words.set_index("word")["probability"]
    assert guess.index[:2].to_list() == ["reser", "talar"]
    # What 'kungen' and then the end cost together, taken apart by hand.
    bits = PerplexityView(model, "kungen").table["bits"]
    assert guess["</s>"] == pytest.approx(2.0 ** -bits.iloc[-1], rel=1e-5)
    assert -bits.sum() * math.log10(2) == pytest.approx(before, abs=1e-5)
    assert "<unk>" not in guess.index


def test_samples_follow_the_seed_and_the_words_before(model: NgramLM):
    view = PerplexityView(model, SENTENCE)
    view.selection = {"after": 1, "seed": 7}
    assert view.samples == model.sample(3, seed=7, prompt="kungen", max_words=30)
    first = view._samples.value
    view._seed.value = 8
    assert view._samples.value != first
    view._seed.value = 7
    assert view._samples.value == first


def test_typing_scores_again(model: NgramLM):
    view = PerplexityView(model, SENTENCE)
    view._text.value = "båten talar"
    assert view.table["word"].to_list() == ["båten", "talar", "</s>"]
    assert view.selection == {"text": "båten talar", "after": 1, "seed": 1}


def test_document_is_read_as_its_text(model: NgramLM):
    view = PerplexityView(model, Corpus.from_texts(["kungen talar"])[0])
    assert view.selection["text"] == "kungen talar"
    assert view.error is None


def test_empty_sentence_is_answered_and_recovered_from(model: NgramLM):
    view = PerplexityView(model, "  ")
    assert "There is no word to score." in view._message.value
    assert view.table.empty
    view._text.value = "kungen"
    assert view._message.value == ""


def test_reserved_word_is_answered_in_a_sentence(model: NgramLM):
    view = PerplexityView(model, "kungen <unk>")
    assert "The word &lt;unk&gt; stands in" in view._message.value


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"after": 9}, "There are no 9 words before"), ({"word": 1}, "no 'word' to select")],
)
def test_strange_selection_is_answered_in_a_sentence(model: NgramLM, wanted, said: str):
    view = PerplexityView(model, SENTENCE)
    view.selection = wanted
    assert said in view._message.value


def test_another_model_or_text_is_answered_in_a_sentence(model: NgramLM):
    assert "which is no n-gram model" in PerplexityView("kb-mini-masked", "kungen")._message.value
    assert "The text is int." in PerplexityView(model, 5)._message.value


def test_failing_callback_is_told_below_the_view(model: NgramLM, monkeypatch):
    view = PerplexityView(model, SENTENCE)
    monkeypatch.setattr("kbnotebooks.perplexity_view.word_surprisal", lambda *_: 1 / 0)
    view._text.value = "båten"
    assert "ZeroDivisionError" in view._message.value


def test_long_text_is_drawn_in_part_and_listed_whole(model: NgramLM):
    view = PerplexityView(model, " ".join(TEXTS * 5))
    assert len(view._figure().axes[0].patches) == 40
    assert len(view.table) == sum(len(text.split()) for text in TEXTS) * 5 + 1


def test_what_is_typed_is_shown_as_text_not_as_html(model: NgramLM, structure):
    view = PerplexityView(model, "<b>kungen</b> talar")
    assert structure(view.html).all("b") == []


def test_view_speaks_swedish(model: NgramLM, structure):
    _words.language("sv")
    view = PerplexityView(model, SENTENCE)
    assert "1 av 4 ord är okända för modellen." in view._words.value
    assert "Minst väntat är" in structure(view._words.value).all("img")[0]["alt"]
    assert "påhittat" in view._samples.value
