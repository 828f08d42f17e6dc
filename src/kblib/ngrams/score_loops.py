"""The compiled loops of `kblib.ngrams.kneser_ney`: look-ups of many n-grams.

Letters: T tokens.
"""

from __future__ import annotations

from typing import Any

from kblib.ngrams.compiled import compiled
from kblib.ngrams.trie_loops import NONE, follower


@compiled
def extend(
    edges: Any,
    tokens: Any,
    backoffs: Any,
    probs: Any,
    stream_T: Any,
    width: int,
    ranks_T: Any,
    probs_T: Any,
) -> None:
    """Look up, at each place, the n-gram one longer than the one that is known to end there.

    Parameters
    ----------
    edges, tokens, backoffs, probs
        Of the contexts, and of what follows them.
    width
        Tokens a row; no n-gram reaches over its edge.
    ranks_T
        Rank of the context that ends at each place, NONE for none; then of the longer n-gram.
    probs_T
        Probability of each token after shorter contexts; then after longer ones.
    """
    for place in range(len(stream_T) - 1, -1, -1):
        context = NONE if place % width == 0 else ranks_T[place - 1]
        if context == NONE:
            ranks_T[place] = NONE
            continue
        found = follower(edges, tokens, context, stream_T[place])
        if found == NONE:
            probs_T[place] *= backoffs[context]
        else:
            probs_T[place] = probs[found]
        ranks_T[place] = found
