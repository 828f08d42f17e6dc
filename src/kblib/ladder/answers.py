"""What the models of a ladder answered, as numbers and as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kblib.ladder.blank import Blank
from kblib.ladder.rungs import ALL_YEARS, Axis, Rung, Scores
from kblib.ladder.sources import Source
from kblib.models.years import DECADE, Years, warning_of_years

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class WordAnswer:
    """A candidate and what a model made of it.

    Parameters
    ----------
    word
        The candidate.
    rank
        Its place among all candidates, 1 for the best; of equal ones the earlier in the list.
    share
        Its probability among the candidates.
    bits
        Its surprise on the model's axis; None where the model has none, or the word is impossible.
    known
        Whether the model knows the word; an unknown one has the share of *any* unknown word.
    """

    word: str
    rank: int
    share: float
    bits: float | None
    known: bool


@dataclass(frozen=True)
class RungAnswer:
    """What one model answered.

    Parameters
    ----------
    name, period
        The model's kind, and the years it has read.
    axis
        Of the bits.
    best
        The best words, in falling order.
    truth
        The word that stood there, if it is known.
    caution
        What has to be said: a model that has read all years answers for one decade.
    """

    name: str
    period: str
    axis: Axis
    best: tuple[WordAnswer, ...]
    truth: WordAnswer | None
    caution: str

    @classmethod
    def of(
        cls,
        rung: Rung,
        scores: Scores,
        words: Sequence[str],
        truth: str | None,
        decade: str | None,
        k: int,
    ) -> RungAnswer:
        """Rank the words by their scores."""
        shares = scores.shares()
        order = np.argsort(-scores.score, kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))

        def told(i: int) -> WordAnswer:
            bits = None if scores.bits is None else float(scores.bits[i])
            bits = bits if bits is not None and np.isfinite(bits) else None
            known = bool(scores.known[i])
            return WordAnswer(words[i], int(place[i]) + 1, float(shares[i]), bits, known)

        found = None if truth is None else told(words.index(truth))
        best = tuple(told(int(i)) for i in order[:k])
        return cls(rung.name, rung.period, rung.axis, best, found, _caution(rung, decade))


def _caution(rung: Rung, decade: str | None) -> str:
    if decade is None:
        return ""
    if rung.period != ALL_YEARS:
        return rung.caution
    first = int(decade.removesuffix("s"))
    return warning_of_years(rung.name, rung.read, Years(first, first + DECADE - 1))


@dataclass(frozen=True)
class LadderAnswer:
    """What all models of a ladder answered for one blank.

    Parameters
    ----------
    blank
        The sentence.
    truth
        The word that stood there, if it is known.
    answers
        One a model, in the order of the ladder.
    sources
        Where the sentence stands in the corpus.
    provenance
        Corpus, models, number of candidates, decade.
    """

    blank: Blank
    truth: str | None
    answers: tuple[RungAnswer, ...]
    sources: tuple[Source, ...]
    provenance: Mapping[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """One row a model and word: model, period, rank, word, share, bits, axis, known, true."""
        import pandas as pd

        rows = []
        for one in self.answers:
            shown = list(one.best)
            if one.truth is not None and one.truth not in shown:
                shown.append(one.truth)
            rows += [
                (one.name, one.period, w.rank, w.word, w.share, w.bits, one.axis, w.known,
                 w.word == self.truth)
                for w in shown
            ]  # fmt: skip
        columns = [
            "model", "period", "rank", "word", "share", "bits", "axis", "known", "true"
        ]  # fmt: skip
        return pd.DataFrame(rows, columns=columns).astype({"bits": float})

    def __str__(self) -> str:
        """Return the sentence, and one line a model."""
        lines = [self.blank.text]
        for one in self.answers:
            best = ", ".join(f"{w.word} {w.share:.1%}" for w in one.best[:3])
            place = f"; '{one.truth.word}' is number {one.truth.rank}" if one.truth else ""
            lines.append(f"{one.name} ({one.period}): {best}{place}")
        lines += [f"source: {source}" for source in self.sources]
        return "\n".join(lines)
