"""Scores of a learning curve, with intervals that know two sources of chance.

Which labels were drawn is one, which texts were tested the other; they are crossed. So seeds and
whole units of the test part are drawn again, each with replacement (the pigeonhole bootstrap of
Owen 2007, The pigeonhole bootstrap, which errs on the wide side). Of S seeds the mean spreads
S / (S - 1) times wider than the bootstrap of so few shows; that is made good.

Letters on arrays: R resamples, S seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kblib.evaluation import matrices as m
from kblib.evaluation.curve_cells import Cell
from kblib.evaluation.scores import ABSTAINED, OF_ALL, RESAMPLES, SEED
from kblib.ngrams.resampling import FEWEST_UNITS, interval

Floats = m.Floats
Place = tuple[str, int | None]
"""A method, and how many labels it was given."""


class Told(NamedTuple):
    """A mean over seeds with its interval; nan where there are too few units for one."""

    mean: float
    low: float
    high: float
    spread: float


@dataclass(frozen=True, eq=False)
class CurveScores:
    """What was said of the test texts, ready to be scored.

    Attributes
    ----------
    cells
        What each method said.
    so
        What is so, for each test text.
    units
        Which texts hang together.
    """

    cells: Sequence[Cell]
    so: Sequence[str]
    units: Sequence[str]
    confidence: float
    _drawn: dict[tuple[Place, str], Floats] = field(default_factory=dict)

    @cached_property
    def matrices(self) -> dict[Place, list[m.Matrices]]:
        """The confusion matrices of each place, a seed each."""
        said = {one for cell in self.cells for one in cell.said if one is not None}
        names = sorted({*self.so, *said})
        found: dict[Place, list[m.Matrices]] = {}
        for cell in self.cells:
            given = [ABSTAINED if one is None else one for one in cell.said]
            one = m.matrices(self.so, given, self.units, names)
            found.setdefault((cell.method, cell.size), []).append(one)
        return found

    @property
    def n_units(self) -> int:
        """Units of the test part."""
        return len(set(self.units))

    def whole(self, place: Place, measure: str) -> Floats:
        """Return the score of each seed, shape (S,)."""
        return np.array([float(OF_ALL[measure](one.whole)) for one in self.matrices[place]])

    def drawn(self, place: Place, measure: str) -> Floats:
        """Return the scores when units are drawn again, shape (R, S)."""
        if (place, measure) not in self._drawn:
            some = [one.resampled(RESAMPLES, SEED) for one in self.matrices[place]]
            scores = np.stack([OF_ALL[measure](one) for one in some], axis=1)
            self._drawn[place, measure] = scores
        return self._drawn[place, measure]

    def told(self, place: Place, measure: str) -> Told:
        """Return the mean score of a place."""
        return self._told(self.whole(place, measure), self.drawn(place, measure))

    def difference(self, place: Place, other: Place, measure: str) -> Told:
        """Return how much higher the first scores, on the same texts and the same draws."""
        return self._told(
            self.whole(place, measure) - self.whole(other, measure),
            self.drawn(place, measure) - self.drawn(other, measure),
        )

    def _told(self, whole_S: Floats, drawn_RS: Floats) -> Told:
        several = len(whole_S) > 1
        spread = float(whole_S.std(ddof=1)) if several else float("nan")
        mean = float(whole_S.mean())
        if self.n_units < FEWEST_UNITS:
            return Told(mean, float("nan"), float("nan"), spread)
        low, high = interval(means_of_draws(drawn_RS), self.confidence)
        return Told(mean, float(low), float(high), spread)


def means_of_draws(drawn_RS: Floats) -> Floats:
    """Return the mean over seeds in each resample, the seeds drawn again as well; shape (R,)."""
    n_resamples, n_seeds = drawn_RS.shape
    middle_R: Floats = drawn_RS.mean(axis=1)
    if n_seeds == 1:
        return middle_R
    chosen = np.random.default_rng([SEED, 2]).integers(n_seeds, size=(n_resamples, n_seeds))
    again_R = np.take_along_axis(drawn_RS, chosen, axis=1).mean(axis=1)
    wider: Floats = middle_R + np.sqrt(n_seeds / (n_seeds - 1)) * (again_R - middle_R)
    return wider
