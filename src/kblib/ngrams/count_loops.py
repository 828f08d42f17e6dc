"""The compiled loops of `kblib.ngrams.counts`; what they work on, that module tells.

Letters: T places of the token stream, M places of a piece of it, V vocabulary, P n-grams of an
order, N n-grams one longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kblib.ngrams.compiled import compiled

NONE = -1


@compiled
def count_each(numbers: Any, counts: Any) -> None:
    """Add to the count of each number."""
    for number in numbers:
        counts[number] += 1


@compiled
def places_by_token(stream_T: Any, closing: int, counts_V: Any, places_T: Any) -> int:
    """Write the places that something follows, by token; `counts_V` gets all occurrences.

    Nothing follows the last place, nor the token `closing`. Returns how many there are.
    """
    count_each(stream_T, counts_V)
    at_V = np.empty_like(counts_V)
    total = 0
    for token in range(len(counts_V)):
        at_V[token] = total
        if token != closing:
            total += counts_V[token] - (1 if token == stream_T[-1] else 0)
    for place, token in enumerate(stream_T[:-1]):
        if token != closing:
            places_T[at_V[token]] = place
            at_V[token] += 1
    return total


@compiled
def _size(rank: int, sizes: Any) -> Any:
    """Return how many places an n-gram has that something follows.

    Parameters
    ----------
    sizes
        Last tokens and occurrences of the n-grams, (P,) each; the token that nothing follows; the
        n-gram that ends at the very last place; NONE where there is no such token or n-gram.
    """
    tokens_P, counts_P, closing, cut = sizes
    if tokens_P[rank] == closing:
        return 0
    return counts_P[rank] - (1 if rank == cut else 0)


@compiled
def pieces(sizes: Any, most: int, most_groups: int) -> Any:
    """Cut n-grams into runs of about `most` places; return their edges and those of the places.

    An n-gram with more places is a run of its own.
    """
    edges = [(0, 0)]
    begin, start, stop = 0, 0, 0
    n_ngrams = len(sizes[0])
    for rank in range(n_ngrams):
        size = _size(rank, sizes)
        if rank > begin and (stop + size - start > most or rank - begin == most_groups):
            edges.append((rank, stop))
            begin, start = rank, stop
        stop += size
    edges.append((n_ngrams, stop))
    return edges


@compiled
def keys_of_piece(
    places_M: Any, first: int, sizes: Any, ranks_T: Any, rank_bits: int, bits: int
) -> Any:
    """Return a key a place: n-gram before it in the piece, rank that follows, number in it."""
    keys_M = np.empty(len(places_M), np.int64)
    number, group = 0, 0
    while number < len(places_M):
        for _ in range(_size(first + group, sizes)):
            rank = ranks_T[places_M[number] + 1]
            keys_M[number] = (((np.int64(group) << rank_bits) | rank) << bits) | number
            number += 1
        group += 1
    return keys_M


@compiled
def number_piece(
    keys_M: Any,
    places_M: Any,
    bits: tuple[int, int],
    tokens_P: Any,
    end_id: int,
    found: Any,
    n_followers: Any,
    follow: Any,
    reached: Any,
) -> None:
    """Give numbers to the n-grams of sorted keys, count them, and note where each of them ends.

    Parameters
    ----------
    bits
        Of a rank, and of a number in the piece.
    tokens_P
        Last tokens of the shorter n-grams.
    found
        Tokens, counts and suffixes of the longer n-grams, each (N,).
    n_followers
        Of each n-gram of the piece.
    follow
        What the next order needs: ranks (T,) and places; and whether there is a next order.
    reached
        How many n-grams and places are written, and the n-gram at the very last place.
    """
    rank_bits, number_bits = bits
    tokens_N, counts_N, suffixes_N = found
    ranks_T, places, goes_on = follow
    rank, n_places = reached[0] - 1, reached[1]
    last, followed = np.int64(-1), False
    for key in keys_M:
        ngram = key >> number_bits
        if ngram != last:
            last = ngram
            rank += 1
            suffix = ngram & ((1 << rank_bits) - 1)
            token = tokens_P[suffix]
            tokens_N[rank] = token
            counts_N[rank] = 0
            suffixes_N[rank] = suffix
            n_followers[ngram >> rank_bits] += 1
            followed = token != end_id
        counts_N[rank] += 1
        if goes_on:
            place = places_M[key & ((1 << number_bits) - 1)] + 1
            ranks_T[place] = rank
            if place + 1 == len(ranks_T):
                reached[2] = rank
            elif followed:
                places[n_places] = place
                n_places += 1
    reached[0], reached[1] = rank + 1, n_places
