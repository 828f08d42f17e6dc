"""Numbers that say how good a model is, from plain arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Perplexity:
    """How surprised a model is by a text; lower is better.

    Parameters
    ----------
    per_token
        Perplexity a token. Not comparable between tokenizers.
    per_word
        Perplexity a word (what stands between white space).
    bits_per_byte
        Bits a byte of the text in UTF-8, as it was given; end marks of documents cost bits and are
        no bytes. Comparable between any two models that can spell every text.
    n_tokens, n_words, n_bytes, n_documents
        Of how much text; an end mark a document counts as a token.
    """

    per_token: float
    per_word: float
    bits_per_byte: float
    n_tokens: int
    n_words: int
    n_bytes: int
    n_documents: int

    @classmethod
    def of(cls, nats: float, size: TextSize) -> Perplexity:
        """Divide the surprise of a text by its size."""
        return cls(
            perplexity(nats, size.n_tokens),
            perplexity(nats, size.n_words),
            bits_per_byte(nats, size.n_bytes),
            size.n_tokens,
            size.n_words,
            size.n_bytes,
            size.n_documents,
        )

    @property
    def loss(self) -> float:
        """Nats a token."""
        return math.log(self.per_token)


@dataclass(frozen=True)
class TextSize:
    """How much text a model was measured on; see `Perplexity`."""

    n_tokens: int = 0
    n_words: int = 0
    n_bytes: int = 0
    n_documents: int = 0

    def with_documents(self, texts: Sequence[str], ids: Sequence[Sequence[int]]) -> TextSize:
        """Add documents and the tokens they were cut into, without their ends."""
        return TextSize(
            self.n_tokens + sum(len(document) + 1 for document in ids),
            self.n_words + sum(len(text.split()) for text in texts),
            self.n_bytes + sum(len(text.encode("utf-8")) for text in texts),
            self.n_documents + len(texts),
        )
