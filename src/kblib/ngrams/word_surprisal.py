"""What an n-gram model did not expect of a text: bits, word by word, and how far back it looked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kblib.errors import ModelError
from kblib.ngrams.discounts import Floats
from kblib.ngrams.language_model import NgramLM
from kblib.ngrams.vocabulary import BEGIN_ID, END, END_ID, UNKNOWN_ID, split_words

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class WordSurprisal:
    """The words of a text with what each costs a model, its end last.

    Attributes
    ----------
    words
        As they stand in the text, and ``</s>``.
    bits
        Minus the base-2 logarithm of the probability of each, after all words before it.
    orders
        Words of the longest n-gram of the model that ends there: 1 where the word alone is known
        to it, and what came before did not help.
    known
        Whether the model has the word; one it has not is scored as ``<unk>``.
    provenance
        Of the model, and the text.
    """

    words: tuple[str, ...]
    bits: Floats
    orders: tuple[int, ...]
    known: tuple[bool, ...]
    provenance: dict[str, Any]

    @property
    def perplexity(self) -> float:
        """Two to the power of the mean of the bits, the end counted."""
        return float(2 ** self.bits.mean())

    @property
    def table(self) -> pd.DataFrame:
        """One row a word: word, bits, order, known."""
        import pandas as pd

        return pd.DataFrame(
            {"word": self.words, "bits": self.bits, "order": self.orders, "known": self.known}
        )


def word_surprisal(model: NgramLM, text: str) -> WordSurprisal:
    """Return the bits of each word of a text, and the length of the n-gram they come from.

    The bits add up to what `NgramLM.log10_score` says, in another base.

    Raises
    ------
    ModelError
        If the model is no n-gram model, or the text no text.
    TokenError
        If the text holds the word ``<s>``, ``</s>`` or ``<unk>``.

    Examples
    --------
    >>> model = NgramLM.train(["kungen reser", "kungen talar", "båten går"], order=2)
    >>> found = word_surprisal(model, "kungen går")
    >>> found.words, found.orders
    (('kungen', 'går', '</s>'), (2, 1, 2))
    """
    if not isinstance(model, NgramLM):
        raise ModelError(
            f"The model is {model!r}.",
            "An NgramLM was expected; other models have a method of their own.",
            "model.surprisal(text)",
        )
    if not isinstance(text, str):
        raise ModelError(f"The text is {text!r:.60}.", "A sentence was expected.", '"kungen reser"')
    ids = [BEGIN_ID, *model.vocabulary.encode(text), END_ID]
    with np.errstate(divide="ignore"):
        bits: Floats = -np.log2(model.model.row_probs(np.array([ids]))[0, 1:])
    return WordSurprisal(
        words=(*split_words(text), END),
        bits=bits,
        orders=tuple(_order(model, ids[: place + 1]) for place in range(1, len(ids))),
        known=tuple(one != UNKNOWN_ID for one in ids[1:]),
        provenance={"model": model.about, "text": text},
    )


def _order(model: NgramLM, ids: list[int]) -> int:
    """Return the length of the longest n-gram of the model that ends some words."""
    longest = min(model.order, len(ids))
    return next(k for k in range(longest, 0, -1) if k == 1 or model.model.trie.rank(ids[-k:]) >= 0)
