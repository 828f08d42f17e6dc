"""The compiled loops of `kblib.ngrams.trie`."""

from __future__ import annotations

from typing import Any

from kblib.ngrams.compiled import compiled

NONE = -1


@compiled
def follower(edges: Any, tokens: Any, before: int, token: int) -> Any:
    """Return the rank of one n-gram and a token after it, or NONE."""
    start, stop = edges[before], edges[before + 1]
    while stop - start > 4:
        middle = (start + stop) >> 1
        if tokens[middle] <= token:
            start = middle
        else:
            stop = middle
    while start < stop:
        if tokens[start] == token:
            return start
        start += 1
    return NONE


@compiled
def find(edges: Any, tokens: Any, before: Any, wanted: Any, found: Any) -> None:
    """Write the rank of each n-gram with one more token, NONE where there is none."""
    for at in range(len(before)):
        rank = before[at]
        found[at] = NONE if rank < 0 else follower(edges, tokens, rank, wanted[at])
