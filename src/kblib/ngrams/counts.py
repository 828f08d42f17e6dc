"""Exact counts of all n-grams of a token stream, in memory.

The places of the stream stand in the order of the n-gram of order k - 1 that ends there. For order
k only what stands behind one n-gram has to be sorted, by the token that follows, and pieces of some
thousand places at a time do that without leaving the processor's cache: each place a 64-bit key of
n-gram, follower and its number in the piece. Running through the sorted keys numbers the n-grams of
order k, counts them, and brings the places into the order that the next round needs.

Instead of the token that follows, the key holds the rank of the n-gram of order k - 1 that ends
with it: behind one n-gram these ranks rise as the tokens do. So the rank at each place is all that
is kept of the stream, and what is sorted by is at the same time the suffix of the new n-gram.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kblib.errors import ModelError, TokenError
from kblib.ngrams.trie import Integers, Ints, NgramTrie

MAX_ORDER = 6
Progress = Callable[[int, int], None]
_PIECE = 1 << 14  # places; their keys and what they point at fit into a second-level cache
_GROUPS = 1 << 16  # n-grams in a piece; with 2**31 places their keys need 61 bits
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
        Ranks of the n-grams that start with the begin of a text, as a slice; none for order 1.
    begin_id, end_id
        The tokens that frame a text; may be one and the same.
    """

    trie: NgramTrie
    counts: tuple[Integers, ...]
    suffixes: tuple[Integers, ...]
    begins: tuple[slice, ...]
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
        frames = (begin_id, end_id)
        return count_stream(_narrow(stream), order=order, vocab_size=vocab_size, frames=frames)


def count_stream(
    stream: Integers,
    *,
    order: int,
    vocab_size: int,
    frames: tuple[int, int],
    progress: Progress | None = None,
) -> CountedNgrams:
    """Count as `CountedNgrams.count` does, what it was given being right: nothing is checked.

    Parameters
    ----------
    stream
        The tokens with all begins; where begin and end are one token, with the first begin. Ranks
        are written over them.
    frames
        The begin and the end.
    progress
        Called with places done and their number over all orders.
    """
    begin_id, end_id = frames
    counts, tokens = (
        [_words(stream, vocab_size, frames)],
        [np.arange(vocab_size, dtype=stream.dtype)],
    )
    counting = _Counting.begun(stream, tokens[0], frames)
    edges, begins, suffixes = [], [slice(0, 0)], [np.zeros_like(tokens[0])]
    done = 0
    for k in range(2, order + 1):
        left = len(counting.places)
        found = counting.longer(is_last=k == order, told=_told(progress, done, left * (order - k)))
        done += left
        edges.append(found.edges)
        tokens.append(found.tokens)
        counts.append(found.counts)
        suffixes.append(found.suffixes)
        first, last = (begin_id, begin_id + 1) if k == 2 else (begins[-1].start, begins[-1].stop)
        begins.append(slice(int(found.edges[first]), int(found.edges[last])))
    trie = NgramTrie(tuple(tokens), tuple(edges))
    return CountedNgrams(trie, tuple(counts), tuple(suffixes), tuple(begins), begin_id, end_id)


@dataclass(frozen=True, eq=False)
class _Order:
    """The n-grams of one order, sorted, and the edges of the followers of those one shorter."""

    tokens: Integers
    counts: Integers
    suffixes: Integers
    edges: Integers


