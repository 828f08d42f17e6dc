"""Pairs take turns and are compared pair by pair."""

from __future__ import annotations

import pytest

from benchmarks.intervals import Estimate
from benchmarks.pairs import Pair, ratio_of, take_turns


def test_turns_alternate_who_goes_first() -> None:
    order: list[str] = []

    def turn(name: str, seconds: float) -> float:
        order.append(name)
        return seconds

    pairs = take_turns(lambda: turn("ours", 2.0), lambda: turn("other", 6.0), 3)
    assert order == ["ours", "other", "other", "ours", "ours", "other"]
    assert pairs == [Pair(2.0, 6.0)] * 3


def test_ratio_is_above_one_when_ours_is_faster() -> None:
    assert Pair(ours=2.0, other=5.0).ratio == 2.5


def test_ratio_is_taken_within_each_pair() -> None:
    # The machine slows down by the pair; in each, ours needs half the time.
    pairs = [Pair(float(n), 2.0 * n) for n in range(1, 10)]
    assert ratio_of(pairs) == Estimate(2.0, 2.0, 2.0)


def test_ratio_needs_enough_pairs() -> None:
    with pytest.raises(ValueError, match="give no 95 % interval"):
        ratio_of([Pair(1.0, 1.0)] * 5)
