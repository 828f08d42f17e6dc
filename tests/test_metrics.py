from __future__ import annotations

import math

import pytest

from kblib.metrics import bits_per_byte, perplexity, topk_accuracy


def test_perplexity_of_even_odds_is_their_number() -> None:
    nats = 10 * math.log(8)  # ten tokens, each one of eight equally likely
    assert perplexity(nats, 10) == pytest.approx(8)


def test_bits_per_byte_of_a_coin_a_byte_is_one() -> None:
    assert bits_per_byte(5 * math.log(2), 5) == pytest.approx(1)


def test_topk_accuracy_counts_ranks_below_k() -> None:
    ranks = [0, 0, 1, 4, 5, 9]
    assert topk_accuracy(ranks, 1) == pytest.approx(2 / 6)
    assert topk_accuracy(ranks, 5) == pytest.approx(4 / 6)
