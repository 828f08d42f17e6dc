"""The compiled loops of `kblib.ngrams.discounts` and `kblib.ngrams.kneser_ney`.

Letters: N n-grams of an order, P of the order below.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kblib.ngrams.compiled import compiled


@compiled
def counts_of_counts(counts: Any) -> Any:
    """Return how many counts are 0, 1, 2, 3, 4, and 5 or more."""
    n = np.zeros(6, np.int64)
    for count in counts:
        n[min(count, 5)] += 1
    return n


@compiled
def smooth_order(
    edges_P1: Any, counts_N: Any, stays_N: Any, discounts: Any, below: Any, found: Any
) -> None:
    """Write the probability of each n-gram, and what its context leaves to shorter ones.

    Parameters
    ----------
    edges_P1
        Where the n-grams after each context begin and end.
    stays_N
        Which n-grams stay in the model; empty if all do.
    discounts
        Of counts of 0, 1, 2, and 3 or more.
    below
        Probabilities one order below, and for each n-gram the rank of its suffix there.
    found
        Where to write: probabilities, (N,), and shares left over, (P,); 1 where nothing followed.
    """
    lower_P, suffixes_N = below
    probs_N, left_over_P = found
    for context in range(len(edges_P1) - 1):
        start, stop = edges_P1[context], edges_P1[context + 1]
        total, taken = 0, 0.0
        for rank in range(start, stop):
            count = counts_N[rank]
            total += count
            if len(stays_N) == 0 or stays_N[rank]:
                taken += discounts[min(count, 3)]
            else:
                taken += count
        left_over = taken / total if total > 0 else 1.0
        left_over_P[context] = left_over
        for rank in range(start, stop):
            count = counts_N[rank]
            seen = (count - discounts[min(count, 3)]) / total
            probs_N[rank] = seen + left_over * lower_P[suffixes_N[rank]]
