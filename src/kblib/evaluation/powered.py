"""Which share of many texts is so, when a model judged all and a reader a random sample of them.

The model's judgement of all texts is corrected by its errors on the sample: prediction-powered
inference (Angelopoulos et al. 2023), stratified. In stratum h, of which n texts were drawn at
random, the share is the mean over the sample of ``y - w f`` plus w times the mean of ``f`` over all
texts: ``y`` is what the reader says, ``f`` what the model says, and ``w`` how far it is trusted. A
model that says nothing gets ``w = 0``, which leaves the labels alone; one that is right gets 1. No
``w`` is fitted on the labels that it is used for (cross-fitting), so the estimate stays unbiased
whatever the model's errors are, and however they drift.

The interval is Wilson's, for as many labels as the variance is worth; a standard error would fail
where a class is rare. How much the model helps is itself learnt from the labels. It is therefore
believed as if four more texts of the rarer answer had been labelled on which the model was no help
(the four of Agresti and Coull 1998). Where strata differ and a label stands for more texts in one
than in another, what is so may lie where few were labelled: labels are then worth as many as their
own variance says, if that is fewer.

Who publishes an interval only where some of the rarer answer were found picks lucky samples of rare
things. How many it takes is known before a label is given (`Judged.fewest`). The end on that side
is therefore drawn as far out as it takes to hold among those that are picked
(`kblib.evaluation.shown`); where fewer were found it is nothing at all, and the other end is a
bound that holds whether or not there is an interval (Feldman and Cousins 1998).

About these very texts, what was read is certain: no fewer are so than were found, and no more than
were not found otherwise. Neither the estimate nor its interval reaches beyond that.

References
----------
Angelopoulos, Bates, Fannjiang, Jordan and Zrnic (2023), Prediction-powered inference, Science 382;
Angelopoulos, Duchi and Zrnic (2023), PPI++ (the tuned weight); Fisch et al. (2024), Stratified
prediction-powered inference; Zrnic and Candès (2024), Cross-prediction-powered inference. Särndal,
Swensson and Wretman (1992), 6.3 (difference estimator). Korn and Graubard (1998), effective size.
Feldman and Cousins (1998), Unified approach to the classical statistical analysis of small signals,
Physical Review D 57 (a bound or an interval).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from kblib.evaluation.shown import begins
from kblib.ngrams.stratified import Estimate, Rule, wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
FOLDS = 5
HALF = 0.5
DOUBT = 4.0
"""Texts of the rarer answer taken as labelled besides, on which the model was no help."""
EXPECTED, FEWEST, MANY = 5, 3, 10
"""An interval is shown if the model lets expect so many labels of the rarer answer and a reader
gave so many, as the model may be wrong; or if a reader gave many. Ten come by luck in some three of
a hundred samples that let expect five (Poisson), in fewer of those that let expect less."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Texts that a model judged, some of which a reader labelled.

    Attributes
    ----------
    sizes, scores
        Texts, and the sum of the model's scores, in each stratum and unit: shape (strata, units).
    stratum, unit
        Of each labelled text, in random order: shape (labels,).
    score, so
        What the model (from 0 to 1) and the reader (0 or 1) say of it: shape (labels,).
    """

    sizes: Ints
    scores: Floats
    stratum: Ints
    unit: Ints
    score: Floats
    so: Floats

    @cached_property
    def in_strata(self) -> Ints:
        """Texts in each stratum."""
        return np.asarray(self.sizes.sum(axis=1))

    @cached_property
    def labels_in(self) -> Ints:
        """Labels in each stratum."""
        return np.bincount(self.stratum, minlength=len(self.sizes))

    @cached_property
    def modelled(self) -> Floats:
        """The share that the model finds in each stratum; 0 where there is no text."""
        return np.asarray(self.scores.sum(axis=1) / np.maximum(self.in_strata, 1))

    @property
    def n(self) -> int:
        """How many texts are labelled."""
        return len(self.so)

    @property
    def n_texts(self) -> int:
        """How many texts there are."""
        return int(self.in_strata.sum())

    @property
    def unseen(self) -> bool:
        """Whether a stratum has texts but no label, so that nothing is known of it."""
        return bool(((self.in_strata > 0) & (self.labels_in == 0)).any())

    @property
    def rarer(self) -> int:
        """How many labels are of the rarer answer."""
        return int(min(self.so.sum(), self.n - self.so.sum()))

    @property
    def expected(self) -> float:
        """How many labels of the rarer answer the model lets expect; no label has a part in it."""
        says_so = float((self.labels_in * self.modelled).sum())
        return min(says_so, self.n - says_so)

    @property
    def fewest(self) -> int:
        """How many labels of the rarer answer it takes for an interval to be shown."""
        return FEWEST if self.expected >= EXPECTED else MANY

    def means_in(self, values: Floats) -> Floats:
        """Return the mean of something over the labels of each stratum; 0 where there are none."""
        sums = np.bincount(self.stratum, values, len(self.sizes))
        return np.asarray(sums / np.maximum(self.labels_in, 1))

    def apart(self, values: Floats) -> Floats:
        """Return how far something is from its stratum's mean, for each label."""
        return values - self.means_in(values)[self.stratum]

    def share(self, values: Floats) -> float:
        """Return the mean of something over all texts, as the labels alone let expect it."""
        return float((self.in_strata / self.n_texts * self.means_in(values)).sum())

    def weights(self, rule: Rule) -> Floats:
        """Return what the variance in a stratum adds to that of the share of all texts.

        About the corpus alone, a stratum that is all labelled adds nothing.
        """
        left = 1 - self.labels_in / np.maximum(self.in_strata, 1) if rule.about == "corpus" else 1.0
        return np.asarray(
            (self.in_strata / self.n_texts) ** 2 * left / np.maximum(self.labels_in, 1)
        )

    def possible(self, rule: Rule) -> tuple[float, float]:
        """Return the least and the greatest share that the labels leave possible."""
        if rule.about != "corpus":
            return 0.0, 1.0
        yes = float(self.so.sum())
        return yes / self.n_texts, 1 - (self.n - yes) / self.n_texts


