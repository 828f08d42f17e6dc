from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from kblib.errors import ModelError, TokenError
from kblib.ngrams.counts import CountedNgrams


def as_counter(counted, k):
    """Read the n-grams of an order back out of the arrays."""
    columns = [c.tolist() for c in counted.trie.ngrams(k, np.arange(len(counted.counts[k - 1])))]
    found = dict(zip(zip(*columns, strict=True), counted.counts[k - 1].tolist(), strict=True))
    return {gram: n for gram, n in found.items() if n}


def count(ids, order=3, vocab_size=7, begin_id=1, end_id=2):
    return CountedNgrams.count(
        ids, order=order, vocab_size=vocab_size, begin_id=begin_id, end_id=end_id
    )


@pytest.mark.parametrize("order", range(1, 7))
def test_counts_equal_a_naive_counter(texts, framing, order):
    frames = {"begin_id": framing.begin_id, "end_id": framing.end_id}
    counted = count(framing.ids(texts), order, **frames)
    framed = [(framing.begin_id, *text, framing.end_id) for text in texts]
    for k in range(1, order + 1):
        naive = Counter(t[i : i + k] for t in framed for i in range(k == 1, len(t) - k + 1))
        assert as_counter(counted, k) == naive


def test_suffixes_name_the_ngram_without_its_first_token():
    counted = count([1, 3, 4, 5, 2])
    rank = counted.trie.rank((3, 4, 5))
    assert counted.suffixes[2][rank] == counted.trie.rank((4, 5))


def test_begins_mark_ngrams_at_the_start_of_a_text(framing):
    ids = framing.ids([(3, 4), (4,)])
    counted = count(ids, begin_id=framing.begin_id, end_id=framing.end_id)
    rank, begins = counted.trie.rank, counted.begins[1]
    inside = range(begins.start, begins.stop)
    assert {rank((framing.begin_id, 3)), rank((framing.begin_id, 4))} == set(inside)
    assert not {rank((3, 4)), rank((4, framing.end_id))} & set(inside)


def test_a_text_that_is_cut_off_counts_without_an_end():
    assert as_counter(count([1, 3, 2, 1, 4, 5]), 2) == {
        (1, 3): 1,
        (3, 2): 1,
        (1, 4): 1,
        (4, 5): 1,
    }


def test_an_empty_text_is_begin_and_end():
    assert as_counter(count([1, 2, 1, 2]), 2) == {(1, 2): 2}


def test_unsigned_ids_do_not_overflow():
    ids = np.array([1, 60_000, 60_001, 60_000, 60_001, 2], dtype=np.uint16)
    counted = count(ids, vocab_size=60_002)
    assert as_counter(counted, 2)[60_000, 60_001] == 2


@pytest.mark.parametrize("order", [0, 7, -1, 2.5, "3"])
def test_an_impossible_order_is_refused(order):
    with pytest.raises(ModelError) as caught:
        count([1, 3, 2], order=order)
    assert str(caught.value) == (
        f"An n-gram model of order {order} cannot be built."
        " Order 1 (single tokens) to 6 was expected.\n"
        "  Order 5 is a good choice for a few million tokens: order=5"
    )


@pytest.mark.parametrize("ids", [[], [1], [[1, 3, 2]]], ids=["empty", "begin only", "a table"])
def test_ids_without_a_text_are_refused(ids):
    with pytest.raises(TokenError, match="hold no text"):
        count(ids)


@pytest.mark.parametrize(
    ("ids", "place", "token"),
    [([3, 2], 0, 3), ([1, 3, 2, 4, 2], 3, 4), ([1, 3, 1, 4, 2], 2, 1)],
    ids=["first begin missing", "second begin missing", "begin inside a text"],
)
def test_a_misplaced_begin_is_named(ids, place, token):
    with pytest.raises(TokenError, match=f"The token at place {place} is {token}"):
        count(ids)


@pytest.mark.parametrize("token", [-1, 7])
def test_a_token_outside_the_vocabulary_is_named(token):
    with pytest.raises(TokenError, match=f"Token id {token} is outside .* from 0 to 6"):
        count([1, token, 2])


def test_a_frame_outside_the_vocabulary_is_named():
    with pytest.raises(TokenError, match="Token id 9 is outside"):
        count([1, 3, 2], end_id=9)


def test_ids_that_are_no_whole_numbers_are_refused():
    with pytest.raises(TokenError, match="type float64"):
        count([1.0, 3.5, 2.0])
