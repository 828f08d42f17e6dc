"""N-grams of integers in sorted arrays: a trie without pointers.

The n-grams of an order are sorted by their tokens, and one is named by its rank among them. All
that follow one context so lie side by side: of order k + 1, those that begin with the n-gram of
rank r have the ranks from ``edges[k - 1][r]`` to below ``edges[k - 1][r + 1]``, and only their last
tokens have to be kept. A single token's rank is the token itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Integers = NDArray[np.integer[Any]]  # in as few bytes as they need

_ROOM = 3  # slots for two n-grams, at least


@dataclass(frozen=True, eq=False)
class NgramTrie:
    """All n-grams of orders 1 to N, each order an array of last tokens.

    Parameters
    ----------
    tokens
        ``tokens[k - 1]``: the last tokens of order k; for order 1 all tokens, seen or not.
    edges
        ``edges[k - 1]``: where the followers of each n-gram of order k begin among those of order
        k + 1, and where the last ones end; none for the highest order.
    """

    tokens: tuple[Integers, ...]
    edges: tuple[Integers, ...]

    @property
    def vocab_size(self) -> int:
        """Tokens are the integers below it."""
        return len(self.tokens[0])

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.tokens)

    def sizes(self) -> tuple[int, ...]:
        """Return how many n-grams each order holds; order 1 counts the whole vocabulary."""
        return tuple(len(tokens) for tokens in self.tokens)

    def find(self, k: int, prefixes: Integers, tokens: Integers | int) -> Ints:
        """Return the ranks of n-grams of order k (2 or more), -1 where there is none.

        Parameters
        ----------
        k
            Order of the n-grams.
        prefixes
            Ranks of their first k - 1 tokens, -1 for an unknown one; any shape.
        tokens
            Their last tokens, of the same shape or one for all.
        """
        from kblib.ngrams.trie_loops import find

        starts, wanted = np.broadcast_arrays(np.asarray(prefixes, np.int64), tokens)
        found: Ints = np.empty(starts.shape, np.int64)
        arrays = (starts.ravel(), wanted.astype(np.int64).ravel())
        find(self.edges[k - 2], self.tokens[k - 1], *arrays, found.reshape(-1))
        return found

    def rank(self, tokens: Sequence[int]) -> int:
        """Return the rank of one n-gram of order 1 or more, -1 if it is not there."""
        rank = int(tokens[0])
        for k, token in enumerate(tokens[1:], start=2):
            if k > self.order:
                return -1
            after = self.followers(k - 1, rank)
            rank = after.start + int(self.tokens[k - 1][after].searchsorted(token))
            if rank == after.stop or self.tokens[k - 1][rank] != token:
                return -1
        return rank

    def followers(self, k: int, rank: int) -> slice:
        """Return the ranks of the (k+1)-grams that begin with an n-gram of order k, as a slice."""
        start, stop = self.edges[k - 1][rank : rank + 2]
        return slice(int(start), int(stop))

    def last_tokens(self, k: int, ranks: slice | Integers) -> Integers:
        """Return the last tokens of n-grams of order k."""
        return self.tokens[k - 1][ranks]

    def contexts(self, k: int, ranks: Integers) -> Ints:
        """Return the ranks of the (k-1)-grams that n-grams of order k (2 or more) begin with."""
        before: Ints = self.edges[k - 2].searchsorted(ranks, side="right") - 1
        return before

    def ngrams(self, k: int, ranks: Integers) -> list[Integers]:
        """Return the tokens of n-grams of order k: all first ones, all second ones, and so on."""
        columns: list[Integers] = []
        for order in range(k, 1, -1):
            columns.insert(0, self.tokens[order - 1][ranks])
            ranks = self.contexts(order, ranks)
        return [ranks, *columns]

    @cached_property
    def slots(self) -> tuple[Integers, ...]:
        """Hash tables of the ranks of order 2 and more, for contexts with many followers.

        A table only says where to look: whether an n-gram is there, edges and tokens tell.
        """
        from kblib.ngrams.trie_loops import NONE, fill_slots, n_in_slots

        tables: list[Integers] = []
        for edges, tokens in zip(self.edges, self.tokens[1:], strict=True):
            size = 1 << (_ROOM * int(n_in_slots(edges)) // 2).bit_length()
            tables.append(np.full(size, NONE, edges.dtype))
            fill_slots(edges, tokens, tables[-1])
        return tuple(tables)

    def bigrams_to(self, token: int) -> Ints:
        """Return the ranks of the bigrams that end in a token, rising."""
        ranks, edges = self._bigrams_by_end
        return ranks[edges[token] : edges[token + 1]]

    @cached_property
    def _bigrams_by_end(self) -> tuple[Ints, Ints]:
        ends = self.tokens[1]
        ranks = np.argsort(ends, kind="stable")
        return ranks, np.searchsorted(ends[ranks], np.arange(self.vocab_size + 1))