@dataclass(frozen=True)
class Powered:
    """A share with its interval, and what it rests on.

    Attributes
    ----------
    share
        The estimate. Its interval begins at 0 (of a share near 1: ends at 1) where too few of the
        rarer answer were found for one to be shown; about the corpus at what was found.
    trust
        The weight of the model's judgement, from 0 to 1, on average.
    left
        The part of the labels' variance that is left with the model's help, doubt included.
    variance
        Of one label, at the estimate, without the model's help.
    """

    share: Estimate
    trust: float
    left: float
    variance: float


def powered(judged: Judged, rule: Rule, *, alone: bool = False) -> Powered:
    """Estimate the share of texts that are so.

    Parameters
    ----------
    judged
        With at least one label in each stratum that has texts.
    alone
        Whether to leave the model out: what the labels alone say, for comparison.
    """
    trust = np.zeros(judged.n) if alone else _trust(judged, rule)
    rest = judged.so - trust * judged.score
    trusted, rests = judged.means_in(trust), judged.means_in(rest)
    parts = judged.in_strata / judged.n_texts
    possible = judged.possible(rule)
    value = float(np.clip((parts * (rests + trusted * judged.modelled)).sum(), *possible))
    labels, helped = (_variance(judged, one, rule) for one in (judged.so, rest))
    left = min(1.0, helped / labels) if labels else 1.0
    doubted = 1.0 if alone else _doubted(left, judged)
    per_label = float(judged.weights(rule).sum())
    if per_label == 0.0:  # all is labelled, and it is about these texts
        return Powered(Estimate(value, value, value), 0.0, 1.0, value * (1 - value))
    spread, freedom = _spread(value, judged.n), judged.n - int((judged.labels_in > 0).sum())
    alike = per_label * _spread(judged.share(judged.so), judged.n) * judged.n / max(freedom, 1)
    as_many = 1 / (per_label * doubted * max(1.0, labels / alike))
    if rule.about == "films":
        between, freedom = _between_units(judged, value, rest, trusted)
        least = spread * per_label
        as_many = spread / max(between + least * (doubted - left), least * doubted)
    share = _shown(value, as_many, _shown_from(judged, value), rule, freedom)
    low, high = (float(end) for end in np.clip((share.low, share.high), *possible))
    return Powered(Estimate(value, low, high), float(trust.mean()), doubted, value * (1 - value))


