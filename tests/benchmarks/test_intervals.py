"""Intervals against tables, against counting all cases, and against plainer code."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from benchmarks.intervals import Estimate, mean_estimate, median_estimate, median_rank


# Ranks at 95 % as printed in tables of the sign test (Conover 1999, table A3, n and k).
@pytest.mark.parametrize(("n", "rank"), [(6, 1), (9, 2), (12, 3), (15, 4), (21, 6), (25, 8)])
def test_median_rank_is_that_of_the_tables(n: int, rank: int) -> None:
    assert median_rank(n) == rank


def test_median_rank_covers_by_counting_every_case() -> None:
    # Nine values fall below (0) or above (1) the true median, each with one half.
    cases = list(product((0, 1), repeat=9))
    missed = {k: sum(min(sum(x), 9 - sum(x)) < k for x in cases) / len(cases) for k in (2, 3)}
    assert missed[median_rank(9)] <= 0.05 < missed[median_rank(9) + 1]


def test_median_rank_refuses_too_few() -> None:
    with pytest.raises(ValueError, match="5 values give no 95 % interval"):
        median_rank(5)


def test_median_estimate_takes_sorted_values() -> None:
    values = [9.0, 1.0, 8.0, 2.0, 7.0, 3.0, 6.0, 4.0, 5.0]
    assert median_estimate(values) == Estimate(5.0, 2.0, 8.0)


def test_mean_estimate_agrees_with_a_plain_bootstrap() -> None:
    draw = np.random.default_rng(7)
    groups = np.repeat(np.arange(40), draw.integers(1, 30, 40))
    values = (draw.random(40)[groups] + draw.random(len(groups)) > 1.0).astype(float)
    by_group = [values[groups == group] for group in range(40)]
    means = []
    for _ in range(4000):
        drawn = [by_group[i] for i in draw.integers(0, 40, 40)]
        means.append(sum(part.sum() for part in drawn) / sum(len(part) for part in drawn))
    found = mean_estimate(values, groups)
    assert found.value == values.mean()
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.01)


def test_mean_estimate_is_wider_when_items_hang_together() -> None:
    values = np.repeat([0.0, 1.0] * 10, 50)
    together = mean_estimate(values, np.repeat(np.arange(20), 50))
    alone = mean_estimate(values, np.arange(1000))
    # Twenty coins against a thousand: the square root of fifty.
    ratio = (together.high - together.low) / (alone.high - alone.low)
    assert ratio == pytest.approx(50**0.5, rel=0.1)


def test_mean_estimate_is_the_same_again_with_labels_of_any_kind() -> None:
    values = np.arange(12) % 3
    numbers = mean_estimate(values, [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3])
    names = mean_estimate(values, ["a"] * 3 + ["b"] * 3 + ["c"] * 2 + ["d"] * 4)
    assert numbers == names
