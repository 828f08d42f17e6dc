"""Score every token of the vocabulary as the one between known neighbours.

The score of a candidate w is

- one-sided: P(w | left);
- two-sided: P(w | left) times P(r | left w ...) for each token r to the right, after the
  ``order - 1`` tokens before r as far as they are known. All these contexts hold w; P of tokens
  further to the right does not depend on it.

Letters: M tokens to the right, V vocabulary.
"""

from __future__ import annotations

import numpy as np

from kblib.ngrams.discounts import Floats
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.trie import Integers, Ints


def candidate_scores(model: KneserNey, left: list[int], right: list[int]) -> Floats:
    """Return the score of each token of the vocabulary between known neighbours, shape (V,).

    Where no token fits the right side (only a discount of exactly 0 can bring that about), the left
    side decides.
    """
    one_sided_V = model.distribution(left)
    if not right:
        return one_sided_V
    two_sided_V = one_sided_V * right_probs(model, left, right).prod(axis=0)
    return two_sided_V if two_sided_V.any() else one_sided_V


def right_probs(model: KneserNey, left: list[int], right: list[int]) -> Floats:
    """Return the probability of each token to the right, for each candidate before it: (M, V).

    Row m is P(right[m] | left w right[:m]) for all w at once: first without w, then for contexts
    that reach back to w, and then to one more token of the left at a time. A longer context that
    was not seen changes nothing, so each step handles only those w with which it was.
    """
    without_w = model.row_probs(np.array([right]))[0]
    probs_MV = np.repeat(without_w[:, None], model.vocab_size, axis=1)
    for reach in range(min(len(left), model.order - 2) + 1):
        words, contexts = _seen_after(model, left[len(left) - reach :])
        for m, token in enumerate(right[: model.order - 1 - reach]):
            length = reach + 1 + m  # of the context: left part, w, and what stands between
            found = _extended(model, length, contexts, token)
            probs = probs_MV[m, words] * model.backoffs[length - 1][contexts]
            seen = found >= 0
            probs[seen] = model.probs[length][found[seen]]
            probs_MV[m, words] = probs
            words, contexts = words[seen], found[seen]
            if not len(words):
                break
    return probs_MV


def _seen_after(model: KneserNey, left: list[int]) -> tuple[Integers, Ints]:
    """Return the tokens seen after a left context, and the ranks of the n-grams so made."""
    if not left:
        return np.arange(model.vocab_size), np.arange(model.vocab_size)
    rank = model.trie.rank(left)
    if rank < 0:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    after = model.trie.followers(len(left), rank)
    return model.trie.last_tokens(len(left) + 1, after), np.arange(after.start, after.stop)


def _extended(model: KneserNey, length: int, contexts: Ints, token: int) -> Ints:
    """Return the ranks of contexts with one more token, -1 where unseen."""
    if length > 1:
        return model.trie.find(length + 1, contexts, token)
    found = np.full(model.vocab_size, -1)  # contexts are the whole vocabulary: no search needed
    ranks = model.trie.bigrams_to(token)
    found[model.trie.contexts(2, ranks)] = ranks
    return found
