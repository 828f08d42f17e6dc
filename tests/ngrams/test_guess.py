from __future__ import annotations

import numpy as np
import pytest

from kblib.errors import TokenError
from kblib.ngrams.guess import guess_masked, left_context, right_context
from kblib.ngrams.kneser_ney import KneserNey

V = 7


@pytest.fixture
def train(texts, framing):
    def trained(order):
        frames = {"begin_id": framing.begin_id, "end_id": framing.end_id}
        return KneserNey.train(framing.ids(texts), order=order, vocab_size=V, **frames)

    return trained


@pytest.fixture
def blocks(texts, framing):
    """Six blocks of twelve tokens that cut texts where they fall, four places masked in each."""
    ids = np.array(framing.ids(texts)[5 : 5 + 72]).reshape(6, 12)
    draw = np.random.default_rng(3)
    plain = [np.flatnonzero(row >= 3) for row in ids]
    return ids, np.array([draw.choice(places, 4, replace=False) for places in plain])


def known_run(row, masked, places, length, last):
    """Collect known tokens one by one, `last` being the frame that ends the run."""
    run = []
    for place in places:
        if len(run) == length or not 0 <= place < len(row) or place in masked:
            break
        run.append(int(row[place]))
        if row[place] == last:
            break
    return run


def brute_force(prob, framing, order, row, masked, place, sides):
    """Return the probability of each candidate 0, 3, 4, 5, 6: one textbook query a factor."""
    before = range(place - 1, -1, -1)
    left = known_run(row, masked, before, order - 1, framing.begin_id)[::-1]
    after = range(place + 1, len(row))
    right = known_run(row, masked, after, order - 1, framing.end_id) if sides == "both" else []
    scores = []
    for word in (0, 3, 4, 5, 6):
        context, score = framing.context(left), 1.0
        for token in (word, *right):
            token = framing.word(token)
            score *= prob(token, context)
            context = (*context, token)
        scores.append(score)
    return np.array(scores) / sum(scores)


@pytest.mark.parametrize("sides", ["left", "both"])
@pytest.mark.parametrize("order", [1, 2, 3, 5, 6])
def test_guesses_equal_brute_force(blocks, texts, framing, train, textbook, order, sides):
    ids, positions = blocks
    frames = [framing.begin_id, framing.end_id]
    special = sorted({1, 2, *frames})
    found = guess_masked(train(order), ids, positions, special_ids=special, sides=sides)
    prob, n = textbook(texts, order, framing.guessed(V)), 0
    for row, masked in zip(ids, positions, strict=True):
        for place in masked:
            shares = brute_force(prob, framing, order, row, set(masked), place, sides)
            index = [0, 3, 4, 5, 6].index(row[place])
            assert found.truth[n] == row[place]
            assert found.log_prob[n] == pytest.approx(np.log(shares[index]), abs=1e-10)
            np.testing.assert_allclose(shares[_index(found.best[n])], -np.sort(-shares), rtol=1e-9)
            assert shares[_index(found.best[n])][found.rank[n] - 1] == pytest.approx(shares[index])
            n += 1
    assert found.n == n == 24


def _index(tokens):
    return [[0, 3, 4, 5, 6].index(token) for token in tokens]


def test_unigram_guess_ranks_by_frequency(blocks, texts, framing, train):
    ids, positions = blocks
    found = guess_masked(train(1), ids, positions, special_ids=[1, 2])
    counts = np.bincount([token for text in texts for token in text], minlength=V)
    assert (found.best == np.argsort(-counts, kind="stable")[:5]).all()


def test_left_context_stops_at_a_masked_place_the_edge_and_a_begin(framing, train):
    model = train(4)
    begin = framing.begin_id
    row = [3, 4, 5, 6, begin, 4, 5, 3]
    assert left_context(model, row, {3}, 3) == [3, 4, 5]
    assert left_context(model, row, {1, 3}, 3) == [5]
    assert left_context(model, row, {1}, 1) == [3]
    assert left_context(model, row, {6}, 6) == [begin, 4]
    assert left_context(model, row, {0}, 0) == []


