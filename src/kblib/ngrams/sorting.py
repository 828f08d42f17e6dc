"""The order of a concordance, worked out only as far as somebody looks at it.

A page of a long list is found by selection: the values of the first key that bound the page are
found without sorting, and only what ties with them is looked at by the next key. So the first
lines of nine million hits cost reading them once, not sorting them by eight words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from kblib.ngrams.index import Ints
from kblib.ngrams.queries import Hits

SORTS = ("text", "left", "right", "hit", "year", "random")
DEPTH = 4
"""How many words of context a sort looks at."""
FEW = 20_000
"""Hits that are sorted whole, in a few hundredths of a second."""
NEARLY_ALL = 4

Key = Callable[[Ints], Ints]
"""Gives the values to sort by for some hits, given by their numbers in the order of the text."""


def keys_of(hits: Hits, sorts: Sequence[str], seed: int) -> list[Key]:
    """Return the keys of some sorts, the one that counts most first."""
    keys: list[Key] = []
    for sort in sorts:
        if sort in ("left", "right"):
            step = 1 if sort == "right" else -1
            keys += [partial(_beside, hits, step * away) for away in range(1, DEPTH + 1)]
        elif sort == "hit":
            keys += [partial(_within, hits, place) for place in range(hits.length)]
        elif sort == "year":
            keys.append(partial(_year, hits))
        elif sort == "random":
            keys.append(np.random.default_rng(seed).permutation(hits.n).__getitem__)
    return keys


def ranked(keys: Sequence[Key], chosen: Ints, start: int, stop: int) -> Ints:
    """Return those of the chosen hits that stand from `start` up to `stop` when all are sorted.

    Hits that all keys take for equal stay in the order they are given in.
    """
    if start >= stop or not keys:
        return chosen[start:stop]
    if len(chosen) <= max(FEW, NEARLY_ALL * (stop - start)):
        order = np.lexsort([key(chosen) for key in reversed(keys)])
        return chosen[order[start:stop]]
    values = keys[0](chosen)
    low, high = np.partition(values, (start, stop - 1))[[start, stop - 1]]
    first, last = chosen[values == low], chosen[values == high]
    start, stop = (place - int((values < low).sum()) for place in (start, stop))
    if low == high:
        return ranked(keys[1:], first, start, stop)
    between = chosen[(values > low) & (values < high)]
    left = stop - len(first) - len(between)
    return np.concatenate(
        [
            ranked(keys[1:], first, start, len(first)),
            ranked(keys, between, 0, len(between)),
            ranked(keys[1:], last, 0, left),
        ]
    )


def _beside(hits: Hits, step: int, chosen: Ints) -> Ints:
    """Return the word so far before or after each hit; -1 beyond the document, sorted first."""
    text, document = hits.index.text, hits.documents[chosen]
    at = hits.positions[chosen] + (step + hits.length - 1 if step > 0 else step)
    inside = (at >= text.word_starts[document]) & (at < text.word_starts[document + 1])
    return np.where(inside, text.words_at(np.where(inside, at, 0)), -1)


def _within(hits: Hits, place: int, chosen: Ints) -> Ints:
    return hits.index.text.words_at(hits.positions[chosen] + place)


def _year(hits: Hits, chosen: Ints) -> Ints:
    years = hits.index.column("year").fill_null(np.iinfo(np.int32).max).to_numpy()
    found: Ints = years[hits.documents[chosen]].astype(np.int64)
    return found
