from __future__ import annotations

from pathlib import Path

import pytest

from kblib.errors import TokenError
from kblib.ngrams.language_model import NgramLM

TEXTS = (Path(__file__).parent / "golden" / "newsreel.txt").read_text(encoding="utf-8").split("\n")


@pytest.fixture(scope="module", params=[1, 2, 3, 5])
def model(request):
    return NgramLM.train(TEXTS[:-1], order=request.param)


def test_both_sides_rank_by_the_score_of_the_whole_text(model):
    found = model.guess("kungen [MASK] till stockholm", k=100)
    words = model.vocabulary.words.to_list()[3:]
    scores = {word: 10 ** model.log10_score(f"kungen {word} till stockholm") for word in words}
    if model.order == 1:  # what stands around says nothing
        scores = {word: 10 ** model.log10_score(word) for word in words}
    total = sum(scores.values())
    assert found.n_candidates == len(words) == len(found.words)
    for word, probability in zip(found.words, found.probabilities, strict=True):
        assert probability == pytest.approx(scores[word] / total)
    assert list(found.probabilities) == sorted(found.probabilities, reverse=True)


def test_the_left_side_alone_ranks_by_the_next_word(model):
    found = model.guess("kungen [MASK] till stockholm", sides="left", k=100)
    probs = model.model.distribution([1, model.vocabulary.ids["kungen"]])
    for word, probability in zip(found.words, found.probabilities, strict=True):
        expected = probs[model.vocabulary.ids[word]] / probs[3:].sum()
        assert probability == pytest.approx(expected)


def test_candidates_share_all_probability_and_unknown_ones_are_marked(model):
    found = model.guess("kungen [MASK]", candidates=["talar", "flyger", "reser", "reser"])
    assert sorted(found.words) == ["flyger", "reser", "talar"]
    assert sum(found.probabilities) == pytest.approx(1)
    assert found.known[found.words.index("flyger")] is False
    assert found.table.columns.tolist() == ["word", "probability", "known"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("kungen reser", r"The text holds 0 words \[MASK\]"),
        ("[MASK] reser [MASK]", r"The text holds 2 words \[MASK\]"),
        ("kungen [MASK].", r"\[MASK\] stands inside the word '\[MASK\]\.'"),
    ],
    ids=["none", "two", "inside"],
)
def test_a_text_without_exactly_one_masked_word_is_refused(model, text, complaint):
    with pytest.raises(TokenError, match=complaint):
        model.guess(text)


def test_a_mask_inside_a_word_is_told_how_to_be_set_free(model):
    with pytest.raises(TokenError) as caught:
        model.guess("till [MASK]holm")
    assert "Put spaces around it: [MASK] holm" in str(caught.value)


@pytest.mark.parametrize("candidates", [[], ["två ord"], [""], ["<s>"]], ids=str)
def test_what_is_no_candidate_is_refused(model, candidates):
    with pytest.raises(TokenError, match="candidate"):
        model.guess("kungen [MASK]", candidates=candidates)


def test_an_unknown_side_is_named(model):
    with pytest.raises(TokenError, match="the side 'right'"):
        model.guess("kungen [MASK]", sides="right")
