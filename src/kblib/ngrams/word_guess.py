"""Guess one masked word of a text with a word-level model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from kblib.errors import TokenError
from kblib.ngrams.candidates import candidate_scores
from kblib.ngrams.guess import check_sides
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.vocabulary import SPECIALS, Vocabulary, split_words

if TYPE_CHECKING:
    import pandas as pd

MASK = "[MASK]"


@dataclass(frozen=True)
class WordGuess:
    """The best candidates for a masked word, in falling order.

    Parameters
    ----------
    text
        The text with its ``[MASK]``.
    sides
        Whether only the words before it were read, or those on both sides.
    words, probabilities
        The best candidates; probabilities sum to 1 over all `n_candidates`.
    known
        Whether the model knows each of them.
    n_candidates
        How many words there were to choose from.
    """

    text: str
    sides: str
    words: tuple[str, ...]
    probabilities: tuple[float, ...]
    known: tuple[bool, ...]
    n_candidates: int

    @property
    def table(self) -> pd.DataFrame:
        """One row a candidate: word, probability, known."""
        import pandas as pd

        return pd.DataFrame(
            {"word": self.words, "probability": self.probabilities, "known": self.known}
        )


def guess_word(
    model: KneserNey,
    vocabulary: Vocabulary,
    text: str,
    *,
    sides: Literal["left", "both"],
    k: int,
    candidates: Iterable[str] | None,
) -> WordGuess:
    """Score all candidates for the word written ``[MASK]``; see `NgramLM.guess`."""
    check_sides(sides)
    before, after = _around_mask(text)
    reach = model.order - 1
    left = [model.begin_id, *vocabulary.encode(before)]
    right = [*vocabulary.encode(after), model.end_id] if sides == "both" else []
    scores = candidate_scores(model, left[max(0, len(left) - reach) :], right[:reach])
    if candidates is None:
        ids = np.arange(len(SPECIALS), len(vocabulary))
        words = vocabulary.words[len(SPECIALS) :]
    else:
        words = pl.Series("word", _checked(candidates), dtype=pl.String)
        ids = vocabulary.find(words)
    chosen = scores[ids]
    best = np.argsort(-chosen, kind="stable")[:k]
    shares = chosen[best] / chosen.sum()
    return WordGuess(
        text,
        sides,
        tuple(words.gather(best)),
        tuple(shares.tolist()),
        tuple((ids[best] >= len(SPECIALS)).tolist()),
        len(ids),
    )


def _around_mask(text: str) -> tuple[str, str]:
    words = split_words(text)
    inside = [word for word in words if MASK in word and word != MASK]
    if inside:
        raise TokenError(
            f"{MASK} stands inside the word '{inside[0]}'.",
            "A whole word was expected to be masked; this model knows no parts of words.",
            f"Put spaces around it: {inside[0].replace(MASK, f' {MASK} ').strip()}",
        )
    if words.count(MASK) != 1:
        raise TokenError(
            f"The text holds {words.count(MASK)} words {MASK}: {text!r}.",
            "Exactly one was expected.",
            f"model.guess('kungen {MASK} till Stockholm')",
        )
    place = words.index(MASK)
    return " ".join(words[:place]), " ".join(words[place + 1 :])


def _checked(candidates: Iterable[str]) -> list[str]:
    found = list(dict.fromkeys(candidates))
    wrong = [word for word in found if split_words(word) != [word] or word in SPECIALS]
    if wrong or not found:
        raise TokenError(
            f"{wrong[0]!r} is no word that can be guessed." if wrong else "There is no candidate.",
            "One word a candidate was expected, none of <s>, </s> and <unk>.",
            "model.guess(text, candidates=['reser', 'talar'])",
        )
    return found
