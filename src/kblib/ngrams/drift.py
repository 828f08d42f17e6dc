"""Words of like frequency: how much the company of any word changes in a corpus.

That dates cannot be exchanged without a difference says that a word's company depends on the date.
In newsreels that is so for most frequent words, because subjects come and go. A word has changed
beyond that drift if few words with as many uses changed as much.
"""

from __future__ import annotations

import numpy as np

from kblib.ngrams.index import Index, Ints
from kblib.ngrams.resampling import Floats
from kblib.ngrams.unit_counts import word_counts

FEWEST_PEERS = 19
"""With fewer, a share of 5 % cannot be told."""


def like_words(index: Index, n_uses: int, own: Ints, n: int) -> list[int]:
    """Return the words (numbers) whose counts are nearest to some number of uses.

    Parameters
    ----------
    own
        Words that are not taken: the query's own forms.
    """
    counts = word_counts(index)
    off = np.abs(np.log(np.maximum(counts, 0.5) / max(n_uses, 1)))
    off[own] = np.inf
    return [int(word) for word in np.argsort(off, kind="stable")[:n] if np.isfinite(off[word])]


def drift(largest: float, peers: Floats) -> float | None:
    """Return the share of words, this one among them, whose largest statistic is no smaller.

    None if there are too few.

    Examples
    --------
    >>> drift(3.0, np.arange(19.0)), drift(3.0, np.arange(5.0))
    (0.85, None)
    """
    if len(peers) < FEWEST_PEERS:
        return None
    return float((1 + (peers >= largest).sum()) / (1 + len(peers)))
