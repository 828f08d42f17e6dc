"""KeynessView, CollocationView and DispersionView: pictures in words, choices, wrong input."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.ngrams.collocations import collocations
from kblib.ngrams.keyness import keyness
from kbnotebooks import _words
from kbnotebooks.collocation_view import CollocationView
from kbnotebooks.dispersion_view import DispersionView
from kbnotebooks.keyness_view import KeynessView


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_words, "_chosen", ["en"])


def corpus_of(texts: list[str], name: str, **columns: object) -> Corpus:
    table = pd.DataFrame({"text": texts, "film": [f"{name}{k:02d}" for k in range(len(texts))]})
    return Corpus.from_table(table.assign(**columns), name=name)


@pytest.fixture(scope="module")
def summer() -> Corpus:
    texts = ["sol och sol och bad", "sol och vind i dag"] * 6
    return corpus_of(texts, "summer", year=[1930 + k // 4 for k in range(12)])


@pytest.fixture(scope="module")
def winter() -> Corpus:
    texts = ["snö och vind i dag", "snö och snö och bad"] * 6
    return corpus_of(texts, "winter", year=1940)


def alt(html: str, structure) -> str:
    (image,) = structure(html).all("img")
    return image["alt"]


def test_keyness_is_told_with_the_words_that_mark_most(summer, winter, structure):
    view = KeynessView(keyness(summer, winter))
    said = alt(view.html, structure)
    assert re.search(r"Most marked in summer: 'sol'", said)
    assert re.search(r"Most marked in winter: 'snö'", said)
    # 18 hits beside half a hit, in texts of equal length
    assert "'sol' (36 times as frequent)" in said


def test_shown_words_are_the_ends_of_the_table(summer, winter):
    view = KeynessView(keyness(summer, winter), n=2)
    table = view.table.assign(signed=lambda t: t.g2 * np.sign(t.log_ratio))
    assert list(view.shown["word"]) == ["sol", "snö"]
    assert table.signed.idxmax() == table.index[table.word.eq("sol")][0]


def test_limit_of_false_finds_leaves_words_out(summer, winter):
    view = KeynessView(keyness(summer, winter))
    view.selection = {"q": 0.001}
    left = view.table[view.table["q_value"] <= 0.001]["word"]
    assert set(view.shown["word"]) == set(left)


def test_limit_that_nothing_passes_is_answered_in_a_sentence(summer, winter):
    view = KeynessView(keyness(summer, winter))
    view.selection = {"q": 1e-9}
    assert "No word passes this limit." in view._body.value


def test_few_units_offer_no_test_and_say_so():
    table = keyness(corpus_of(["sol sol"], "a"), corpus_of(["snö snö"], "b"), min_count=1)
    view = KeynessView(table)
    assert [value for _, value in view._q.options] == [None]
    assert "no interval and no test" in view._body.value
    assert len(view.png()) > 0


@pytest.mark.parametrize(
    ("wanted", "said"),
    [({"n": 0}, "n is 0."), ({"m": 1}, "no &#x27;m&#x27; to select"), ({"n": "5"}, "n is")],
)
def test_strange_selection_of_keyness_is_answered(summer, winter, wanted, said: str):
    view = KeynessView(keyness(summer, winter))
    view.selection = wanted
    assert said.replace("&#x27;", "'") in view._message.value


def test_names_of_equal_corpora_are_told_apart(summer):
    first, later = summer.filter(years=(1930, 1930)), summer.filter(years=(1931, 1932))
    view = KeynessView(keyness(first, later, min_count=1))
    assert view.names == ("the corpus", "the reference")


def test_something_else_than_keyness_is_answered_in_a_sentence(summer):
    assert "KeynessView got Corpus." in KeynessView(summer)._message.value


def test_failing_callback_of_keyness_is_told_below_the_view(summer, winter, monkeypatch):
    view = KeynessView(keyness(summer, winter))
    monkeypatch.setattr(KeynessView, "_sides", lambda _: 1 / 0)
    view._n.value = 5
    assert "ZeroDivisionError" in view._message.value


def test_collocations_are_told_with_the_strongest(summer, structure):
    view = CollocationView(collocations(summer, "sol", left=1, right=1, min_count=1))
    said = alt(view.html, structure)
    near = view.table.set_index("word")["near"]
    assert f"The strongest is 'och': {near['och']} times near" in said
    assert "18 hits; 1 words before, 1 after" in said


def test_another_measure_sorts_again(summer):
    view = CollocationView(collocations(summer, "vind", min_count=1))
    for measure in ("pmi", "g2", "near", "log_dice"):
        view.selection = measure
        assert view.shown[measure].is_monotonic_decreasing
        assert view.selection == measure


def test_unknown_measure_is_answered_in_a_sentence(summer):
    view = CollocationView(collocations(summer, "sol"))
    view.selection = "tf-idf"
    assert "There is no measure 'tf-idf'." in view._message.value


def test_word_without_company_is_answered_in_a_sentence(summer):
    view = CollocationView(collocations(summer, "sol", min_count=500))
    assert "No word is near 'sol' at least 500 times" in view._body.value
    assert "1 form was counted: sol (18)" in view._body.value


def test_failing_callback_of_collocations_is_told_below_the_view(summer, monkeypatch):
    view = CollocationView(collocations(summer, "sol"))
    monkeypatch.setattr(CollocationView, "_best", lambda _: 1 / 0)
    view._measure.value = "pmi"
    assert "ZeroDivisionError" in view._message.value


def test_something_else_than_collocations_is_answered_in_a_sentence(summer):
    assert "CollocationView got str." in CollocationView("sol")._message.value


def test_hits_stand_where_their_films_do(summer):
    view = DispersionView(summer, ["sol", "bad"])
    starts = [5 * k for k in range(12)]  # each film has five words
    expected = [s + 5 * (i + 0.5) / n for k, s in enumerate(starts)
                for n in [2 if k % 2 == 0 else 1] for i in range(n)]  # fmt: skip
    assert list(view.spread.places("sol")) == pytest.approx(expected)


def test_dispersion_is_told_with_the_film_that_has_most(summer, structure):
    view = DispersionView(summer, "sol")
    assert "'sol': 18 hits in 12 of 12 (100%), DP 0.17, most in summer00 (2)." in alt(
        view._picture.value, structure
    )
    # By hand: six films have 2/18 where 1/12 is their share, six have 1/18.
    assert view.table["dp"][0] == pytest.approx((6 * (2 / 18 - 1 / 12) + 6 * (1 / 12 - 1 / 18)) / 2)


def test_films_of_the_chosen_word_are_listed(summer):
    view = DispersionView(summer, ["sol", "bad"])
    view.selection = "bad"
    assert set(view.films["unit"]) == {f"summer{k:02d}" for k in range(0, 12, 2)}
    assert "'bad' is in 6 of 12" in view._films.value


def test_word_that_is_not_there_is_answered_in_a_sentence(summer):
    assert "The word 'regn' is nowhere" in DispersionView(summer, "regn")._message.value
    view = DispersionView(summer, "sol")
    view.selection = "regn"
    assert "'regn' is not among the words of this view." in view._message.value


@pytest.mark.parametrize("words", [[], ["sol"] * 21])
def test_too_few_or_many_words_are_refused_in_a_sentence(summer, words):
    assert f"DispersionView got {len(words)} words." in DispersionView(summer, words)._message.value


def test_corpus_without_years_is_drawn_in_its_own_order():
    corpus = corpus_of(["sol sol", "snö"], "weather")
    view = DispersionView(corpus, "sol")
    assert view.error is None
    assert "order of the corpus" in view._figure().axes[0].get_xlabel()


def test_frequent_word_is_shaded_instead_of_drawn_line_by_line(monkeypatch, summer):
    monkeypatch.setattr("kbnotebooks.dispersion_view.MOST_LINES", 3)
    view = DispersionView(summer, "sol")
    shaded = view._figure().axes[0].collections[-1].get_facecolor()[:, 3]
    rates = [2 / 5, 1 / 5] * 6
    assert list(shaded) == pytest.approx([rate / max(rates) for rate in rates])


def test_failing_callback_of_dispersion_is_told_below_the_view(summer, monkeypatch):
    view = DispersionView(summer, ["sol", "bad"])
    monkeypatch.setattr("kbnotebooks.dispersion_view._films", lambda *_: 1 / 0)
    view._word.value = "bad"
    assert "ZeroDivisionError" in view._message.value


def test_views_speak_swedish(summer, winter, structure):
    _words.language("sv")
    assert "Mest utmärkande för summer: 'sol' (36 gånger så vanligt)" in alt(
        KeynessView(keyness(summer, winter)).html, structure
    )
    assert "Starkast är 'och'" in alt(CollocationView(collocations(summer, "sol")).html, structure)
    assert "DP 0,17, flest i summer00" in alt(DispersionView(summer, "sol").html, structure)
    assert math.isclose(DispersionView(summer, "sol").table["dp"][0], 1 / 6)
