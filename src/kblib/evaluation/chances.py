"""Texts drawn with unequal chances that are known, and what they say of all texts.

Each text is drawn or not by a number of its own (Poisson sampling; Hájek 1964), so that its chance
is known exactly and no draw depends on another. A label of a text that had the chance c stands for
1/c texts (Horvitz and Thompson 1952): on average over all draws the weighed sum is that of all
texts, whatever the chances were made from. Weighing only what a model got wrong, on top of the
model's own sum, leaves less to chance (Särndal, Swensson and Wretman 1992, 6.3; for labels that are
asked for where a model is unsure: Zrnic and Candès 2024, Active statistical inference).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kblib.errors import LabelError
from kblib.ngrams.drawing import own_numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FLOOR = 0.2
"""Share of the draws that is spread over all texts alike: no chance is nothing, no weight has no
bound."""


def chances(sizes: Floats, n: float, *, floor: float = FLOOR) -> Floats:
    """Return the chance of each text, so that `n` are drawn on average, by the sizes given.

    Parameters
    ----------
    sizes
        How much each text is wanted, 0 or more; shape (texts,).
    n
        How many are to be drawn on average.
    floor
        The share of the draws that is spread over all texts alike, above 0 and up to 1.

    Returns
    -------
    numpy.ndarray
        Shape (texts,), each above 0 and up to 1. Where a size would ask for more than 1 the text is
        drawn for certain, and what is left over goes to the others.

    Raises
    ------
    LabelError
        If there is no floor: a text that cannot be drawn has no weight that could stand for it.

    Examples
    --------
    >>> chances(np.array([0.0, 1.0, 3.0, 100.0]), 2, floor=0.5).round(3).tolist()
    [0.317, 0.329, 0.354, 1.0]
    """
    if not 0 < floor <= 1:
        raise LabelError(
            f"floor is {floor!r}.",
            "A share above 0 and up to 1 was expected: without one, a text that nobody wants is "
            "never drawn, and what is weighed by chances says nothing of it.",
            f"floor={FLOOR}",
        )
    texts = len(sizes)
    if n >= texts:
        return np.ones(texts)
    wanted = sizes / sizes.sum() if sizes.sum() > 0 else np.full(texts, 1 / texts)
    mixed = floor / texts + (1 - floor) * wanted
    certain = np.zeros(texts, dtype=bool)
    while True:
        found = (n - certain.sum()) * mixed / mixed[~certain].sum()
        over = ~certain & (found >= 1)
        if not over.any():
            return np.where(certain, 1.0, found)
        certain |= over


def drawn_by_chance(places: Ints, chance: Floats, seed: str) -> Ints:
    """Return which texts are drawn, as numbers into `places`, each by its own chance.

    Parameters
    ----------
    places
        Numbers that tell the texts apart.
    chance
        Of each, from 0 to 1.
    seed
        Any text; another one gives another draw.
    """
    return np.flatnonzero(own_numbers(places, seed) < chance)


def weighed_sum(values: Floats, chance: Floats) -> tuple[float, float]:
    """Return the sum over all texts as those that were drawn let expect it, and its variance.

    Parameters
    ----------
    values, chance
        Of the drawn texts.

    Returns
    -------
    tuple
        The sum of values over chances; and the estimate of its variance over all draws, which is
        without bias because texts are drawn independently. The true one is the sum over all texts
        of ``(1 - chance) / chance * value**2``.

    Examples
    --------
    >>> weighed_sum(np.array([1.0, 0.0, 1.0]), np.array([0.5, 0.5, 1.0]))
    (3.0, 2.0)
    """
    total = float((values / chance).sum())
    return total, float(((1 - chance) * (values / chance) ** 2).sum())
