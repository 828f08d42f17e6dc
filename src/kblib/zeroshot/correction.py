"""What a few labels say of a method's scores: how far they can be trusted, and which label is dear.

Evidence is multiplied by one number (a temperature: above 1 the method was too shy) and each label
gets a bias (it was offered too seldom or too often). Both are held near 1 and 0 by a prior of one
nat, so that ten labels move them a little and a thousand as far as they should.

Letters on arrays: N labelled texts, L labels, K parameters (the scale, then a bias a label).

References
----------
Platt (1999), Probabilistic outputs for support vector machines. Guo et al. (2017), On calibration
of modern neural networks, arXiv 1706.04599. Zhao et al. (2021), Calibrate before use, 2102.09690.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kblib.errors import LabelError
from kblib.labels.parts import numbered
from kblib.zeroshot.evidence import Floats, Ints, shares

FEWEST = 10
"""Labelled texts: with fewer nothing can be held back to see whether the correction helps."""
WIDTH_NATS = 0.5
"""How well a bias should be known: half a nat is a factor of 1.6 in odds."""
_FOLDS = 5
_STEPS = 100
_SMALL = 1e-9


@dataclass(frozen=True, eq=False)
class Correction:
    """How the scores of a method were corrected by labels.

    Attributes
    ----------
    scale
        What evidence is multiplied by.
    biases
        What is added to each label, in nats, (L,).
    errors
        Their standard errors, (L,); where scores are shares, those of their distance from the mean
        of all: what is added to every label changes no share.
    n_texts
        How many labels it was made of.
    measured
        Nats a text (lower is better) and share right, each before and after; after is measured on
        texts that were held back.
    """

    scale: float
    biases: Floats
    errors: Floats
    n_texts: int
    measured: dict[str, float] = field(default_factory=dict)

    def __call__(self, evidence_NL: Floats) -> Floats:
        """Return the corrected evidence."""
        corrected: Floats = self.scale * evidence_NL + self.biases
        return corrected

    @property
    def wanted(self) -> int:
        """How many labels would make each bias known to half a nat (95 %)."""
        widest = 1.96 * float(self.errors.max())
        return max(self.n_texts, math.ceil(self.n_texts * (widest / WIDTH_NATS) ** 2))

    @property
    def notes(self) -> tuple[str, ...]:
        """What it did, and how many labels it would take to do it well."""
        said = [f"Scores were corrected by {self.n_texts:,} labels."]
        if self.measured:
            told = self.measured
            said.append(
                f"On labels held back it needs {told['nats']:.2f} nats a text instead of "
                f"{told['nats_before']:.2f}, and {told['right']:.1%} are right instead of "
                f"{told['right_before']:.1%}."
            )
        if self.wanted > self.n_texts:
            said.append(
                f"About {self.wanted:,} labels would be needed to know each label's bias to half a "
                "nat."
            )
        return tuple(said)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "scale": self.scale,
            "biases": self.biases.tolist(),
            "errors": self.errors.tolist(),
            "n_texts": self.n_texts,
            "measured": dict(self.measured),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Correction:
        """Read it from plain data."""
        arrays = {name: np.array(content[name]) for name in ("biases", "errors")}
        return cls(**{**content, **arrays})


def correct(evidence_NL: Floats, so_N: Ints, groups: Sequence[Any], *, multi: bool) -> Correction:
    """Learn scale and biases from labels, and measure on groups held back whether they help.

    Parameters
    ----------
    so_N
        The number of the label that each text has.
    groups
        What each text hangs together by, such as its film: held back as a whole. A text of which
        it is not known stands alone.

    Raises
    ------
    LabelError
        If there are too few labels, or only one of them is used.
    """
    n_texts, n_labels = evidence_NL.shape
    n_used = len(set(so_N.tolist()))
    if n_texts < FEWEST or n_used < min(2, n_labels):
        raise LabelError(
            f"There are {n_texts:,} labelled texts with {n_used} different labels.",
            f"At least {FEWEST} with two labels were expected: some to learn from, others to try.",
            "Label some more: kb.LabelView(corpus.sample(50, seed=1), ...)",
        )
    so_NL = np.eye(n_labels)[so_N]
    measured = _held_back(evidence_NL, so_NL, groups, multi)
    return _fitted(evidence_NL, so_NL, multi, measured)


def _fitted(
    evidence_NL: Floats, so_NL: Floats, multi: bool, measured: dict[str, float]
) -> Correction:
    """Return the likeliest scale and biases; the scale is 0 where evidence points the wrong way."""
    at_K, spread_K = _likeliest(evidence_NL, so_NL, multi)
    if at_K[0] < 0:
        at_K, spread_K = _likeliest(np.zeros_like(evidence_NL), so_NL, multi)
        at_K[0] = 0.0
    return Correction(float(at_K[0]), at_K[1:], spread_K[1:], len(so_NL), measured)


def _likeliest(evidence_NL: Floats, so_NL: Floats, multi: bool) -> tuple[Floats, Floats]:
    """Maximise the posterior, and return it with its standard errors, (K,) each.

    It is concave and K is small: Newton's steps, halved while they lead up.
    """
    first_K = np.zeros(1 + evidence_NL.shape[1])
    first_K[0] = 1.0
    at_K, prior_KK = first_K, np.eye(len(first_K))

    def cost(one_K: Floats) -> float:
        nats = _nats(one_K[0] * evidence_NL + one_K[1:], so_NL, multi) * len(so_NL)
        return nats + 0.5 * float(((one_K - first_K) ** 2).sum())

    for _ in range(_STEPS):
        slope_K, bend_KK = _derivatives(evidence_NL, so_NL, at_K, multi)
        step_K = np.linalg.solve(bend_KK + prior_KK, slope_K + at_K - first_K)
        here = cost(at_K)
        while cost(at_K - step_K) > here and np.abs(step_K).max() > _SMALL:
            step_K = step_K / 2
        at_K = at_K - step_K
        if np.abs(step_K).max() < _SMALL:
            break
    _, bend_KK = _derivatives(evidence_NL, so_NL, at_K, multi)
    spread_K = np.diag(np.linalg.inv(bend_KK + prior_KK)).copy()
    if not multi:  # of what is added to all biases alike, labels say nothing: it is the prior's
        spread_K[1:] -= 1 / evidence_NL.shape[1]
    return at_K, np.sqrt(spread_K)


def _derivatives(
    evidence_NL: Floats, so_NL: Floats, at_K: Floats, multi: bool
) -> tuple[Floats, Floats]:
    """Return slope (K,) and bend (K, K) of the summed nats."""
    n_texts, n_labels = evidence_NL.shape
    says_NLK = np.concatenate(
        [evidence_NL[:, :, None], np.broadcast_to(np.eye(n_labels), (n_texts, n_labels, n_labels))],
        axis=2,
    )
    share_NL = shares(says_NLK @ at_K, multi=multi)
    slope_K: Floats = np.einsum("nl,nlk->k", share_NL - so_NL, says_NLK)
    if multi:
        weight_NL = share_NL * (1 - share_NL)
        return slope_K, np.einsum("nl,nlk,nlj->kj", weight_NL, says_NLK, says_NLK)
    mean_NK = np.einsum("nl,nlk->nk", share_NL, says_NLK)
    bend_KK = np.einsum("nl,nlk,nlj->kj", share_NL, says_NLK, says_NLK) - mean_NK.T @ mean_NK
    return slope_K, bend_KK


def _held_back(
    evidence_NL: Floats, so_NL: Floats, groups: Sequence[Any], multi: bool
) -> dict[str, float]:
    """Correct each fold of whole groups by the others, and measure before and after."""
    fold_N = np.array(numbered(groups)) % _FOLDS
    after_NL = evidence_NL.copy()
    for fold in np.unique(fold_N):
        inside = fold_N == fold
        if inside.all():
            return {}
        learned = _fitted(evidence_NL[~inside], so_NL[~inside], multi, {})
        after_NL[inside] = learned(evidence_NL[inside])
    return {
        "nats_before": _nats(evidence_NL, so_NL, multi),
        "nats": _nats(after_NL, so_NL, multi),
        "right_before": float((evidence_NL.argmax(1) == so_NL.argmax(1)).mean()),
        "right": float((after_NL.argmax(1) == so_NL.argmax(1)).mean()),
    }


def _nats(evidence_NL: Floats, so_NL: Floats, multi: bool) -> float:
    """Return the mean surprise at what is so, in nats a text."""
    if multi:  # log(1 + exp(x)) - so * x, label by label
        return float((np.logaddexp(0, evidence_NL) - so_NL * evidence_NL).sum(1).mean())
    whole_N = np.logaddexp.reduce(evidence_NL, axis=1)
    return float((whole_N - (so_NL * evidence_NL).sum(1)).mean())
