"""Which n-grams of a model are left out, as KenLM's ``--prune`` and ``--limit_vocab_file`` say.

Counts, discounts and denominators come from all n-grams; what a pruned one would have got goes to
the shorter n-grams, so that probabilities still sum to 1. One thing is not repeated: where texts
are so few that ``</s>`` itself falls under the threshold for words, lmplz writes it with the
probability 1; here it keeps its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kblib.errors import ModelError
from kblib.ngrams.counts import Bools, CountedNgrams
from kblib.ngrams.trie import NgramTrie


def checked_thresholds(prune: Sequence[int], order: int) -> tuple[int, ...]:
    """Return one threshold an order; the last one given holds for all longer n-grams.

    Raises
    ------
    ModelError
        If there are more thresholds than orders, one is negative, or one is lower than the one
        before it.
    """
    given = tuple(map(int, prune)) or (0,)
    if min(given) < 0 or len(given) > order or list(given) != sorted(given):
        raise ModelError(
            f"N-grams of the orders 1 to {order} cannot be pruned with prune={given}.",
            f"At most {order} whole numbers from 0 were expected, none lower than the one before.",
            "To drop n-grams of three words and more that occur once: prune=(0, 0, 1)",
        )
    return given + given[-1:] * (order - len(given))


def kept_ngrams(
    counted: CountedNgrams, thresholds: Sequence[int], allowed: Bools | None, special: Sequence[int]
) -> tuple[Bools, ...] | None:
    """Return which n-grams of each order stay, None if all do.

    Parameters
    ----------
    thresholds
        An n-gram of order k stays if it occurs more often than ``thresholds[k - 1]``.
    allowed
        Which tokens of the vocabulary may stand in n-grams; None for all.
    special
        Tokens that always stay.
    """
    if not any(thresholds) and allowed is None:
        return None
    kept: list[Bools] = []
    fits = np.ones(counted.trie.vocab_size, dtype=bool) if allowed is None else allowed.copy()
    fits[list(special)] = True
    for k, threshold in enumerate(thresholds, start=1):
        stays = (counted.counts[k - 1] > threshold) & fits[counted.trie.tokens[k - 1]]
        if k > 1:
            stays &= np.repeat(kept[-1], np.diff(counted.trie.edges[k - 2]))
        else:
            stays[list(special)] = True
        kept.append(stays)
    return tuple(kept)


def pruned_trie(trie: NgramTrie, kept: Sequence[Bools]) -> NgramTrie:
    """Return a trie of the n-grams that stay; its tokens are numbered anew, in the old order."""
    new_ids = np.cumsum(kept[0], dtype=trie.tokens[0].dtype) - 1
    tokens = [new_ids[old[stays]] for old, stays in zip(trie.tokens, kept, strict=True)]
    edges = []
    for k, old in enumerate(trie.edges, start=1):
        staying_before = np.append(0, np.cumsum(kept[k]))[old].astype(old.dtype)
        # What follows an n-gram that goes, goes too: the edges of the others still fit.
        edges.append(np.append(staying_before[:-1][kept[k - 1]], staying_before[-1:]))
    return NgramTrie(tuple(tokens), tuple(edges))
