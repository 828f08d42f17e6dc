"""Which n-grams of a model are left out, as KenLM's ``--prune`` and ``--limit_vocab_file`` say.

Counts, discounts and denominators come from all n-grams; what a pruned one would have got goes to
the shorter n-grams, so that probabilities still sum to 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kblib.errors import ModelError
from kblib.ngrams.counts import Bools, CountedNgrams
from kblib.ngrams.trie import Ints, NgramTrie


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
    for counts, keys, threshold in zip(counted.counts, counted.trie.keys, thresholds, strict=True):
        stays = (counts > threshold) & fits[keys % counted.trie.vocab_size]
        if kept:
            stays &= kept[-1][keys // counted.trie.vocab_size]
        else:
            stays[list(special)] = True
        kept.append(stays)
    return tuple(kept)


def pruned_trie(trie: NgramTrie, kept: Sequence[Bools]) -> NgramTrie:
    """Return a trie of the n-grams that stay; its tokens are numbered anew, in the old order."""
    tokens = _new_ranks(kept[0])
    vocab_size = int(kept[0].sum())
    prefixes, keys = tokens, [np.arange(vocab_size)]
    for old, stays in zip(trie.keys[1:], kept[1:], strict=True):
        old = old[stays]
        keys.append(prefixes[old // trie.vocab_size] * vocab_size + tokens[old % trie.vocab_size])
        prefixes = _new_ranks(stays)
    return NgramTrie(vocab_size, tuple(keys))


def _new_ranks(kept: Bools) -> Ints:
    return np.cumsum(kept) - 1
