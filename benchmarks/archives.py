"""Invented archives whose truth is known: texts, what a model says of them, and who hangs together.

Each way in which a model's errors may drift, with the shares that they take:

``between``
    Periods differ: the model finds 92 % of what is so in the first and 60 % in the last, and is
    wrong about 0.5 to 5 % of the rest.
``inside``
    Texts of one period differ: the worse a page was read, the more the model misses, and the more
    there is to miss.
``clusters``
    Films differ: share and errors are a film's own (a logit with standard deviation 1), and films
    are of unequal length. The truth is the share of all films that there might have been.
``unequal``
    Periods differ as in ``between``, and are of very unequal size; each gets as many labels, which
    is what `kblib.evaluation.texts.sample_texts` does. A label stands for most texts where most is
    so and the model is worst.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kblib.evaluation.powered import Judged
from kblib.ngrams.drawing import allot

Drift = Literal["between", "inside", "clusters", "unequal"]
DRIFTS: tuple[Drift, ...] = ("between", "inside", "clusters", "unequal")
PREVALENCES, LABELS = (0.02, 0.1, 0.4), (30, 100, 300)
TEXTS, FILMS, PERIODS = 8_000, 160, 4
SHARES = (0.6, 0.8, 1.2, 1.4)
"""Of what is so in each period, beside the prevalence, where periods differ."""
UNEQUAL = (0.05, 0.1, 0.3, 0.55)
"""Parts of the texts that are of each period, where periods are of unequal size."""
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Archive:
    """Texts of which all is known.

    Attributes
    ----------
    so, says
        Truth and the model's label, 0 or 1, of each text.
    period, film
        Of each text, as numbers.
    truth
        The share that is to be estimated.
    evenly
        Whether each period gets as many labels; else as many as it has a share in.
    """

    so: Floats
    says: Floats
    period: Ints
    film: Ints
    truth: float
    evenly: bool = False

    def judged(self, labelled: Ints) -> Judged:
        """Return it as an estimator sees it, with the labels of some texts."""
        shape = (PERIODS, FILMS)
        sizes, scores = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        np.add.at(sizes, (self.period, self.film), 1)
        np.add.at(scores, (self.period, self.film), self.says)
        period, film = self.period[labelled], self.film[labelled]
        return Judged(sizes, scores, period, film, self.says[labelled], self.so[labelled])

    def drawn(self, draw: np.random.Generator, n: int) -> Ints:
        """Draw texts to label within each period, in random order."""
        sizes = np.bincount(self.period, minlength=PERIODS)
        by_size = np.maximum(2, sizes * n // len(self.so))
        wanted = allot(n, sizes.tolist()) if self.evenly else by_size.tolist()
        parts = [
            draw.choice(np.flatnonzero(self.period == one), wanted[one], replace=False)
            for one in range(PERIODS)
        ]
        return draw.permutation(np.concatenate(parts))


def archive(draw: np.random.Generator, drift: Drift, prevalence: float) -> Archive:
    """Invent an archive."""
    evenly = drift == "unequal"
    lengths = draw.dirichlet(np.full(FILMS, 2.0))
    if evenly:
        lengths = _in_parts(lengths)
    film = np.sort(draw.choice(FILMS, TEXTS, p=lengths))
    period = film * PERIODS // FILMS
    share, finds, passes = _rates(draw, drift, prevalence, period, film)
    so = draw.random(TEXTS) < share
    says = np.where(so, draw.random(TEXTS) < finds, draw.random(TEXTS) >= passes)
    truth = so.mean() if drift != "clusters" else _expected(_offset(prevalence))
    return Archive(so.astype(float), says.astype(float), period, film, float(truth), evenly)


def _in_parts(lengths: Floats) -> Floats:
    """Return lengths of films that are in each period together its part of all."""
    by_period = lengths.reshape(PERIODS, -1)
    parts = by_period / by_period.sum(axis=1, keepdims=True) * np.array(UNEQUAL)[:, None]
    return np.asarray(parts.ravel())


def _rates(
    draw: np.random.Generator, drift: Drift, prevalence: float, period: Ints, film: Ints
) -> tuple[Floats, Floats, Floats]:
    """Return for each text the chances to be so, to be found if so, to be passed over if not."""
    if drift in ("between", "unequal"):
        by_period = (SHARES, (0.92, 0.85, 0.75, 0.6), (0.995, 0.985, 0.97, 0.95))
        shares, finds, passes = (np.array(one)[period] for one in by_period)
        return prevalence * met(drift) * shares, finds, passes
    if drift == "inside":
        damage = draw.random(TEXTS)
        return prevalence * (0.5 + damage), 0.95 - 0.5 * damage, 0.995 - 0.06 * damage
    topic, damage = draw.normal(size=FILMS)[film], draw.normal(size=FILMS)[film]
    return _logistic(_offset(prevalence) + topic), _logistic(1.3 + damage), _logistic(3.8 - damage)


def met(drift: Drift) -> float:
    """Return how often labels meet what is so, for each time that texts do.

    Less than once where periods are of unequal size and most is so in the largest.
    """
    return float(np.mean(SHARES) / np.dot(UNEQUAL, SHARES)) if drift == "unequal" else 1.0


def _offset(prevalence: float) -> float:
    """Return the middle logit of films; the truth, which it gives, is near the prevalence."""
    return float(np.log(prevalence / (1 - prevalence)) - 0.35)


def _expected(offset: float) -> float:
    """Return the mean share over films, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    return float((weights * _logistic(offset + nodes)).sum() / weights.sum())


def _logistic(logit: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-logit)))
