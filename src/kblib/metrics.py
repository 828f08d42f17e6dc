"""Numbers that say how good a model is, from plain arrays."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt


def perplexity(nats: float, n: int) -> float:
    """Return ``exp(nats / n)``.

    Among how many equally likely items the model hesitates, on average.

    Parameters
    ----------
    nats
        Sum of the negative natural logarithms of the probabilities given to what stands there.
    n
        Items predicted: tokens, or words if the figure is to be comparable between tokenizers.
    """
    return math.exp(nats / n)


def bits_per_byte(nats: float, n_bytes: int) -> float:
    """Return the bits a model needs for a byte of the text.

    Comparable between any two tokenizers.
    """
    return nats / math.log(2) / n_bytes


def topk_accuracy(ranks: npt.ArrayLike, k: int) -> float:
    """Return the share of items whose true answer is among the model's first k.

    Parameters
    ----------
    ranks
        Place of the true answer among the model's guesses, 0 for the first.
    """
    return float(np.mean(np.asarray(ranks) < k))
