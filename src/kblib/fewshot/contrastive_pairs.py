"""Pairs of labelled texts: of one label, or of two. A few labels give many pairs.

Step by step from the seed alone: half the pairs of a step are of one label, half of two, and labels
are drawn evenly however many texts each has (Tunstall et al. 2022, who draw pairs text by text).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kblib.errors import LabelError

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pairs:
    """The pairs of one step, as places of texts.

    Attributes
    ----------
    first, second
        Places of the texts, shape (P,).
    same
        1 where both have one label, else 0.
    """

    first: Ints
    second: Ints
    same: Ints


class PairDraw:
    """Draws the pairs of any step.

    Parameters
    ----------
    labels
        The label of each text.
    batch_size
        Pairs a step.

    Raises
    ------
    LabelError
        If no label has two texts, or all texts have one label.
    """

    def __init__(self, labels: Sequence[str], *, batch_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self.seed = seed
        names = np.array(list(labels))
        self._places = [np.flatnonzero(names == one) for one in dict.fromkeys(labels)]
        self._several = [places for places in self._places if len(places) > 1]
        if len(self._places) < 2 or not self._several:
            raise LabelError(
                f"{len(names)} texts with {len(self._places)} labels make no pairs.",
                "Two labels at least were expected, and two texts of one of them.",
                "Label more texts, or take a logistic head: FewShotClassifier.train(labels)",
            )

    def step(self, number: int) -> Pairs:
        """Return the pairs of a step; equal numbers give equal pairs."""
        draw = np.random.default_rng([self.seed, number])
        alike = self.batch_size // 2
        drawn = [self._alike(draw) for _ in range(alike)]
        drawn += [self._unlike(draw) for _ in range(self.batch_size - alike)]
        first, second = np.array(drawn, dtype=np.int64).T
        same = (np.arange(self.batch_size) < alike).astype(np.int64)
        return Pairs(first, second, same)

    def _alike(self, draw: np.random.Generator) -> tuple[int, int]:
        places = self._several[draw.integers(len(self._several))]
        first, second = draw.choice(places, size=2, replace=False)
        return int(first), int(second)

    def _unlike(self, draw: np.random.Generator) -> tuple[int, int]:
        one, other = draw.choice(len(self._places), size=2, replace=False)
        return int(draw.choice(self._places[one])), int(draw.choice(self._places[other]))
