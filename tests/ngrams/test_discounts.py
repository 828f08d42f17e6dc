from __future__ import annotations

import numpy as np
import pytest

from kblib.ngrams.counts import CountedNgrams
from kblib.ngrams.discounts import Discounts, adjusted_counts, lmplz_counts


def test_estimate_equals_hand_arithmetic():
    # 8 n-grams seen once, 4 twice, 2 three times, 1 four times: y = 8 / (8 + 2 * 4) = 0.5.
    found = Discounts.estimate(np.array([1] * 8 + [2] * 4 + [3] * 2 + [4] + [9]))
    assert (found.once, found.twice, found.more) == (1 - 2 * 0.5 * 4 / 8, 1.25, 2.0)
    assert found.fallback_reason == ""


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_estimate_falls_back_where_a_count_is_missing(missing):
    counts = np.array([n for n in (1, 1, 2, 3, 4) if n != missing])
    expected = Discounts(0.5, 1.0, 1.5, fallback_reason=f"no n-gram has the count {missing}")
    assert Discounts.estimate(counts) == expected


def test_estimate_falls_back_where_a_discount_is_negative():
    found = Discounts.estimate(np.array([1, 2] + [3] * 9))  # 2 - 3 * 1/3 * 9 = -7
    assert (found.once, found.twice, found.more) == (0.5, 1.0, 1.5)
    assert found.fallback_reason == "the discount for the count 2 came out as -7.000"


def test_nothing_is_taken_off_what_was_not_seen():
    assert Discounts(0.5, 1.0, 1.5).by_count.tolist() == [0, 0.5, 1, 1.5]


def test_adjusted_counts_keep_occurrences_only_after_a_begin():
    ids = [1, 3, 4, 2, 1, 3, 4, 2, 1, 4, 3, 4, 2]
    counted = CountedNgrams.count(ids, order=3, vocab_size=5, begin_id=1, end_id=2)
    rank = counted.trie.rank
    bigrams = adjusted_counts(counted, 2)
    assert bigrams[rank((1, 3))] == 2  # twice at the start of a text
    assert bigrams[rank((3, 4))] == 2  # three times, after 1 and after 4
    assert adjusted_counts(counted, 1).tolist() == [0, 0, 1, 2, 2]  # tokens before 2, 3 and 4
    assert adjusted_counts(counted, 3)[rank((1, 3, 4))] == 2


def test_lmplz_counts_differ_in_the_last_ngram_of_each_lower_order():
    ids = [1, 3, 4, 2, 1, 3, 4, 2, 1, 4, 3, 4, 2]
    counted = CountedNgrams.count(ids, order=3, vocab_size=5, begin_id=1, end_id=2)
    expected = adjusted_counts(counted, 2).copy()
    expected[counted.trie.rank((3, 4))] = 3  # the highest word, 4, after the highest token, 3
    assert lmplz_counts(counted, 2).tolist() == expected.tolist()
    assert lmplz_counts(counted, 1).tolist() == [0, 0, 1, 2, 4]
    assert lmplz_counts(counted, 3).tolist() == adjusted_counts(counted, 3).tolist()