def test_right_context_stops_at_a_masked_place_the_edge_and_an_end(framing, train):
    model = train(4)
    end = framing.end_id
    row = [3, 4, 5, 6, 3, end, framing.begin_id, 4]
    assert right_context(model, row, {0}, 0) == [4, 5, 6]
    assert right_context(model, row, {0, 2}, 0) == [4]
    assert right_context(model, row, {3}, 3) == [3, end]
    assert right_context(model, row, {7}, 7) == []


def test_right_context_of_a_masked_end_stops_before_a_begin(texts):
    ids = [t for text in texts for t in (1, *text, 2)]
    model = KneserNey.train(ids, order=4, vocab_size=V, begin_id=1, end_id=2)
    assert right_context(model, [3, 2, 1, 4], {1}, 1) == []


def test_places_of_weight_zero_are_neither_masked_nor_guessed(blocks, train):
    ids, positions = blocks
    filled = np.concatenate([positions[:, :2], np.zeros((6, 2), dtype=int)], axis=1)
    weights = np.array([[1.0, 1.0, 0.0, 0.0]] * 6)
    model = train(3)
    found = guess_masked(model, ids, filled, weights_BK=weights, special_ids=[1, 2])
    expected = guess_masked(model, ids, positions[:, :2], special_ids=[1, 2])
    assert found.n == 12
    assert np.array_equal(found.log_prob, expected.log_prob)


def test_special_tokens_are_no_candidates(blocks, train):
    found = guess_masked(train(3), *blocks, special_ids=[0, 1, 2], n_best=10)
    assert found.best.shape == (24, 4)
    assert set(found.best.ravel()) == {3, 4, 5, 6}


def test_equal_scores_rank_by_id():
    model = KneserNey.train([3, 2], order=1, vocab_size=9, begin_id=2, end_id=2)
    found = guess_masked(model, [[5]], [[0]], special_ids=[2])
    assert found.best.tolist() == [[3, 0, 1, 4, 5]]
    assert found.rank.tolist() == [5]


def test_summary_equals_hand_arithmetic():
    model = KneserNey.train([3, 3, 4, 2], order=1, vocab_size=9, begin_id=2, end_id=2)
    found = guess_masked(model, [[3, 8]], [[0, 1]], special_ids=[2])
    shares = model.distribution([]) / (1 - model.distribution([])[2])
    assert (found.top1, found.top5, found.rank.tolist()) == (0.5, 0.5, [1, 8])
    assert found.loss == pytest.approx(-(np.log(shares[3]) + np.log(shares[8])) / 2)


def test_both_sides_beat_the_left_side_on_the_text_they_learnt(blocks, train):
    losses = [
        guess_masked(train(5), *blocks, special_ids=[1, 2], sides=sides).loss
        for sides in ("left", "both")
    ]
    assert losses[1] < losses[0]


@pytest.mark.parametrize(
    ("positions", "complaint"),
    [
        ([[2, 2]], r"block 0 are \[2, 2\]. Different places from 0 to 3"),
        ([[0, 4]], r"block 0 are \[0, 4\]"),
        ([[-1]], r"block 0 are \[-1\]"),
        ([[]], "No place is masked"),
        ([[3]], r"The special token 2 is masked. Tokens other than \[1, 2\]"),
        ([0, 1], r"Places of the shape \(2,\) do not fit blocks of \(1, 4\)"),
    ],
    ids=["twice", "past the block", "negative", "none", "special", "no row a block"],
)
def test_places_that_cannot_be_guessed_are_named(texts, positions, complaint):
    model = KneserNey.train([1, 3, 4, 2], order=2, vocab_size=V, begin_id=1, end_id=2)
    with pytest.raises(TokenError, match=complaint):
        guess_masked(model, [[3, 4, 5, 2]], positions, special_ids=[2])


def test_an_unknown_side_is_named(blocks, train):
    with pytest.raises(TokenError, match="the side 'right'"):
        guess_masked(train(2), *blocks, special_ids=[1, 2], sides="right")
