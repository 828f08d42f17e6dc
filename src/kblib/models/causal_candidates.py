"""Whole words in a blank of a causal model: from the left alone, or with the whole rest behind it.

- left: P(word | left) is the probability of its pieces times that of a piece which ends the word
  there. Without the second factor ``kung`` would be credited with every ``kungen`` and ``kungar``
  that is cut as ``kung`` and an ending.
- both: the probability of the word and all that follows, up to the end mark: each candidate is put
  in and the rest of the sentence is read. Over a list of candidates this is what the model makes of
  the blank, by Bayes' rule.

What the model expects after the left side is one reading, and tells the first piece of every word;
all that follows costs a reading a word. So a list may be *screened*: what follows the first piece
is first taken from what the model says when the word stands alone, and read exactly for the best
`examined` words only. Words that were not examined keep their screening score, shifted by the
median of what examination changed.

Letters: N words, B texts read at once, T tokens, V vocabulary.

References
----------
Pimentel and Meister (2024), How to compute the probability of a word.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kblib.models.causal import CausalLM
from kblib.models.masked_candidates import too_long
from kblib.models.next_words import PieceTable
from kblib.models.reading import begin_id
from kblib.models.remembered import Remembered
from kblib.ngrams.discounts import Floats

Sides = Literal["left", "both"]
_LEAD = "a"  # a piece of its own before a space: tokenizers drop a space that begins a text


class CausalCandidates:
    """A causal model and a list of words, cut into pieces once and asked for in many blanks.

    Parameters
    ----------
    model
        The causal model.
    words
        Whole words.
    examined
        How many of the best words are examined exactly; None for all.
    """

    def __init__(
        self, model: CausalLM, words: Sequence[str], *, examined: int | None = None
    ) -> None:
        self.model = model
        self.words = tuple(words)
        self.examined = examined
        self._pieces: dict[bool, list[list[int]]] = {}
        self._alone: dict[bool, _Alone] = {}

    def scores(self, before: str, after: str, *, sides: Sides, also: Sequence[str] = ()) -> Floats:
        """Return the logarithm of each word's score, in nats, shape (N,).

        From the left alone, its exponential is the probability of the word.

        Parameters
        ----------
        also
            Words besides those of the list; their numbers come last.

        Raises
        ------
        ModelError
            If the sentence is longer than the model reads.
        """
        spaced = before.endswith(" ")
        more = self._cut(also, spaced)
        pieces = [*self._listed(spaced), *more]
        left = [begin_id(self.model.tokenizer), *self._encode(before.rstrip(" "))]
        right = [*self._after(after), self.model.tokenizer.end_id] if sides == "both" else []
        self._check_length(left, pieces, right)
        begun = Remembered.of(self.model, left)
        first_N = begun.last[[ids[0] for ids in pieces]]
        if self.examined is None or self.examined >= len(pieces):
            return first_N + self._later_logs(begun, pieces, right)
        score_N = first_N + self._screened(spaced, more, right)
        best = np.argsort(-score_N, kind="stable")[: self.examined]
        exact = first_N[best] + self._later_logs(begun, [pieces[i] for i in best], right)
        score_N += np.median(exact - score_N[best])
        score_N[best] = exact
        return score_N

    @cached_property
    def word_ends(self) -> NDArray[np.bool_]:
        """Which pieces cannot go on with a word, shape (V,): as in the table of next words.

        The end mark ends one as well.
        """
        return ~PieceTable.of(self.model.tokenizer).goes_on

    def _listed(self, spaced: bool) -> list[list[int]]:
        if spaced not in self._pieces:
            self._pieces[spaced] = self._cut(self.words, spaced)
        return self._pieces[spaced]

    def _cut(self, words: Sequence[str], spaced: bool) -> list[list[int]]:
        """Return the pieces of each word, after a space or without."""
        lead = self._encode(_LEAD) if spaced else []
        texts = [f"{_LEAD} {word}" if spaced else word for word in words]
        found = self.model.tokenizer.encode_batch(texts, special=False)
        return [ids[len(lead) :] for ids in found]

    def _encode(self, text: str) -> list[int]:
        return self.model.tokenizer.encode(text, special=False) if text else []

    def _after(self, text: str) -> list[int]:
        return self._encode(_LEAD + text)[len(self._encode(_LEAD)) :] if text else []

    def _check_length(self, left: list[int], pieces: list[list[int]], right: list[int]) -> None:
        longest = len(left) + max(map(len, pieces)) + len(right)
        if longest > self.model.seq_len:
            raise too_long(longest, self.model.name, self.model.seq_len)

    def _later_logs(self, begun: Remembered, pieces: list[list[int]], right: list[int]) -> Floats:
        """Return log P(later pieces, right | left, first piece); the word ends if right is none."""
        later_N = np.empty(len(pieces))
        ends_V = self.word_ends
        texts = [[*ids, *right[:-1]] for ids in pieces]
        for chosen, logs_BTV in begun.after(texts):
            for i, logs_TV in zip(chosen, logs_BTV, strict=True):
                asked = [*pieces[i][1:], *right]
                later_N[i] = logs_TV[np.arange(len(asked)), asked].sum(dtype=np.float64)
                if not right:
                    later_N[i] += np.logaddexp.reduce(logs_TV[len(pieces[i]) - 1, ends_V])
        return later_N

    def _screened(self, spaced: bool, more: list[list[int]], right: list[int]) -> Floats:
        """Return `_later_logs` of words alone, up to the first piece to their right."""
        if spaced not in self._alone:
            self._alone[spaced] = self._after_alone(self._listed(spaced))
        parts = [self._alone[spaced], *([self._after_alone(more)] if more else [])]
        return np.concatenate([part.of(right) for part in parts])

    def _after_alone(self, pieces: list[list[int]]) -> _Alone:
        """Ask what follows the first piece of each word with nothing before it."""
        logs_NV = np.empty((len(pieces), self.model.tokenizer.vocab_size), dtype=np.float32)
        later_N = np.zeros(len(pieces))
        begun = Remembered.of(self.model, [begin_id(self.model.tokenizer)])
        for chosen, logs_BTV in begun.after(pieces):
            for i, logs_TV in zip(chosen, logs_BTV, strict=True):
                logs_NV[i] = logs_TV[len(pieces[i]) - 1]
                later_N[i] = logs_TV[np.arange(len(pieces[i]) - 1), pieces[i][1:]].sum()
        ends_N = np.logaddexp.reduce(logs_NV[:, self.word_ends], axis=1)
        return _Alone(later_N, logs_NV, ends_N)


@dataclass(frozen=True, eq=False)
class _Alone:
    """What a model says of words standing alone.

    Log-probability of the pieces after the first (N,), of each piece that may follow the word
    (N, V), and that the word ends there (N,).
    """

    later: Floats
    following: NDArray[np.float32]
    ends: NDArray[np.float32]

    def of(self, right: list[int]) -> Floats:
        found: Floats = self.later + (self.following[:, right[0]] if right else self.ends)
        return found
