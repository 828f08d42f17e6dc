"""Where an interval begins that is shown only if enough was found: against sums over all cases."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import beta

from kblib.evaluation.shown import begins, log_at_least
from kblib.ngrams.stratified import wilson

Z, CHANCE = 1.959963984540054, 0.025


def chances(n, p):
    """The binomial distribution, term by term."""
    return np.array([math.comb(n, k) * p**k * (1 - p) ** (n - k) for k in range(n + 1)])


@pytest.mark.parametrize(("n", "p"), [(12, 0.3), (100, 0.02), (100, 0.5), (300, 0.01)])
def test_chance_of_at_least_so_many_is_the_sum_of_all_cases(n, p):
    each = chances(n, p)
    for k in range(min(n, 60) + 1):
        assert math.exp(log_at_least(k, n, p)) == pytest.approx(each[k:].sum(), rel=1e-8)


@pytest.mark.parametrize(("k", "n", "p"), [(2.5, 40.3, 0.05), (7.25, 120.6, 0.1), (0.5, 9.5, 0.2)])
def test_numbers_that_are_not_whole_agree_with_the_integral(k, n, p):
    """The incomplete beta integral, over t = p u^4, which is smooth at 0."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    u = (nodes + 1) / 2
    t = p * u**4
    density = t ** (k - 1) * (1 - t) ** (n - k) * 4 * p * u**3
    whole = math.lgamma(n + 1) - math.lgamma(k) - math.lgamma(n - k + 1)
    expected = float((density * weights).sum()) / 2 * math.exp(whole)
    assert math.exp(log_at_least(k, n, p)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [2.5, 9.5, 30, 333.3, 1e4, 1e5, 1e7])
@pytest.mark.parametrize("share", [1e-4, 0.003, 0.0333, 0.1, 0.25, 0.5])
def test_chance_agrees_with_scipy_from_small_to_large(n, share):
    """Whole, half and other numbers, far below, at and above what the share lets expect."""
    for k in (share * n, share * n + 0.5, share * n + 1):
        for p in (share * part for part in (0.01, 0.3, 0.7, 0.97, 1, 1.03, 1.5)):
            expected = float(beta.logcdf(p, k, n - k + 1))
            if math.isfinite(expected):
                assert log_at_least(k, n, p) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def held(n, p, least, ends):
    """The share of samples with enough found whose interval holds p, summed over all of them."""
    each = chances(n, p)
    known = np.array([low <= p <= high for low, high in ends])
    return float(each[least:][known[least:]].sum() / each[least:].sum())


@pytest.mark.parametrize(("n", "least"), [(60, 3), (100, 3), (150, 5)])
def test_of_the_intervals_that_are_shown_93_in_100_hold(n, least):
    plain = [wilson(k / n, n, Z) for k in range(n + 1)]
    ours = [
        (begins(low, k / n, n, least / n, CHANCE) if k <= n / 2 else low, high)
        for k, (low, high) in enumerate(plain)
    ]
    shares = np.linspace(0.002, 0.2, 60)
    assert min(held(n, p, least, plain) for p in shares) < 0.5
    assert min(held(n, p, least, ours) for p in shares) >= 0.93


def test_begins_at_nothing_where_just_enough_was_found_and_rises_with_what_is_found():
    starts = [begins(k / 100, k / 100, 100, 0.03, CHANCE) for k in (2, 3, 3.5, 4, 6, 9, 15)]
    assert starts[:2] == [0.0, 0.0]
    assert all(a < b for a, b in pairwise(starts[1:]))


def test_much_that_was_found_is_as_if_all_were_shown():
    for k in (15, 30, 60):
        shown, always = (begins(k / 200, k / 200, 200, least / 200, CHANCE) for least in (3, 0))
        assert shown == pytest.approx(always, abs=0.0005)


def test_large_numbers_are_no_trouble():
    """Nearly all of a corpus is labelled: worth very many labels."""
    assert 0 < begins(0.0099, 0.01, 1e7, 0.003, CHANCE) <= 0.0099
    assert begins(0.0029, 0.003, 1e7, 0.003, CHANCE) == 0.0
