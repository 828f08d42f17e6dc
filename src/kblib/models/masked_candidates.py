"""Whole words in a blank of a masked model, words of several pieces among them.

A word of n pieces is asked for behind n masks, and its pieces are filled in from the left: piece i
is judged with the pieces before it in place and masks for the rest. Their logarithms add up to that
of the word among all words of n pieces; PLL-word-l2r is the same sum for a word of a sentence. How
many pieces the blank has is not known, so a word's score also holds the share of words that have
its number of pieces, which is counted beforehand.

Letters: N words, n pieces of a word, B texts read at once, T tokens, V vocabulary.

References
----------
Kauf and Ivanova (2023), A better way to do masked language model scoring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from kblib.errors import ModelError
from kblib.models.build import masked_logits
from kblib.models.masked import MaskedLM
from kblib.ngrams.discounts import Floats
from kblib.ngrams.trie import Ints
from kblib.tokens.subwords import Tokenizer

MASK = "[MASK]"
_TOKENS = 4096  # read at once; more falls out of a processor's cache


class MaskedCandidates:
    """A masked model and a list of words, cut into pieces once and asked for in many blanks.

    Parameters
    ----------
    model
        The masked model.
    words
        Whole words.
    lengths
        Share of words that have so many pieces, by number of pieces: `piece_lengths`.
    """

    def __init__(self, model: MaskedLM, words: Sequence[str], lengths: Mapping[int, float]) -> None:
        self.model = model
        self.words = tuple(words)
        self.lengths = lengths
        self._by_length = list(_grouped(model.tokenizer, self.words))

    def scores(self, before: str, after: str, *, also: Sequence[str] = ()) -> tuple[Floats, Floats]:
        """Return two numbers a word, in nats: its score, and its pseudo log-likelihood; (N,) each.

        The pseudo log-likelihood leaves the number of pieces out of account. A word that the
        tokenizer cannot spell has minus infinity for both.

        Parameters
        ----------
        also
            Words besides those of the list; their numbers come last.

        Raises
        ------
        ModelError
            If the sentence is longer than the model reads.
        """
        if also:
            parts = (self, MaskedCandidates(self.model, also, self.lengths))
            both = [part.scores(before, after) for part in parts]
            return np.concatenate([b[0] for b in both]), np.concatenate([b[1] for b in both])
        likelihood_N = np.full(len(self.words), -np.inf)
        score_N = likelihood_N.copy()
        for places, pieces_Nn in self._by_length:
            n = pieces_Nn.shape[1]
            likelihood_N[places] = self._word_logs(before, after, pieces_Nn)
            score_N[places] = likelihood_N[places] + np.log(self.lengths.get(n, _least(self)))
        return score_N, likelihood_N

    def _word_logs(self, before: str, after: str, pieces_Nn: Ints) -> Floats:
        """Return the pseudo log-likelihood of words of equally many pieces."""
        n = pieces_Nn.shape[1]
        ids, place = self._question(before, after, n)
        total_N = np.zeros(len(pieces_Nn))
        for known in range(n):  # pieces to the left that are in place
            prefixes, which_N = np.unique(pieces_Nn[:, :known], axis=0, return_inverse=True)
            which_N = which_N.reshape(-1)
            next_N = pieces_Nn[:, known]
            for chosen, logs_BV in self._read(ids, place, prefixes):
                here = (which_N >= chosen.start) & (which_N < chosen.stop)
                total_N[here] += logs_BV[which_N[here] - chosen.start, next_N[here]]
        return total_N

    @torch.inference_mode()
    def _read(self, ids: list[int], place: int, prefixes: Ints) -> Iterator[tuple[slice, Floats]]:
        """Yield log-probabilities of the piece after each prefix, some prefixes at a time."""
        size = max(1, _TOKENS // len(ids))
        known = prefixes.shape[1]
        for start in range(0, len(prefixes), size):
            some = prefixes[start : start + size]
            inputs = np.tile(np.array(ids), (len(some), 1))
            inputs[:, place : place + known] = some
            at = np.full((len(some), 1), place + known)
            device = self.model.model.device
            logits_BV = masked_logits(
                self.model.model,
                torch.from_numpy(inputs).to(device),
                torch.from_numpy(at).to(device),
            )[:, 0, : self.model.tokenizer.vocab_size]
            logs_BV = logits_BV.float().log_softmax(-1).double().cpu().numpy()
            yield slice(start, start + len(some)), logs_BV

    def _question(self, before: str, after: str, n: int) -> tuple[list[int], int]:
        """Return the ids of the sentence with n masks, and the place of the first."""
        tokenizer = self.model.tokenizer
        ids = tokenizer.encode(f"{before}{tokenizer.roles['mask_token']}{after}")
        place = ids.index(tokenizer.mask_id)
        ids[place : place + 1] = [tokenizer.mask_id] * n
        if len(ids) > self.model.seq_len:
            raise too_long(len(ids), self.model.name, self.model.seq_len)
        return ids, place


def piece_lengths(
    tokenizer: Tokenizer, words: Sequence[str], counts: Sequence[int]
) -> dict[int, float]:
    """Return which share of the running words has 1, 2, 3 ... pieces.

    Parameters
    ----------
    words, counts
        Different words of a text, and how often each stands there.
    """
    n_pieces = [len(ids) for ids in tokenizer.encode_batch(list(words), special=False)]
    found = np.bincount(n_pieces, weights=np.asarray(counts, dtype=np.float64))
    return {n: float(share) for n, share in enumerate(found / found.sum()) if n and share > 0}


def too_long(n_tokens: int, name: str, seq_len: int) -> ModelError:
    """Return the error of a sentence that does not fit a model."""
    return ModelError(
        f"The sentence has {n_tokens} tokens.",
        f"'{name}' reads at most {seq_len} at once.",
        f"Keep the part around {MASK} and leave the rest out.",
    )


def _least(candidates: MaskedCandidates) -> float:
    """Return the share taken for a number of pieces that was not met: that of the rarest."""
    return min(candidates.lengths.values())


def _grouped(tokenizer: Tokenizer, words: Sequence[str]) -> Iterator[tuple[Ints, Ints]]:
    """Yield the places of words of equally many pieces, and their pieces, shape (N, n)."""
    pieces = tokenizer.encode_batch(list(words), special=False)
    unknown = tokenizer.unknown_id if tokenizer.has("unk_token") else -1
    lengths = np.array([0 if unknown in ids else len(ids) for ids in pieces], dtype=np.int64)
    for n in np.unique(lengths[lengths > 0]):
        places = np.flatnonzero(lengths == n)
        yield places, np.array([pieces[place] for place in places], dtype=np.int64)
