"""The compiled loops of `kblib.ngrams.counts`; what they work on, that module tells.

Letters: T places of the token stream, M places of a piece of it, V vocabulary, P n-grams of an
order, N n-grams one longer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kblib.ngrams.compiled import compiled


@compiled
def places_by_token(stream_T: Any, closing: int, sizes_V: Any, places_T: Any) -> int:
    """Write the places that something follows, by token; `sizes_V` gets how many each has.

    Nothing follows the last place, nor the token `closing`. Returns how many there are.
    """
    for token in stream_T[:-1]:
        if token != closing:
            sizes_V[token] += 1
    at_V = np.empty_like(sizes_V)
    total = 0
    for token in range(len(sizes_V)):
        at_V[token] = total
        total += sizes_V[token]
    for place, token in enumerate(stream_T[:-1]):
        if token != closing:
            places_T[at_V[token]] = place
            at_V[token] += 1
    return total


@compiled
def pieces(sizes_P: Any, most: int, most_groups: int) -> Any:
    """Cut n-grams into runs of about `most` places; return their edges and those of the places.

    An n-gram with more places is a run of its own.
    """
    edges = [(0, 0)]
    begin, start, stop = 0, 0, 0
    for rank, size in enumerate(sizes_P):
        if rank > begin and (stop + size - start > most or rank - begin == most_groups):
            edges.append((rank, stop))
            begin, start = rank, stop
        stop += size
    edges.append((len(sizes_P), stop))
    return edges


@compiled
def keys_of_piece(places_M: Any, sizes: Any, stream_T: Any, token_bits: int, bits: int) -> Any:
    """Return a key a place: n-gram before it in the piece, token that follows, number in it."""
    keys_M = np.empty(len(places_M), np.int64)
    number = 0
    for group in range(len(sizes)):
        for _ in range(sizes[group]):
            token = stream_T[places_M[number] + 1]
            keys_M[number] = (((np.int64(group) << token_bits) | token) << bits) | number
            number += 1
    return keys_M


@compiled
def number_piece(
    keys_M: Any,
    places_M: Any,
    bits: tuple[int, int],
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
        Of a token, and of a number in the piece.
    found
        Tokens, counts and suffixes of the longer n-grams, each (N,).
    n_followers
        Of each n-gram of the piece.
    follow
        What the next order needs: ranks (T,), places, and how many each n-gram has; that empty if
        there is no next order.
    reached
        How many n-grams and places are written.
    """
    token_bits, number_bits = bits
    tokens_N, counts_N, suffixes_N = found
    ranks_T, places, sizes_N = follow
    goes_on = len(sizes_N) > 0
    rank, n_places = reached[0] - 1, reached[1]
    last, followed = np.int64(-1), False
    for key in keys_M:
        place = places_M[key & ((1 << number_bits) - 1)] + 1
        ngram = key >> number_bits
        if ngram != last:
            last = ngram
            rank += 1
            token = ngram & ((1 << token_bits) - 1)
            tokens_N[rank] = token
            counts_N[rank] = 0
            suffixes_N[rank] = ranks_T[place]
            n_followers[ngram >> token_bits] += 1
            followed = goes_on and token != end_id
        counts_N[rank] += 1
        if goes_on:
            ranks_T[place] = rank
        if followed and place + 1 < len(ranks_T):
            places[n_places] = place
            sizes_N[rank] += 1
            n_places += 1
    reached[0], reached[1] = rank + 1, n_places
