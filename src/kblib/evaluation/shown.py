"""Where an interval begins that is shown only if enough was found.

Of a rare thing, a sample shows three or more only by luck. Who keeps these samples and drops the
others keeps those that have too many, and of intervals that hold in 95 of 100 samples far fewer
hold among the kept ones. What is kept must therefore be weighed among what could have been kept:
a share is refuted if so much as was found, or more, is too unlikely *given* that enough was found.
Where just enough was found nothing is refuted and the interval begins at 0; where much more was
found the condition says nothing new.

Half of the chance of exactly what was found is counted (mid-P). Numbers need not be whole: a
corrected share is worth so many labels as its variance says.

References
----------
Fithian, Sun and Taylor (2014), Optimal inference after model selection, arXiv:1410.2597; Weinstein,
Fithian and Benjamini (2013), Selection adjusted confidence intervals with more power to determine
the sign, JASA 108 (the condition). Lancaster (1961), Significance tests in discrete distributions,
JASA 56 (mid-P). Korn and Graubard (1998), Confidence intervals for proportions with small expected
number of positive counts estimated from survey data (binomial, by effective size).
"""

from __future__ import annotations

import math

from kblib.ngrams.stratified import boundary

CLOSE = 1e-12
TERMS = 10_000
TINY = 1e-300


def begins(low: float, share: float, n: float, shown_from: float, chance: float) -> float:
    """Return where the interval of a share begins, if only larger ones are shown.

    Parameters
    ----------
    low
        Where it would begin if all were shown; it does not begin above.
    share, n
        What was found, of how many.
    shown_from
        The smallest share that is shown.
    chance
        What counts as too unlikely: 0.025 for an interval of 95 %.

    Examples
    --------
    Three of a hundred, which is just enough to be shown, and eight:

    >>> begins(0.0103, 0.03, 100, 0.03, 0.025)
    0.0
    >>> round(begins(0.0411, 0.08, 100, 0.03, 0.025), 3)
    0.035
    """
    if share <= shown_from * (1 + CLOSE):
        return 0.0

    def holds(p: float) -> bool:
        if not p:
            return False
        found, more = (log_at_least(k, n, p) for k in (share * n, share * n + 1))
        middle = found + math.log1p(math.exp(more - found)) - math.log(2)
        return middle >= math.log(chance) + log_at_least(shown_from * n, n, p)

    return boundary(holds, 0.0, low) if holds(low) else low


def log_at_least(k: float, n: float, p: float) -> float:
    """Return the logarithm of the chance that of `n`, each so with chance `p`, at least `k` are so.

    The regularised incomplete beta function, so that neither number need be whole.

    Examples
    --------
    >>> round(math.exp(log_at_least(1, 3, 0.5)), 6)
    0.875
    """
    if k <= 0:
        return 0.0
    a, b = k, n - k + 1
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front += a * math.log(p) + b * math.log1p(-p)
    if p < (a + 1) / (a + b + 2):
        return front - math.log(a * _fraction(a, b, p))
    return math.log1p(-math.exp(front) / (b * _fraction(b, a, 1 - p)))


def _fraction(a: float, b: float, x: float) -> float:
    """Return the continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz."""
    value, above, below = 1.0, 1.0, 0.0
    for term in range(1, TERMS):
        m = term // 2
        part = -(a + m) * (a + b + m) if term % 2 else m * (b - m)
        part *= x / ((a + term - 1) * (a + term))
        below = 1 / (1 + part * below or TINY)
        above = 1 + part / above or TINY
        value *= above * below
        if abs(above * below - 1) < CLOSE:
            break
    return value
