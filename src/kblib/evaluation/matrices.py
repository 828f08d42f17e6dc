"""Confusion matrices of units, and what is read off them: accuracy, precision, recall, F1.

Of the two axes of labels, the first is what is so, the second what the model says. The second has
a last place for no answer: right about no text, and no class of its own, for nothing is ever so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kblib.ngrams.resampling import ON_ONE_CORE

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ABSTAINED = "(abstained)"
"""What stands for an empty label of the model."""


@dataclass(frozen=True, eq=False)
class Matrices:
    """One confusion matrix a unit.

    Attributes
    ----------
    labels
        The names of the classes.
    counts
        Shape (units, labels, labels + 1).
    """

    labels: tuple[str, ...]
    counts: Ints

    @property
    def whole(self) -> Floats:
        """The matrix of all units, shape (labels, labels + 1)."""
        return np.asarray(self.counts.sum(axis=0), dtype=np.float64)

    @property
    def n_units(self) -> int:
        """Units that have a text."""
        return int((self.counts.sum(axis=(1, 2)) > 0).sum())

    def resampled(self, resamples: int, seed: int) -> Floats:
        """Return the matrices of units drawn with replacement: (resamples, labels, labels + 1).

        The draws depend on the seed and the number of units alone, so that two models on the same
        units are drawn together.
        """
        n, k = len(self.counts), len(self.labels)
        flat = self.counts.reshape(n, k * (k + 1)).astype(np.float64)
        draw, rows = np.random.default_rng(seed), max(ON_ONE_CORE // flat.size, 1)
        parts = [
            draw.multinomial(n, np.full(n, 1 / n), size=min(rows, resamples - at)) @ flat
            for at in range(0, resamples, rows)
        ]
        return np.concatenate(parts).reshape(resamples, k, k + 1)


def matrices(
    so: Sequence[str], said: Sequence[str], units: Sequence[str], labels: Sequence[str]
) -> Matrices:
    """Count what is so against what was said, unit by unit; `ABSTAINED` is no answer."""
    named = [label for label in labels if label != ABSTAINED]
    number = {label: at for at, label in enumerate([*named, ABSTAINED])}
    _, unit = np.unique(np.asarray(units, dtype=str), return_inverse=True)
    counts = np.zeros((int(unit.max()) + 1, len(named), len(named) + 1), dtype=np.int64)
    rows = np.array([number[one] for one in so]), np.array([number[one] for one in said])
    np.add.at(counts, (unit, *rows), 1)
    return Matrices(tuple(named), counts)


def accuracy(matrix: Floats) -> Floats:
    """Return the share of texts that were labelled rightly; leading axes are kept."""
    right = np.trace(matrix, axis1=-2, axis2=-1)
    return np.asarray(_ratio(right, matrix.sum(axis=(-2, -1))))


def precision(matrix: Floats) -> Floats:
    """Return of each label how much of what was said is so, shape (..., labels)."""
    return _ratio(_right(matrix), _said(matrix))


def recall(matrix: Floats) -> Floats:
    """Return of each label how much of what is so was said, shape (..., labels)."""
    return _ratio(_right(matrix), matrix.sum(axis=-1))


def f1(matrix: Floats) -> Floats:
    """Return the harmonic mean of precision and recall, shape (..., labels).

    A label that is neither so nor said has none (nan); one that is missed wholly has 0.
    """
    return _ratio(2 * _right(matrix), matrix.sum(axis=-1) + _said(matrix))


def macro_f1(matrix: Floats) -> Floats:
    """Return the mean of the F1 of all labels that are so or said."""
    found = f1(matrix)
    known = ~np.isnan(found)
    return _ratio(np.where(known, found, 0.0).sum(axis=-1), known.sum(axis=-1))


def _said(matrix: Floats) -> Floats:
    return np.asarray(matrix.sum(axis=-2)[..., :-1])


def _right(matrix: Floats) -> Floats:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))
