from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from kblib.ngrams.candidates import candidate_scores, right_probs
from kblib.ngrams.kneser_ney import KneserNey

V = 7


@pytest.fixture
def train(texts, framing):
    def trained(order):
        frames = {"begin_id": framing.begin_id, "end_id": framing.end_id}
        return KneserNey.train(framing.ids(texts), order=order, vocab_size=V, **frames)

    return trained


def neighbours(framing, order, seed):
    """Draw known tokens on both sides of a place, some cut by the frames of a text."""
    draw = np.random.default_rng(seed)
    left = draw.integers(3, V, draw.integers(0, order)).tolist()
    right = draw.integers(3, V, draw.integers(0, order)).tolist()
    if left and draw.random() < 0.5:
        left[0] = framing.begin_id
    if right and draw.random() < 0.5:
        right[-1] = framing.end_id
    return left, right


@pytest.mark.parametrize("order", range(1, 7))
def test_right_probs_equal_one_query_a_candidate(framing, train, order):
    model = train(order)
    for seed in range(40):
        left, right = neighbours(framing, order, seed)
        if not right:
            continue
        found = right_probs(model, left, right)
        for m, token in enumerate(right):
            rows = [[*left, word, *right[:m]] for word in range(V)]
            expected = 10 ** model.log10_prob(rows, [token] * V)
            np.testing.assert_allclose(found[m], expected, rtol=1e-12)


@pytest.mark.parametrize("order", range(1, 7))
def test_scores_equal_the_textbook(texts, framing, train, textbook, order):
    model, prob = train(order), textbook(texts, order, framing.guessed(V))
    words = [3, 4, 5, 6, 0]
    for seed in range(40):
        left, right = neighbours(framing, order, seed)
        expected = []
        for word in words:
            text = [framing.word(token) for token in (*left, word, *right)]
            places = range(len(left), len(text))
            named = framing.context(left), [*text[len(left) :]]
            chain = [prob(text[i], (*named[0], *named[1][: i - len(left)])) for i in places]
            expected.append(np.prod(chain))
        found = candidate_scores(model, left, right)[words]
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_scores_without_a_right_side_are_the_distribution(train):
    model = train(4)
    assert np.array_equal(candidate_scores(model, [3, 4], []), model.distribution([3, 4]))


def test_left_side_decides_where_no_token_fits_the_right(train):
    model = train(3)
    strict = dataclasses.replace(model, backoffs=tuple(0 * b for b in model.backoffs))
    assert np.array_equal(candidate_scores(strict, [], [0]), strict.distribution([]))
