from __future__ import annotations

import numpy as np
import pytest

from kblib.ngrams.counts import CountedNgrams


@pytest.fixture
def trie():
    """The n-grams of the text 3 4 3 4 5 between the frames 1 and 2, orders 1 to 3."""
    ids = [1, 3, 4, 3, 4, 5, 2]
    return CountedNgrams.count(ids, order=3, vocab_size=6, begin_id=1, end_id=2).trie


def test_sizes_count_different_ngrams(trie):
    assert trie.sizes() == (6, 5, 5)


@pytest.mark.parametrize("ngram", [(4,), (1, 3), (3, 4), (5, 2), (3, 4, 5), (1, 3, 4)])
def test_rank_leads_back_to_the_ngram(trie, ngram):
    found = trie.ngrams(len(ngram), np.array([trie.rank(ngram)]))
    assert tuple(int(column[0]) for column in found) == ngram


@pytest.mark.parametrize("ngram", [(4, 4), (2, 1), (3, 4, 4), (5, 5, 5)])
def test_rank_of_an_unseen_ngram_is_minus_one(trie, ngram):
    assert trie.rank(ngram) == -1


def test_find_agrees_with_rank_for_all_trigrams(trie):
    prefixes = np.array([[trie.rank((a, b)) for b in range(6)] for a in range(6)])
    found = trie.find(3, prefixes[:, :, None], np.arange(6))
    assert found.tolist() == [
        [[trie.rank((a, b, c)) for c in range(6)] for b in range(6)] for a in range(6)
    ]


def test_find_in_an_empty_order_finds_nothing():
    trie = CountedNgrams.count([3], order=3, vocab_size=6, begin_id=1, end_id=1).trie
    assert trie.find(3, np.array([0]), np.array([3])).tolist() == [-1]


def test_followers_are_the_tokens_seen_after_a_context(trie):
    after = trie.followers(2, trie.rank((3, 4)))
    assert trie.last_tokens(3, after).tolist() == [3, 5]


def test_followers_of_a_context_that_ends_a_text_are_none(trie):
    after = trie.followers(2, trie.rank((5, 2)))
    assert trie.last_tokens(3, after).tolist() == []


def test_bigrams_to_a_token_are_found_backwards(trie):
    assert trie.bigrams_to(3).tolist() == [trie.rank((1, 3)), trie.rank((4, 3))]
    assert trie.bigrams_to(0).tolist() == []
