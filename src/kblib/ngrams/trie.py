"""N-grams of integers in sorted arrays: a trie without pointers.

An n-gram of order k is named by its rank in a sorted array. Its key is made of the rank of the
(k-1)-gram it begins with and of its last token: ``prefix * vocab_size + token``. So keys stay below
2**63 at any order, an n-gram is found by k - 1 binary searches, and all that follows one context
lies side by side. A single token's rank is the token itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NgramTrie:
    """All n-grams of orders 1 to N, each order a sorted array of keys.

    Parameters
    ----------
    vocab_size
        Tokens are the integers below it.
    keys
        ``keys[k - 1]``: the sorted keys of order k; for order 1 all tokens, seen or not.
    """

    vocab_size: int
    keys: tuple[Ints, ...]

    @property
    def order(self) -> int:
        """Length of the longest n-grams."""
        return len(self.keys)

    def sizes(self) -> tuple[int, ...]:
        """Return how many n-grams each order holds; order 1 counts the whole vocabulary."""
        return tuple(len(keys) for keys in self.keys)

    def find(self, k: int, prefixes: Ints, tokens: Ints | int) -> Ints:
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
        keys = self.keys[k - 1]
        if not len(keys):
            return np.full_like(prefixes, -1)
        wanted = prefixes * self.vocab_size + tokens  # an unknown prefix: below 0, never found
        at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[at] == wanted, at, -1)

    def rank(self, tokens: Sequence[int]) -> int:
        """Return the rank of one n-gram of order 1 or more, -1 if it is not there."""
        rank = tokens[0]
        for keys, token in zip(self.keys[1:], tokens[1:], strict=False):
            wanted = rank * self.vocab_size + token
            rank = int(keys.searchsorted(wanted))
            if rank == len(keys) or keys[rank] != wanted:
                return -1
        return rank

    def followers(self, k: int, rank: int) -> slice:
        """Return the ranks of the (k+1)-grams that begin with an n-gram of order k, as a slice."""
        edges = (rank * self.vocab_size, (rank + 1) * self.vocab_size)
        start, stop = self.keys[k].searchsorted(edges)
        return slice(int(start), int(stop))

    def last_tokens(self, k: int, ranks: slice | Ints) -> Ints:
        """Return the last tokens of n-grams of order k."""
        last: Ints = self.keys[k - 1][ranks] % self.vocab_size
        return last

    def bigrams_to(self, token: int) -> Ints:
        """Return the ranks of the bigrams that end in a token, rising."""
        ranks, edges = self._bigrams_by_end
        return ranks[edges[token] : edges[token + 1]]

    @cached_property
    def _bigrams_by_end(self) -> tuple[Ints, Ints]:
        ends = self.keys[1] % self.vocab_size
        ranks = np.argsort(ends, kind="stable")
        return ranks, np.searchsorted(ends[ranks], np.arange(self.vocab_size + 1))
