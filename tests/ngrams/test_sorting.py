"""Pages of a sorted list, found without sorting it."""

from __future__ import annotations

import numpy as np
import pytest

from kblib.ngrams import sorting
from kblib.ngrams.concordance import concordance
from kblib.ngrams.sorting import ranked
from tests.ngrams.naive import random_corpus

N = 500


@pytest.fixture
def columns():
    """Three columns of values with many ties, the first with the most."""
    draw = np.random.default_rng(3)
    return [draw.integers(-1, most, size=N) for most in (3, 8, 40)]


@pytest.mark.parametrize("few", [0, 7, N])
@pytest.mark.parametrize(("start", "stop"), [(0, 10), (0, N), (123, 140), (N - 3, N), (9, 9)])
def test_page_equals_page_of_slow_sort(columns, monkeypatch, few, start, stop):
    monkeypatch.setattr(sorting, "FEW", few)
    slow = sorted(range(N), key=lambda at: [column[at] for column in columns])
    page = ranked([column.__getitem__ for column in columns], np.arange(N), start, stop)
    assert page.tolist() == slow[start:stop]


@pytest.mark.parametrize("sort", [*sorting.SORTS, ["year", "left"]])
def test_pages_of_a_concordance_are_the_whole_list(monkeypatch, sort):
    monkeypatch.setattr(sorting, "FEW", 2)
    found = concordance(random_corpus(), "sol", sort=sort)
    pages = [row for start in range(0, found.n, 9) for row in found.rows(start, start + 9).rows()]
    assert pages == found.rows().rows()


def test_line_of_a_page_and_line_alone_are_the_same(monkeypatch):
    monkeypatch.setattr(sorting, "FEW", 2)
    seen, alone = (concordance(random_corpus(), "sol", sort="right") for _ in range(2))
    ids = seen.rows(5, 9)["id"].to_list()
    assert [seen.document(number).id for number in range(6, 10)] == ids
    assert [alone.document(number).id for number in range(6, 10)] == ids


def test_page_beyond_the_end_is_short_and_negative_ends_count_from_the_last():
    found = concordance(random_corpus(), "sol")
    assert found.rows(found.n - 2, found.n + 9).height == 2
    assert found.rows(-2).rows() == found.rows(found.n - 2, found.n).rows()
