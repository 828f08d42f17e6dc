"""Ask the rungs of a ladder for hidden whole words; what is tuned, on validation films only.

Letters: R rungs, N candidates (the list and the hidden word), W hidden words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.guessers import Answers
from benchmarks.hidden_words import HiddenWord
from kblib.ladder.rungs import Rung, Scores

Floats = NDArray[np.float64]
TEMPERATURES = (0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, eq=False)
class Asked:
    """Scores of all rungs for some hidden words.

    Parameters
    ----------
    scores
        Of each hidden word, of each rung: shape (N,), natural logarithms up to a constant.
    truth
        Place of the hidden word among the candidates, of each.
    """

    scores: list[list[NDArray[np.floating]]]
    truth: list[int]

    def shares(self, word: int, rung: int, temperature: float) -> Floats:
        """Return what a rung gives each candidate for a hidden word, shape (N,)."""
        score = self.scores[word][rung]
        return Scores(score.astype(np.float64), None, np.isfinite(score)).shares(temperature)


def ask(
    rungs: Sequence[Rung],
    hidden: Sequence[HiddenWord],
    candidates: Sequence[str],
    say: Callable[[str], None],
) -> Asked:
    """Let every rung score the candidates, and the hidden word with them, for each hidden word."""
    place = {word: i for i, word in enumerate(candidates)}
    scores, truth = [], []
    for number, one in enumerate(hidden, start=1):
        also = () if one.word in place else (one.word,)
        found = [rung.scores(one.blank, candidates, also).score for rung in rungs]
        scores.append([score.astype(np.float32) for score in found])
        truth.append(place.get(one.word, len(candidates)))
        if number % 250 == 0:
            say(f"  {number:,} of {len(hidden):,} words")
    return Asked(scores, truth)


def tune(asked: Asked, rung: int) -> float:
    """Return the temperature with the lowest loss of a rung."""

    def loss(temperature: float) -> float:
        return float(np.mean(answers_of(asked, "", rung, temperature).nats))

    return min(TEMPERATURES, key=loss)


def answers_of(asked: Asked, name: str, rung: int, temperature: float) -> Answers:
    """Return surprise and rank of each hidden word, as a rung has it."""
    words = range(len(asked.truth))
    return _answers(asked, name, (asked.shares(word, rung, temperature) for word in words))


def mixed(
    asked: Asked, name: str, rungs: tuple[int, int], temperatures: tuple[float, float], share: float
) -> Answers:
    """Return the same of two rungs whose shares are added, the second weighing `share`."""
    (a, b), (hot_a, hot_b) = rungs, temperatures
    sums = (
        (1 - share) * asked.shares(word, a, hot_a) + share * asked.shares(word, b, hot_b)
        for word in range(len(asked.truth))
    )
    return _answers(asked, name, sums)


def tune_mix(asked: Asked, rungs: tuple[int, int], temperatures: tuple[float, float]) -> float:
    """Return the weight of the second of two rungs with the lowest loss of their mixture."""

    def loss(share: float) -> float:
        return float(np.mean(mixed(asked, "", rungs, temperatures, share).nats))

    return min(WEIGHTS, key=loss)


def _answers(asked: Asked, name: str, shares: Iterable[Floats]) -> Answers:
    nats, rank = [], []
    for true, share_N in zip(asked.truth, shares, strict=True):
        with np.errstate(divide="ignore"):
            nats.append(-np.log(share_N[true]))
        better = np.count_nonzero(share_N > share_N[true])
        rank.append(better + np.count_nonzero(share_N[:true] == share_N[true]))
    return Answers(name, np.array(nats), np.array(rank, dtype=np.int64))
