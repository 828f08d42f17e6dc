"""The compiled loops of `kblib.ngrams.kneser_ney`: look-ups of many n-grams.

Each look-up needs a few numbers from anywhere in arrays of many megabytes. The processor waits for
many of them at once, but not beyond a branch that it guesses wrong: so some hundred look-ups are
taken together, in rounds that fetch what the next round needs and hardly branch.

Letters: T tokens, H tokens taken together, S slots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kblib.ngrams.compiled import compiled
from kblib.ngrams.trie_loops import FEW, NONE, found_in, probed, slot_of

_TOGETHER = 256


@compiled
def _fetch(arrays: Any, contexts_H: Any, words_H: Any, ranges: Any, likely: Any) -> None:
    """Write where the followers of each context are, which is likely the word, and its token."""
    edges, tokens, slots_S = arrays
    starts, stops = ranges
    guesses, guessed = likely
    for h, context in enumerate(contexts_H):
        at = max(context, 0)
        starts[h] = edges[at]
        stops[h] = edges[at + 1] if context != NONE else edges[at]
    for h, context in enumerate(contexts_H):
        guesses[h] = starts[h]
        if stops[h] - starts[h] > FEW:
            guesses[h] = slots_S[slot_of(context, words_H[h], slots_S)]
    for h in range(len(contexts_H)):
        at = guesses[h]
        guessed[h] = tokens[at] if 0 <= at < len(tokens) else NONE


@compiled
def extend(
    order: int, arrays: Any, backoffs: Any, stream_T: Any, width: int, ranks_T: Any, longest: Any
) -> None:
    """Look up, at each place, the n-gram one longer than the one that is known to end there.

    Parameters
    ----------
    order
        Tokens in the longer n-grams.
    arrays
        Edges, tokens and slots of what follows the contexts, see `NgramTrie`.
    backoffs
        Of the contexts.
    width
        Tokens a row; no n-gram reaches over its edge.
    ranks_T
        Rank of the context that ends at each place, NONE for none; then of the longer n-gram.
    longest
        Of the longest n-gram that is known to end at each place, (T,) each: its order, its rank,
        and what the contexts beyond it leave to it.
    """
    _, tokens, slots_S = arrays
    orders_T, best_T, left_over_T = longest
    ranges = np.empty(_TOGETHER, np.int64), np.empty(_TOGETHER, np.int64)
    likely = np.empty(_TOGETHER, np.int64), np.empty(_TOGETHER, np.int64)
    starts, stops = ranges
    guesses, guessed = likely
    for row in range(0, len(stream_T), width):
        for last in range(row + width, row + 1, -_TOGETHER):
            first = max(row + 1, last - _TOGETHER)
            contexts_H, words_H = ranks_T[first - 1 : last - 1], stream_T[first:last]
            _fetch(arrays, contexts_H, words_H, ranges, likely)
            for h in range(last - first - 1, -1, -1):
                start, stop, context, word = starts[h], stops[h], contexts_H[h], words_H[h]
                place, found = first + h, NONE
                if start <= guesses[h] < stop and guessed[h] == word:
                    found = guesses[h]
                elif stop - start > FEW:
                    found = probed(tokens, slots_S, (start, stop), context, word)
                elif stop - start > 1:
                    found = found_in(tokens, start, stop, word)
                if found != NONE:
                    orders_T[place], best_T[place], left_over_T[place] = order, found, 1.0
                elif context != NONE:
                    left_over_T[place] *= backoffs[context]
                ranks_T[place] = found
        ranks_T[row] = NONE


@compiled
def weigh(order: int, probs: Any, longest: Any) -> None:
    """Multiply what is left to the n-grams of an order by their probabilities."""
    orders_T, best_T, left_over_T = longest
    for place in range(len(orders_T)):
        if orders_T[place] == order:
            left_over_T[place] *= probs[best_T[place]]
