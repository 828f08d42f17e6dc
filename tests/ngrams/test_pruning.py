from __future__ import annotations

import numpy as np
import pytest

from kblib.errors import ModelError
from kblib.ngrams.counts import CountedNgrams
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.pruning import checked_thresholds, kept_ngrams, pruned_trie

V = 7


@pytest.fixture
def counted(texts):
    ids = [token for text in texts for token in (1, *text, 2)]
    return CountedNgrams.count(ids, order=4, vocab_size=V, begin_id=1, end_id=2)


def grams(trie, k, ranks):
    """Spell out n-grams."""
    return list(zip(*(column.tolist() for column in trie.ngrams(k, ranks)), strict=True))


def test_the_last_threshold_holds_for_longer_ngrams():
    assert checked_thresholds((0, 0, 1), 5) == (0, 0, 1, 1, 1)
    assert checked_thresholds((), 3) == (0, 0, 0)


@pytest.mark.parametrize("prune", [(1, 0), (-1,), (0, 0, 0, 0, 1)], ids=str)
def test_impossible_thresholds_are_named(prune):
    with pytest.raises(ModelError, match="cannot be pruned with prune=") as caught:
        checked_thresholds(prune, 4)
    assert str(prune) in str(caught.value)


def test_nothing_to_prune_is_none(counted):
    assert kept_ngrams(counted, (0, 0, 0, 0), None, (0, 1, 2)) is None


def test_what_stays_occurs_more_often_than_the_threshold(counted):
    kept = kept_ngrams(counted, (0, 1, 2, 2), None, (0, 1, 2))
    assert kept[0].all()
    for k, threshold in ((2, 1), (3, 2), (4, 2)):
        assert np.array_equal(kept[k - 1], counted.counts[k - 1] > threshold)


def test_what_stays_holds_allowed_words_only(counted):
    allowed = np.isin(np.arange(V), [3, 5])
    kept = kept_ngrams(counted, (0, 0, 0, 0), allowed, (0, 1, 2))
    for k in range(1, 5):
        ranks = np.arange(len(kept[k - 1]))
        expected = [set(gram) <= {0, 1, 2, 3, 5} for gram in grams(counted.trie, k, ranks)]
        assert kept[k - 1].tolist() == expected


def test_the_pruned_trie_holds_what_stayed_under_new_numbers(counted):
    allowed = np.isin(np.arange(V), [3, 5])
    kept = kept_ngrams(counted, (0, 1, 1, 1), allowed, (0, 1, 2))
    trie = pruned_trie(counted.trie, kept)
    new = {0: 0, 1: 1, 2: 2, 3: 3, 5: 4}
    for k in range(1, 5):
        old = grams(counted.trie, k, np.flatnonzero(kept[k - 1]))
        renamed = [tuple(new[token] for token in gram) for gram in old]
        assert grams(trie, k, np.arange(trie.sizes()[k - 1])) == renamed


@pytest.mark.parametrize("thresholds", [(0, 0, 1, 1), (0, 1, 1, 2), (3, 3, 3, 3)], ids=str)
def test_probabilities_still_sum_to_one(counted, thresholds):
    allowed = np.isin(np.arange(V), [3, 4, 5])
    model = KneserNey.smooth(
        counted, kept=kept_ngrams(counted, thresholds, allowed, (0, 1, 2)), like_lmplz=True
    )
    for context in ([], [1], [3], [3, 4], [1, 3, 3], [4, 3, 4]):
        assert model.distribution(context).sum() == pytest.approx(1, abs=1e-12)


def test_the_end_keeps_its_probability_where_it_falls_under_the_threshold():
    counted = CountedNgrams.count([1, 3, 3, 4, 2], order=2, vocab_size=V, begin_id=1, end_id=2)
    model = KneserNey.smooth(counted, kept=kept_ngrams(counted, (1, 1), None, (0, 1, 2)))
    assert 0 < model.distribution([3])[2] < 1
    assert model.distribution([3]).sum() == pytest.approx(1, abs=1e-12)
