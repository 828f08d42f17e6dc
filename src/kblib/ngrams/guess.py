"""Guess masked tokens with an n-gram model, from the left context alone or from both sides.

The yardstick beside a masked language model. Candidates are all tokens of the vocabulary but the
special ones, none cut off, and log-probabilities are normalised over them. The known surroundings
of a place end at the next masked token and at the edge of the block, for what stands there is
unknown, and at the frame of the text:

- left: the at most ``order - 1`` known tokens before it, back to the begin of its text;
- right: the at most ``order - 1`` known tokens after it, up to the end of its text.

`kblib.ngrams.candidates` says how a candidate is scored. A model of order 1 gives the unigram
guess, the same at each place.

Letters: B blocks, T tokens, K places a block, N guessed places in all, C best candidates, V
vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from kblib.errors import TokenError
from kblib.ngrams.candidates import candidate_scores
from kblib.ngrams.counts import checked_ids
from kblib.ngrams.discounts import Floats
from kblib.ngrams.kneser_ney import KneserNey
from kblib.ngrams.trie import Ints


@dataclass(frozen=True, eq=False)
class Guesses:
    """What an n-gram model makes of masked tokens: block after block, in the order they were named.

    Parameters
    ----------
    truth
        The tokens that were masked, shape (N,).
    log_prob
        Natural logarithm of the probability each true token got among all candidates, shape (N,).
    rank
        Place of each true token among the candidates, 1 for the best; of equal scores the lower id
        comes first. Shape (N,).
    best
        The best candidates, in falling order, shape (N, C).
    """

    truth: Ints
    log_prob: Floats
    rank: Ints
    best: Ints

    @property
    def n(self) -> int:
        """How many tokens were guessed."""
        return len(self.truth)

    @property
    def loss(self) -> float:
        """Mean negative log-probability of the true tokens, in nats."""
        return float(-self.log_prob.mean())

    @property
    def top1(self) -> float:
        """Share of places where the best candidate is the true token."""
        return float((self.rank == 1).mean())

    @property
    def top5(self) -> float:
        """Share of places where the true token is among the best five."""
        return float((self.rank <= 5).mean())


def guess_masked(
    model: KneserNey,
    ids_BT: ArrayLike,
    positions_BK: ArrayLike,
    *,
    special_ids: ArrayLike,
    weights_BK: ArrayLike | None = None,
    sides: Literal["left", "both"] = "both",
    n_best: int = 5,
) -> Guesses:
    """Guess the tokens at given places of blocks, all places of a block being masked at once.

    Exact over the whole vocabulary, yet more than a thousand places a second on one core (order 5,
    8,192 types, four million tokens): only candidates seen in a context are looked up in it.

    Parameters
    ----------
    ids_BT
        Blocks with the true tokens in place; a block may begin and end inside a text.
    positions_BK
        Which places of each block are masked, counted from 0.
    special_ids
        Tokens that are never masked, so no candidates: ``tokenizer.special_ids``. A begin that
        differs from the end never is one.
    weights_BK
        Places of weight 0 only fill the row: they are neither masked nor guessed.
    sides
        ``left`` reads only what stands before a place, ``both`` also what follows.
    n_best
        How many candidates to return a place.

    Raises
    ------
    TokenError
        If no place is masked, one is outside the block or named twice, a special token is masked, a
        token is outside the vocabulary, or `sides` is another word.
    """
    check_sides(sides)
    ids = checked_ids(ids_BT, model.vocab_size)
    special = _special(model, special_ids)
    masked_B = _masked(ids, positions_BK, weights_BK)
    truth = np.concatenate([row[places] for row, places in zip(ids, masked_B, strict=True)])
    _check_guessable(truth, special)
    n_best = min(n_best, model.vocab_size - len(special))
    log_prob, rank = np.empty(len(truth)), np.empty_like(truth)
    best = np.empty((len(truth), n_best), dtype=np.int64)
    surroundings = _surroundings(model, ids, masked_B, sides)
    for n, (word, (left, right)) in enumerate(zip(truth, surroundings, strict=True)):
        scores = candidate_scores(model, left, right)
        scores[special] = 0.0
        with np.errstate(divide="ignore"):
            log_prob[n] = np.log(scores[word] / scores.sum())
        better = np.count_nonzero(scores > scores[word])
        rank[n] = 1 + better + np.count_nonzero(scores[:word] == scores[word])
        best[n] = _best(scores, n_best)
    return Guesses(truth, log_prob, rank, best)


def left_context(model: KneserNey, row: list[int], masked: set[int], place: int) -> list[int]:
    """Return the known tokens before a place, at most ``order - 1``, back to a begin."""
    start = place
    while start > 0 and place - start < model.order - 1 and start - 1 not in masked:
        start -= 1
        if row[start] == model.begin_id:
            break
    return row[start:place]


def right_context(model: KneserNey, row: list[int], masked: set[int], place: int) -> list[int]:
    """Return the known tokens after a place, at most ``order - 1``, up to an end."""
    stop = place + 1
    while stop < len(row) and stop - place < model.order and stop not in masked:
        if row[stop] == model.begin_id != model.end_id:
            break
        stop += 1
        if row[stop - 1] == model.end_id:
            break
    return row[place + 1 : stop]


def _surroundings(
    model: KneserNey, ids_BT: Ints, masked_B: list[Ints], sides: str
) -> list[tuple[list[int], list[int]]]:
    found = []
    for row, places in zip(ids_BT.tolist(), [places.tolist() for places in masked_B], strict=True):
        masked = set(places)
        for place in places:
            right = right_context(model, row, masked, place) if sides == "both" else []
            found.append((left_context(model, row, masked, place), right))
    return found


def _best(scores_V: Floats, n: int) -> Ints:
    least = np.partition(scores_V, len(scores_V) - n)[len(scores_V) - n]
    candidates = np.flatnonzero(scores_V >= least)
    return candidates[np.argsort(-scores_V[candidates], kind="stable")][:n]


def _special(model: KneserNey, special_ids: ArrayLike) -> Ints:
    special = checked_ids(special_ids, model.vocab_size)
    begin = [model.begin_id] if model.begin_id != model.end_id else []
    return np.unique(np.concatenate([special, np.array(begin, dtype=np.int64)]))


def _masked(ids: Ints, positions_BK: ArrayLike, weights_BK: ArrayLike | None) -> list[Ints]:
    """Return the masked places of each block, checked."""
    positions = np.asarray(positions_BK).astype(np.int64)
    if ids.ndim != 2 or positions.ndim != 2 or len(ids) != len(positions):
        raise TokenError(
            f"Places of the shape {positions.shape} do not fit blocks of {ids.shape}.",
            "A row of tokens and a row of places a block were expected: (B, T) and (B, K).",
            "For a single block: guess_masked(model, [ids], [positions], ...).",
        )
    weights = np.ones(positions.shape) if weights_BK is None else np.asarray(weights_BK)
    masked = [row[used] for row, used in zip(positions, weights > 0, strict=True)]
    for block, places in enumerate(masked):
        if len(np.unique(places)) < len(places) or ((places < 0) | (places >= ids.shape[1])).any():
            raise TokenError(
                f"The masked places of block {block} are {places.tolist()}.",
                f"Different places from 0 to {ids.shape[1] - 1} were expected.",
                "Give places that only fill the row the weight 0: weights_BK.",
            )
    return masked


def check_sides(sides: str) -> None:
    """Raise a TokenError unless `sides` is ``left`` or ``both``."""
    if sides not in ("left", "both"):
        raise TokenError(
            f"No guess is made from the side '{sides}'.",
            "Known are 'left' and 'both'.",
            "guess_masked(model, ids, positions, sides='both', ...)",
        )


def _check_guessable(truth: Ints, special: Ints) -> None:
    if not len(truth):
        raise TokenError(
            "No place is masked.",
            "At least one was expected.",
            "Pass a larger text or mask more of it.",
        )
    wrong = truth[np.isin(truth, special)]
    if len(wrong):
        raise TokenError(
            f"The special token {wrong[0]} is masked.",
            f"Tokens other than {special.tolist()} were expected; these are no candidates.",
            "Leave special tokens unmasked.",
        )
