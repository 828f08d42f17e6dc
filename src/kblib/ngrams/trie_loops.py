"""The compiled loops of `kblib.ngrams.trie`."""

from __future__ import annotations

from typing import Any

import numpy as np

from kblib.ngrams.compiled import compiled

NONE = -1
FEW = 8  # followers that are searched at once; their tokens lie in one or two lines of the cache
_FACTOR = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio: Knuth's multiplicative hashing
_HALF = np.uint64(32)


@compiled
def found_in(tokens: Any, start: int, stop: int, token: int) -> Any:
    """Return the rank of a token among followers, or NONE; the step of the search is no branch."""
    size = stop - start
    while size > 1:
        half = size >> 1
        start = start + half if tokens[start + half] <= token else start
        size -= half
    return start if size > 0 and tokens[start] == token else NONE


@compiled
def slot_of(context: int, token: int, slots_S: Any) -> Any:
    """Return the slot at which the search for an n-gram begins."""
    mixed = (np.uint64(context) * _FACTOR + np.uint64(token)) * _FACTOR
    return np.int64(mixed >> _HALF) & (len(slots_S) - 1)


@compiled
def n_in_slots(edges: Any) -> int:
    """Return how many n-grams follow contexts with more than FEW followers."""
    n = 0
    for context in range(len(edges) - 1):
        size = edges[context + 1] - edges[context]
        n += size if size > FEW else 0
    return n


@compiled
def fill_slots(edges: Any, tokens: Any, slots_S: Any) -> None:
    """Put these n-grams into empty slots."""
    for context in range(len(edges) - 1):
        if edges[context + 1] - edges[context] > FEW:
            for rank in range(edges[context], edges[context + 1]):
                slot = slot_of(context, tokens[rank], slots_S)
                while slots_S[slot] != NONE:
                    slot = (slot + 1) & (len(slots_S) - 1)
                slots_S[slot] = rank


@compiled
def probed(tokens: Any, slots_S: Any, followers: Any, context: int, token: int) -> Any:
    """Return the rank of a token among followers that have slots, or NONE."""
    slot = slot_of(context, token, slots_S)
    while slots_S[slot] != NONE:
        rank = slots_S[slot]
        if followers[0] <= rank < followers[1] and tokens[rank] == token:
            return np.int64(rank)
        slot = (slot + 1) & (len(slots_S) - 1)
    return np.int64(NONE)


@compiled
def find(edges: Any, tokens: Any, before: Any, wanted: Any, found: Any) -> None:
    """Write the rank of each n-gram with one more token, NONE where there is none."""
    for at in range(len(before)):
        rank = before[at]
        found[at] = NONE if rank < 0 else found_in(tokens, edges[rank], edges[rank + 1], wanted[at])