def _trust(judged: Judged, rule: Rule) -> Floats:
    """Return for each label the weight that the labels of all other folds give to the model."""
    order = np.argsort(judged.stratum, kind="stable")
    fold = np.empty(judged.n, dtype=np.int64)
    fold[order] = np.arange(judged.n) % FOLDS
    weight = judged.weights(rule)
    found = [_slope(judged, weight, fold != one) for one in range(FOLDS)]
    return np.array(found)[fold]


def _slope(judged: Judged, weights: Floats, kept: NDArray[np.bool_]) -> float:
    """Return the weight that leaves least variance, from a part of the labels."""
    part = Judged(
        judged.sizes, judged.scores, judged.stratum[kept], judged.unit[kept],
        judged.score[kept], judged.so[kept],
    )  # fmt: skip
    weight = (weights / np.maximum(part.labels_in - 1, 1))[part.stratum]
    score = part.apart(part.score)
    varies = float((weight * score**2).sum())
    return float(np.clip((weight * score * part.so).sum() / varies, 0.0, 1.0)) if varies else 0.0


def _variance(judged: Judged, values: Floats, rule: Rule) -> float:
    """Return the variance of the stratified mean of something over the labels.

    In a stratum of few labels it is drawn towards that of all of them, by the weight of one label.
    """
    squares = np.bincount(judged.stratum, judged.apart(values) ** 2, len(judged.sizes))
    freedom = np.maximum(judged.labels_in - 1, 0)
    common = squares.sum() / max(int(freedom.sum()), 1)
    return float((judged.weights(rule) * (squares + common) / (freedom + 1)).sum())


def _doubted(left: float, judged: Judged) -> float:
    return float((judged.rarer * left + DOUBT) / (judged.rarer + DOUBT))


def _spread(share: float, n: int) -> float:
    """Return the variance of one label, kept from 0 by two more of each answer."""
    middle = (share * n + DOUBT / 2) / (n + DOUBT)
    return middle * (1 - middle)


def _shown_from(judged: Judged, value: float) -> float:
    """Return the smallest share that is shown: of the fewest labels, worth what those found are."""
    so = judged.so if value <= HALF else 1 - judged.so
    found = float(so.sum())
    return judged.fewest * (judged.share(so) / found if found else 1 / judged.n)


def _shown(value: float, as_many: float, shown_from: float, rule: Rule, freedom: int) -> Estimate:
    """Return Wilson's interval, its end towards the rarer answer given that it is shown."""
    critical = rule.critical(freedom)
    low, high = wilson(value, as_many, critical)
    size = as_many * (rule.critical() / critical) ** 2
    chance = (1 - rule.confidence) / 2
    if value <= HALF:
        return Estimate(value, begins(low, value, size, shown_from, chance), high)
    return Estimate(value, low, 1 - begins(1 - high, 1 - value, size, shown_from, chance))


def _between_units(
    judged: Judged, share: float, rest: Floats, trusted: Floats
) -> tuple[float, int]:
    """Return the variance if other units might have been there, and its degrees of freedom.

    Linearised, one term a unit: what its texts, as judged and corrected, and the surprises of its
    labels add to what the share lets expect of it.
    """
    sizes = judged.sizes.sum(axis=0)
    expand = judged.in_strata / np.maximum(judged.labels_in, 1)
    surprise = expand[judged.stratum] * judged.apart(rest)
    terms = np.bincount(judged.unit, surprise, len(sizes)).astype(np.float64)
    terms += (trusted[:, None] * judged.scores).sum(axis=0) - share * sizes
    terms += (judged.means_in(rest)[:, None] * judged.sizes).sum(axis=0)
    terms = terms[sizes > 0]
    units = len(terms)
    variance = float(((terms - terms.mean()) ** 2).sum()) * units / max(units - 1, 1)
    return variance / judged.n_texts**2, units - 1


def labels_for(found: Powered, within: float, texts: int, rule: Rule) -> int:
    """Return how many labels bring the ends of the interval within so much of the share.

    Drawn at random, with this model; of a corpus, no more than it has texts. Cochran (1977), 4.4.
    """
    spread = found.variance * found.left
    needed = spread * (rule.critical() / within) ** 2
    if rule.about == "corpus":
        needed = needed / (1 + needed / texts)
    return min(texts, math.ceil(needed))
