"""Each rung scores whole words as its model does on its own."""

from __future__ import annotations

import numpy as np
import pytest

from kblib.ladder.blank import Blank
from kblib.ladder.rungs import CausalRung, MaskedRung, NgramRung, Scores
from kblib.models.causal_candidates import CausalCandidates
from kblib.models.masked_candidates import MaskedCandidates
from kblib.ngrams.language_model import NgramLM

TEXTS = ["Kungen reser .", "Kungen talar .", "Båten går ( sakta ) .", "Kungen går ."] * 3
BLANK = Blank.of("Kungen [MASK].")
WORDS = ("reser", "talar", "går", "flyger")


@pytest.fixture(scope="module")
def counted() -> NgramLM:
    return NgramLM.train(TEXTS, order=3)


def test_left_bits_are_those_of_the_next_word(counted: NgramLM) -> None:
    """P(word | left) is what the whole model gives the text up to the word, less the beginning."""
    found = NgramRung(counted, "left", "trigram, left").scores(BLANK, WORDS)
    probs = counted.model.distribution([1, *counted.vocabulary.encode("Kungen")])
    ids = [counted.vocabulary.ids.get(word, 0) for word in WORDS]
    assert found.bits == pytest.approx(-np.log2(probs[ids]))
    assert found.known.tolist() == [True, True, True, False]


def test_both_sides_are_the_whole_sentence(counted: NgramLM) -> None:
    """Up to a constant: with order 3 every n-gram that holds the word is within reach."""
    found = NgramRung(counted, "both", "x").scores(BLANK, WORDS[:3])
    whole = [counted.log10_score(f"Kungen {word} .") * np.log(10) for word in WORDS[:3]]
    assert np.ptp(found.score - whole) == pytest.approx(0, abs=1e-6)
    assert found.bits is None


def test_marks_beside_the_blank_are_words_of_their_own(counted: NgramLM) -> None:
    rung = NgramRung(counted, "both", "x")
    inside = rung.scores(Blank.of("Båten går ([MASK])."), ("sakta", "talar")).shares()
    assert inside[0] > 0.9


def test_words_besides_the_list_come_last(counted: NgramLM, masked, causal) -> None:
    lengths = {1: 0.5, 2: 0.5}
    for rung in (
        NgramRung(counted, "both", "x"),
        MaskedRung(MaskedCandidates(masked, WORDS, lengths)),
        CausalRung(CausalCandidates(causal, WORDS), "left", name="x"),
    ):
        whole = rung.scores(BLANK, WORDS).score
        assert rung.scores(BLANK, WORDS[:2], WORDS[2:]).score == pytest.approx(whole, abs=1e-3)


def test_masked_bits_leave_the_number_of_pieces_out(masked) -> None:
    one = MaskedCandidates(masked, WORDS, {1: 0.5, 2: 0.25, 3: 0.25})
    found = MaskedRung(one).scores(BLANK, WORDS)
    _, likelihood = one.scores(BLANK.before, BLANK.after)
    assert found.bits == pytest.approx(-likelihood / np.log(2))


def test_causal_bits_are_the_words_probability(causal) -> None:
    candidates = CausalCandidates(causal, WORDS)
    found = CausalRung(candidates, "left", name="x").scores(BLANK, WORDS)
    assert found.bits == pytest.approx(
        -candidates.scores(BLANK.before, BLANK.after, sides="left") / np.log(2), abs=1e-4
    )
    assert CausalRung(candidates, "both", name="x").scores(BLANK, WORDS).bits is None


def test_shares_sum_to_one_and_heat_flattens_them() -> None:
    scores = Scores(np.array([0.0, 1.0, -np.inf]), None, np.ones(3))
    cold, warm = scores.shares(), scores.shares(temperature=4.0)
    assert cold.sum() == pytest.approx(1)
    assert warm.sum() == pytest.approx(1)
    assert cold[2] == warm[2] == 0
    assert warm[1] < cold[1] == pytest.approx(np.e / (1 + np.e))


def test_where_nothing_is_possible_all_are_equal() -> None:
    assert Scores(np.full(4, -np.inf), None, np.ones(4)).shares().tolist() == [0.25] * 4
