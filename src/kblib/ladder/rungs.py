"""The rungs: each kind of model as something that scores whole words in a blank.

Scores are natural logarithms. Normalised over a list of candidates they are shares that any two
rungs may be compared by. Bits are the whole word's surprise: those of an n-gram model and a causal
model, both from the left, are of one kind (minus log2 of the word's probability among all words);
a masked model's are pseudo-bits, on an axis of their own; what reads both sides without being a
masked model has shares only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from kblib.ladder.blank import Blank
from kblib.ladder.word_counts import tokens_of
from kblib.models.causal_candidates import CausalCandidates
from kblib.models.masked_candidates import MaskedCandidates
from kblib.models.years import Years, training_years
from kblib.ngrams.candidates import candidate_scores
from kblib.ngrams.discounts import Floats
from kblib.ngrams.language_model import NgramLM
from kblib.ngrams.vocabulary import BEGIN_ID, END_ID, UNKNOWN_ID

Axis = Literal["bits", "pseudo-bits", ""]
Sides = Literal["left", "both"]
ALL_YEARS = "all years"


@dataclass(frozen=True, eq=False)
class Scores:
    """What a rung makes of a list of words.

    Parameters
    ----------
    score
        Natural logarithm, up to a constant, of each word's probability; shape (N,).
    bits
        Surprise of each word on the rung's axis, shape (N,); None where it has none.
    known
        Whether the model can tell the word from any other it does not know, shape (N,).
    """

    score: Floats
    bits: Floats | None
    known: np.ndarray

    def shares(self, temperature: float = 1.0) -> Floats:
        """Return the scores as shares of the list, shape (N,); they sum to 1."""
        scaled = self.score / temperature
        if not np.isfinite(scaled).any():
            return np.full(len(scaled), 1 / len(scaled))
        found: Floats = np.exp(scaled - np.logaddexp.reduce(scaled))
        return found


class Rung(Protocol):
    """A model on the ladder.

    Attributes
    ----------
    name
        Its kind, by which rungs of different periods are the same: ``trigram``.
    period
        The decade it is a model of: ``1930s``, or `ALL_YEARS`.
    read
        First and last year of what it has read; None if that is not recorded.
    axis
        Of its bits; empty if it has none.
    caution
        What has to be said when it is asked about its period; empty if nothing.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def period(self) -> str: ...  # noqa: D102
    @property
    def read(self) -> Years | None: ...  # noqa: D102
    @property
    def axis(self) -> Axis: ...  # noqa: D102
    @property
    def caution(self) -> str: ...  # noqa: D102

    def scores(self, blank: Blank, words: Sequence[str], also: Sequence[str] = ()) -> Scores:
        """Score the words of a list, and words besides it, which come last."""
        ...


@dataclass(frozen=True, eq=False)
class NgramRung:
    """An n-gram model of spaced texts, from the left or from both sides."""

    model: NgramLM
    sides: Sides
    name: str
    period: str = ALL_YEARS
    read: Years | None = None
    caution: str = ""

    @property
    def axis(self) -> Axis:
        """Bits from the left only: from both sides it has shares of the list."""
        return "bits" if self.sides == "left" else ""

    def scores(self, blank: Blank, words: Sequence[str], also: Sequence[str] = ()) -> Scores:
        """Score words; one the model does not know gets what it gives to all unknown ones."""
        known, reach = self.model.vocabulary, self.model.order - 1
        left = [BEGIN_ID, *(known.ids.get(token, UNKNOWN_ID) for token in tokens_of(blank.before))]
        after = [known.ids.get(token, UNKNOWN_ID) for token in tokens_of(blank.after)]
        right = [*after, END_ID] if self.sides == "both" else []
        left = left[max(0, len(left) - reach) :]
        found_V = candidate_scores(self.model.model, left, right[:reach])
        ids = np.array([known.ids.get(word, UNKNOWN_ID) for word in (*words, *also)])
        with np.errstate(divide="ignore"):
            score = np.log(found_V[ids])
        bits = -score / np.log(2) if self.axis else None
        return Scores(score, bits, ids != UNKNOWN_ID)


class MaskedRung:
    """A masked model, words of several pieces included."""

    axis: Axis = "pseudo-bits"

    def __init__(
        self,
        candidates: MaskedCandidates,
        *,
        name: str = "masked model",
        period: str = ALL_YEARS,
        caution: str = "",
    ) -> None:
        self.name, self.period, self.caution = name, period, caution
        self.read = training_years(candidates.model)
        self._candidates = candidates

    def scores(self, blank: Blank, words: Sequence[str], also: Sequence[str] = ()) -> Scores:
        """Score words; one that cannot be spelt in its pieces has no share."""
        if tuple(words) != self._candidates.words:
            here = self._candidates
            self._candidates = MaskedCandidates(here.model, words, here.lengths)
        score, likelihood = self._candidates.scores(blank.before, blank.after, also=also)
        return Scores(score, -likelihood / np.log(2), np.isfinite(score))


class CausalRung:
    """A causal model, from the left or with the whole sentence."""

    def __init__(
        self,
        candidates: CausalCandidates,
        sides: Sides,
        *,
        name: str,
        period: str = ALL_YEARS,
        caution: str = "",
    ) -> None:
        self.name, self.period, self.caution, self.sides = name, period, caution, sides
        self.read = training_years(candidates.model)
        self._candidates = candidates

    @property
    def axis(self) -> Axis:
        """Bits from the left only: with the whole sentence it has shares of the list."""
        return "bits" if self.sides == "left" else ""

    def scores(self, blank: Blank, words: Sequence[str], also: Sequence[str] = ()) -> Scores:
        """Score words; a byte-level tokenizer can spell all of them."""
        if tuple(words) != self._candidates.words:
            here = self._candidates
            self._candidates = CausalCandidates(here.model, words, examined=here.examined)
        score = self._candidates.scores(blank.before, blank.after, sides=self.sides, also=also)
        bits = -score / np.log(2) if self.axis else None
        return Scores(score, bits, np.ones(len(score), dtype=bool))
