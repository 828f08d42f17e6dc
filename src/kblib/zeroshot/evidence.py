"""What a method found for each text and each sentence, and how it becomes scores of labels.

All methods speak of evidence in one unit, nats: a difference of 1 makes a label 2.7 times as likely
as another. Evidence of several sentences of a label is averaged, and so is that of the windows of
a long text, each by its tokens.

Letters on arrays: N texts, W windows, P sentences, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kblib.zeroshot.asked import Asked, Prompt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence for each sentence in each text.

    Attributes
    ----------
    values
        In nats, (N, P). Only differences between sentences mean something, unless each was set
        against its contrary.
    n_tokens, n_windows
        How each text was read, (N,); None where the method does not count them.
    """

    values: Floats
    n_tokens: Ints | None = None
    n_windows: Ints | None = None


class Method(Protocol):
    """A way to find evidence."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def opened(self) -> Any:
        """The model that it asks; None if it asks none."""

    @property
    def provenance(self) -> dict[str, str]:
        """Model and weights, and what else decides its numbers."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of its scores has to know, in sentences."""

    def evidence(self, texts: Sequence[str], asked: Asked, *, multi: bool) -> Evidence:
        """Find the evidence for each prompt in each text, none of which is empty.

        Parameters
        ----------
        multi
            Whether each sentence is set against its contrary, instead of against other labels.
        """


def of_labels(values_NP: Floats, prompts: Sequence[Prompt], n_labels: int) -> Floats:
    """Return the mean evidence of each label's sentences, (N, L)."""
    label_of = np.array([prompt.label for prompt in prompts])
    means: Floats = np.stack(
        [values_NP[:, label_of == label].mean(axis=1) for label in range(n_labels)], axis=1
    )
    return means


def shares(evidence_NL: Floats, *, multi: bool) -> Floats:
    """Return scores from 0 to 1: of all labels together, or of each by itself.

    Examples
    --------
    >>> shares(np.array([[1.0, 1.0]]), multi=False).tolist()
    [[0.5, 0.5]]
    """
    if multi:
        scores: Floats = 0.5 * (1 + np.tanh(0.5 * evidence_NL))  # the logistic, without overflow
        return scores
    with np.errstate(invalid="ignore"):  # no evidence for any label: not a number
        risen: Floats = np.exp(evidence_NL - evidence_NL.max(axis=1, keepdims=True))
    scores = risen / risen.sum(axis=1, keepdims=True)
    return np.asarray(scores, dtype=np.float64)


def is_known(values_NL: Floats) -> npt.NDArray[np.bool_]:
    """Tell for which texts there is a number for every label, (N,)."""
    return np.asarray(np.isfinite(values_NL).all(axis=1), dtype=np.bool_)


def of_texts(values_WP: Floats, text_of: Ints, tokens_W: Ints, n_texts: int) -> Floats:
    """Return the mean over the windows of each text, each by its tokens, (N, P)."""
    weights_W1 = np.maximum(tokens_W, 1)[:, None].astype(np.float64)
    sums_NP = np.zeros((n_texts, values_WP.shape[1]))
    total_N1 = np.zeros((n_texts, 1))
    np.add.at(sums_NP, text_of, values_WP * weights_W1)
    np.add.at(total_N1, text_of, weights_W1)
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = sums_NP / total_N1
    return means
