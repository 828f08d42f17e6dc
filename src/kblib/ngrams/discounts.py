"""What Kneser-Ney smoothing counts, and what it takes off the counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kblib.ngrams.counts import CountedNgrams
from kblib.ngrams.trie import Integers

Floats = NDArray[np.float64]
FALLBACK = (0.5, 1.0, 1.5)  # what lmplz takes for --discount_fallback


@dataclass(frozen=True)
class Discounts:
    """What one order takes off the count of an n-gram.

    Parameters
    ----------
    once, twice, more
        Taken off counts of 1, of 2, and of 3 or more.
    fallback_reason
        Why the three are KenLM's stand-ins and no estimates; empty for estimates.
    """

    once: float
    twice: float
    more: float
    fallback_reason: str = ""

    @classmethod
    def estimate(cls, counts: Integers, *, single: bool = False) -> Discounts:
        """Estimate the discounts from the counts of an order (Chen & Goodman 1999, equation 26).

        Parameters
        ----------
        single
            Calculate in single precision as lmplz does, which decides where one comes out as 0.
        """
        from kblib.ngrams.smooth_loops import counts_of_counts

        n = counts_of_counts(np.asarray(counts)).tolist()
        for j in (1, 2, 3):
            if not n[j]:
                return cls(*FALLBACK, fallback_reason=f"no n-gram has the count {j}")
        number = np.float32 if single else np.float64
        m = [number(count) for count in n]
        y = m[1] / (m[1] + 2 * m[2])
        found = [float(j - number(j + 1) * y * m[j + 1] / m[j]) for j in (1, 2, 3)]
        for j, discount in enumerate(found, start=1):
            if discount < 0:
                reason = f"the discount for the count {j} came out as {discount:.3f}"
                return cls(*FALLBACK, fallback_reason=reason)
        return cls(found[0], found[1], found[2])

    @property
    def by_count(self) -> Floats:
        """What is taken off counts of 0, 1, 2, and 3 or more."""
        return np.array([0.0, self.once, self.twice, self.more])


def adjusted_counts(counted: CountedNgrams, k: int) -> Integers:
    """Return what Kneser-Ney counts at order k.

    Occurrences for the highest order and for n-grams that start with a begin, which nothing can
    precede; for any other n-gram the number of different tokens seen before it.
    """
    if k == counted.trie.order:
        return counted.counts[k - 1]
    from kblib.ngrams.count_loops import count_each

    before = np.zeros_like(counted.counts[k - 1])
    count_each(counted.suffixes[k], before)
    begins = counted.begins[k - 1]
    before[begins] = counted.counts[k - 1][begins]
    return before


def lmplz_counts(counted: CountedNgrams, k: int) -> Integers:
    """Return the counts of order k from which lmplz estimates its discounts: one is off.

    When its stream ends, ``AdjustCounts::Run`` hands the occurrences of the last n-gram of each
    order, not its adjusted count, to the statistics. Last means: compared from the last token to
    the first, with the begin lowest, then the end, then words by their first appearance; so ids
    must be numbered that way.
    """
    counts = adjusted_counts(counted, k).copy()
    last = _last_ngram(counted, k)
    if last is not None:
        counts[last] = counted.counts[k - 1][last]
    return counts


def _last_ngram(counted: CountedNgrams, k: int) -> int | None:
    rank = int(np.flatnonzero(counted.counts[0])[-1])
    for order in range(2, k + 1):
        longer = np.flatnonzero(counted.suffixes[order - 1] == rank)
        if not len(longer):  # it starts with a begin
            return None
        rank = int(longer[np.argmax(_first_tokens(counted, order, longer))])
    return rank


def _first_tokens(counted: CountedNgrams, k: int, ranks: Integers) -> Integers:
    ranks = counted.trie.ngrams(k, ranks)[0]
    return np.where(ranks == counted.begin_id, -1, ranks)