@dataclass(eq=False)
class _Counting:
    """How far the counting has come.

    Parameters
    ----------
    ranks
        Rank of the n-gram that ends at each place; of a shorter one, where none does.
    places
        Where the n-grams end that something follows, in the order of their ranks.
    tokens, counts
        Last token and occurrences of each n-gram.
    closing
        The token that nothing follows, if there is one.
    cut
        The n-gram that ends at the last place, which nothing follows, if there is one.
    end_id
        The end of a text.
    """

    ranks: Integers
    places: Integers
    tokens: Integers
    counts: Integers
    closing: int
    cut: int
    end_id: int

    @classmethod
    def begun(cls, stream: Integers, tokens: Integers, frames: tuple[int, int]) -> _Counting:
        from kblib.ngrams.count_loops import NONE, places_by_token

        begin_id, end_id = frames
        closing = end_id if begin_id != end_id else NONE
        counts, places = np.zeros_like(tokens), np.empty_like(stream)
        _shrink(places, places_by_token(stream, closing, counts, places))
        return cls(stream, places, tokens, counts, closing, int(stream[-1]), end_id)

    def longer(self, *, is_last: bool, told: Callable[[int], None]) -> _Order:
        """Go on to the n-grams one longer, and return them."""
        from kblib.ngrams.count_loops import NONE, keys_of_piece, number_piece

        most, kind = len(self.places), self.ranks.dtype
        tokens = self.places if is_last else np.empty(most, kind)  # written where places are done
        found = (tokens, np.empty(most, kind), np.empty(most, kind))
        edges = np.zeros(len(self.tokens) + 1, kind)
        reached = np.array([0, 0, NONE])
        rank_bits = len(self.tokens).bit_length()
        for groups, places in self._pieces():
            here = self.places[places].copy()
            bits = (rank_bits, len(here).bit_length())
            keys = keys_of_piece(here, groups.start, self._sizes, self.ranks, *bits)
            keys.sort()
            after = edges[groups.start + 1 : groups.stop + 1]
            follow = (self.ranks, self.places, not is_last)
            number_piece(keys, here, bits, self.tokens, self.end_id, found, after, follow, reached)
            told(places.stop)
        for array in found:
            _shrink(array, int(reached[0]))
        if not is_last:
            _shrink(self.places, int(reached[1]))
        self.tokens, self.counts = found[:2]
        self.closing, self.cut = self.end_id, int(reached[2])
        return _Order(*found, np.cumsum(edges, out=edges))

    @property
    def _sizes(self) -> tuple[Integers, Integers, int, int]:
        """What says how many of the places each n-gram has."""
        return self.tokens, self.counts, self.closing, self.cut

    def _pieces(self) -> Iterator[tuple[slice, slice]]:
        """Yield runs of n-grams and of their places."""
        from kblib.ngrams.count_loops import pieces

        edges = pieces(self._sizes, _PIECE, _GROUPS)
        for (group, place), (next_group, next_place) in pairwise(edges):
            if next_place > place:
                yield slice(group, next_group), slice(place, next_place)


def _words(stream: Integers, vocab_size: int, frames: tuple[int, int]) -> Integers:
    """Return the occurrences of each token, the begin left out."""
    from kblib.ngrams.count_loops import count_each

    begin_id, end_id = frames
    counts = np.zeros(vocab_size, stream.dtype)
    count_each(stream[1:] if begin_id == end_id else stream, counts)
    if begin_id != end_id:
        counts[begin_id] = 0
    return counts


def _told(progress: Progress | None, done: int, ahead: int) -> Callable[[int], None]:
    """Return what is called with the places of an order that are done."""
    if progress is None:
        return lambda _: None
    return lambda places: progress(done + places, done + places + ahead)


def _shrink(array: NDArray[Any], size: int) -> None:
    """Give back the memory behind the first elements."""
    array.resize(size, refcheck=False)


def _narrow(stream: Integers) -> Integers:
    """Return tokens in 32 bits, if their number and themselves allow it."""
    most = max(len(stream), int(stream.max()))
    return stream.astype(np.int32 if most < np.iinfo(np.int32).max else np.int64)


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


def check_order(order: object) -> None:
    """Raise a ModelError unless the order is a whole number from 1 to 6."""
    if not isinstance(order, int | np.integer) or not 1 <= order <= MAX_ORDER:
        raise ModelError(
            f"An n-gram model of order {order} cannot be built.",
            f"Order 1 (single tokens) to {MAX_ORDER} was expected.",
            "Order 5 is a good choice for a few million tokens: order=5",
        )


def _framed(ids: ArrayLike, vocab_size: int, begin_id: int, end_id: int) -> Integers:
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
