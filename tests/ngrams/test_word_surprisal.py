"""Bits of each word against the score of the whole, and n-grams against a slow search."""

from __future__ import annotations

import math

import pytest

from kblib.errors import ModelError, TokenError
from kblib.ngrams.language_model import NgramLM
from kblib.ngrams.word_surprisal import word_surprisal

TEXTS = ["kungen reser till norge", "kungen talar till oss", "båten går till norge i dag", ""]


@pytest.fixture(scope="module", params=[1, 2, 4])
def model(request: pytest.FixtureRequest) -> NgramLM:
    return NgramLM.train(TEXTS, order=request.param)


def naive_orders(text: str, order: int) -> list[int]:
    """Return the longest n-gram of the texts that ends at each word, by looking for it."""
    seen = [["<s>", *one.split(), "</s>"] for one in TEXTS]
    words = ["<s>", *text.split(), "</s>"]
    found = []
    for end in range(2, len(words) + 1):
        lengths = [
            k
            for k in range(1, min(order, end) + 1)
            for one in seen
            for at in range(len(one) - k + 1)
            if one[at : at + k] == words[end - k : end]
        ]
        found.append(max(lengths, default=1))
    return found


@pytest.mark.parametrize("text", ["kungen går till norge", "till till", "påven reser", ""])
def test_bits_add_up_to_the_score_of_the_text(model: NgramLM, text: str):
    found = word_surprisal(model, text)
    assert -found.bits.sum() * math.log10(2) == pytest.approx(model.log10_score(text), abs=1e-5)


@pytest.mark.parametrize("text", ["kungen går till norge", "båten går till oss", "påven reser", ""])
def test_orders_are_those_of_a_slow_search(model: NgramLM, text: str):
    assert list(word_surprisal(model, text).orders) == naive_orders(text, model.order)


def test_unknown_word_is_told(model: NgramLM):
    found = word_surprisal(model, "påven reser")
    assert found.known == (False, True, True)
    assert list(found.table["word"]) == ["påven", "reser", "</s>"]


def test_perplexity_is_that_of_the_model(model: NgramLM):
    text = "kungen går till norge"
    told = model.perplexity([text]).with_unknown
    assert word_surprisal(model, text).perplexity == pytest.approx(told, rel=1e-5)


def test_reserved_word_is_refused(model: NgramLM):
    with pytest.raises(TokenError, match="The word <unk> stands in"):
        word_surprisal(model, "kungen <unk>")


def test_other_model_and_no_text_are_refused(model: NgramLM):
    with pytest.raises(ModelError, match="An NgramLM was expected"):
        word_surprisal("kb-mini-masked", "kungen")
    with pytest.raises(ModelError, match=r"The text is None\. A sentence was expected\."):
        word_surprisal(model, None)
