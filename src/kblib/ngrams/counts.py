"""Exact counts of all n-grams of a token stream, in memory, one sort an order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kblib.errors import ModelError, TokenError
from kblib.ngrams.trie import Ints, NgramTrie

MAX_ORDER = 6
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class CountedNgrams:
    """The n-grams of a text collection, orders 1 to N, and how often each occurs.

    A text is framed by a begin and an end; n-grams never reach over a frame. The end is counted as
    a word, the begin only as the first token of longer n-grams: they are KenLM's ``</s>`` and
    ``<s>``.

    Parameters
    ----------
    trie
        The n-grams; all arrays below are in the order of its ranks, ``[k - 1]`` for order k.
    counts
        Occurrences.
    suffixes
        Rank, among the (k-1)-grams, of the n-gram without its first token; 0 for order 1.
    begins
        Whether the n-gram starts with the begin of a text; never for order 1.
    begin_id, end_id
        The tokens that frame a text; may be one and the same.
    """

    trie: NgramTrie
    counts: tuple[Ints, ...]
    suffixes: tuple[Ints, ...]
    begins: tuple[Bools, ...]
    begin_id: int
    end_id: int

    @classmethod
    def count(
        cls, ids: ArrayLike, *, order: int, vocab_size: int, begin_id: int, end_id: int
    ) -> CountedNgrams:
        """Count the n-grams of texts laid end to end.

        Parameters
        ----------
        ids
            The token stream, shape (n_tokens,), any integer type. With different begin and end each
            text is ``begin ... end``; where both are one token, each text is ``... end`` and the
            begin before it is implied. The last text may be cut off; it counts as far as it goes,
            without an end.
        order
            Longest n-grams, 1 to 6.
        vocab_size
            Tokens are the integers below it.
        begin_id, end_id
            The tokens that frame a text.

        Raises
        ------
        ModelError
            If the order is not 1 to 6.
        TokenError
            If there is no text, a token is outside the vocabulary, or a begin is missing or out of
            place.
        """
        check_order(order)
        vocab_size, begin_id, end_id = int(vocab_size), int(begin_id), int(end_id)
        stream = _framed(ids, vocab_size, begin_id, end_id)
        ends, longest = _words(stream, begin_id, end_id)
        vocabulary = np.arange(vocab_size)
        keys, suffixes = [vocabulary], [np.zeros_like(vocabulary)]
        counts = [np.bincount(stream[ends], minlength=vocab_size)]
        begins = [np.zeros(vocab_size, dtype=bool)]
        grams = stream.copy()  # at each place, the rank of the n-gram that ends there
        starts = vocabulary == begin_id
        for k in range(2, order + 1):
            ends = ends[longest[ends] >= k]
            ranks, first, sorted_keys, n = _ranked(grams[ends - 1] * vocab_size + stream[ends])
            suffixes.append(grams[ends[first]])
            starts = starts[sorted_keys // vocab_size]
            grams[ends] = ranks
            keys.append(sorted_keys)
            counts.append(n)
            begins.append(starts)
        trie = NgramTrie(vocab_size, tuple(keys))
        return cls(trie, tuple(counts), tuple(suffixes), tuple(begins), begin_id, end_id)


def framed(ids: Ints, begin_id: int, end_id: int) -> Ints:
    """Return a token stream with its first begin, implied where begin and end are one token."""
    return np.concatenate([[begin_id], ids]) if begin_id == end_id else ids


def checked_ids(ids: ArrayLike, vocab_size: int) -> Ints:
    """Return token ids as 64-bit integers of the same shape.

    Raises
    ------
    TokenError
        If they are no integers, or one is outside the vocabulary.
    """
    found = np.asarray(ids)
    if found.size and not np.issubdtype(found.dtype, np.integer):
        raise TokenError(
            f"Token ids of the type {found.dtype} cannot be counted.",
            "Whole numbers were expected.",
            "Encode the texts first: Tokenizer.encode(text).",
        )
    if found.size and (found.min() < 0 or found.max() >= vocab_size):
        worst = found.min() if found.min() < 0 else found.max()
        raise TokenError(
            f"Token id {worst} is outside the vocabulary.",
            f"Ids from 0 to {vocab_size - 1} were expected.",
            "Pass the vocab_size of the tokenizer that made the ids.",
        )
    return found.astype(np.int64)


def check_order(order: int) -> None:
    """Raise a ModelError unless the order is 1 to 6."""
    if not 1 <= order <= MAX_ORDER:
        raise ModelError(
            f"An n-gram model of order {order} cannot be built.",
            f"Order 1 (single tokens) to {MAX_ORDER} was expected.",
            "Order 5 is a good choice for a few million tokens: order=5",
        )


def _framed(ids: ArrayLike, vocab_size: int, begin_id: int, end_id: int) -> Ints:
    checked_ids([begin_id, end_id], vocab_size)
    stream = checked_ids(ids, vocab_size)
    if stream.ndim != 1 or len(stream) <= (begin_id != end_id):
        raise TokenError(
            f"Ids of the shape {stream.shape} hold no text.",
            "One row with at least one word or end of a text was expected.",
            "Lay texts end to end: np.concatenate([tokenizer.encode(text) for text in texts]).",
        )
    if begin_id != end_id:
        after_end = np.concatenate([[True], stream[:-1] == end_id])
        wrong = np.flatnonzero((stream == begin_id) != after_end)
        if len(wrong):
            raise TokenError(
                f"The token at place {wrong[0]} is {stream[wrong[0]]}.",
                f"The token {begin_id} (begin_id) was expected at the start and after each {end_id}"
                " (end_id), and nowhere else.",
                "Pass whole texts: np.concatenate([tokenizer.encode(text) for text in texts]).",
            )
    return framed(stream, begin_id, end_id)


def _words(stream: Ints, begin_id: int, end_id: int) -> tuple[Ints, Ints]:
    """Return the places of words (all but begins), and the longest n-gram's order at each place."""
    places = np.arange(len(stream))
    is_begin = stream == begin_id
    begin_before = np.zeros_like(places)
    begin_before[1:] = np.maximum.accumulate(np.where(is_begin, places, 0))[:-1]
    words = places[1:] if begin_id == end_id else np.flatnonzero(~is_begin)
    return words, places - begin_before + 1


def _ranked(keys: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Return each key's rank, a place of each distinct key, the distinct keys, their counts."""
    by_key = np.argsort(keys)
    in_order = keys[by_key]
    new = np.ones(len(keys), dtype=bool)
    new[1:] = in_order[1:] != in_order[:-1]
    ranks = np.empty_like(keys)
    ranks[by_key] = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    return ranks, by_key[first], in_order[first], np.diff(first, append=len(keys))
