"""Whether an adapter beats its base on films neither was trained on: the same words, film by film.

References
----------
Efron and Tibshirani (1993), An introduction to the bootstrap, chapter 8 (resampling whole units).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.models.scores import score_masked
from kblib.ngrams.discounts import Floats
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.scoring import MASK_RATE, MASK_SEED

_RESAMPLES = 4000
_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class FilmScores:
    """What a masked model scored on each of some films, all with the same hidden sub-words.

    Parameters
    ----------
    n, nats, right
        Of each film: hidden sub-words, their summed surprise in nats, first guesses that were
        right.
    """

    n: Floats
    nats: Floats
    right: Floats

    @property
    def loss(self) -> float:
        """Nats a hidden sub-word."""
        return float(self.nats.sum() / self.n.sum())

    @property
    def top1(self) -> float:
        """Share of first guesses that were right."""
        return float(self.right.sum() / self.n.sum())


def blocks_of_films(
    corpus: Corpus, group: str, tokenizer: Tokenizer, folder: Path, seq_len: int
) -> Iterator[TokenBlocks]:
    """Pack each film of a corpus on its own; those shorter than one block are passed over."""
    films = corpus.frame().select(group, "text").collect()
    parts = films.partition_by(group, maintain_order=True)
    for number, part in enumerate(parts):
        packed = TokenBlocks.pack(part["text"].to_list(), tokenizer, folder / str(number))
        if packed.n_blocks(seq_len):
            yield packed


def score_films(
    models: list[PreTrainedModel], corpus: Corpus, group: str, tokenizer: Tokenizer, seq_len: int
) -> list[FilmScores]:
    """Score models on the films of a corpus.

    Raises
    ------
    ModelError
        If no film has a block of text.
    """
    rows: list[list[tuple[float, float, float]]] = [[] for _ in models]
    with tempfile.TemporaryDirectory() as aside:
        for blocks in blocks_of_films(corpus, group, tokenizer, Path(aside), seq_len):
            for model, found in zip(models, rows, strict=True):
                one = score_masked(
                    model, blocks, tokenizer, seq_len=seq_len, mask_rate=MASK_RATE, seed=MASK_SEED
                )
                found.append((one.n, one.n * one.loss, one.n * one.top1))
    if not rows[0]:
        raise ModelError(f"No {group} of '{corpus.name}' has {seq_len} tokens of text.")
    return [FilmScores(*np.array(found).T) for found in rows]


def difference(ours: FilmScores, base: FilmScores, *, seed: int = 1) -> dict[str, Any]:
    """Return how much lower our loss is than the base's, with a 95 % interval.

    Films are drawn with replacement, both models' sums together.
    """
    n_films = len(ours.n)
    draws_RF = np.random.default_rng(seed).multinomial(
        n_films, np.full(n_films, 1 / n_films), size=_RESAMPLES
    )
    gains_R = draws_RF @ (base.nats - ours.nats) / (draws_RF @ ours.n)
    low, high = np.quantile(gains_R, [(1 - _CONFIDENCE) / 2, (1 + _CONFIDENCE) / 2])
    return {
        "gain_nats": base.loss - ours.loss,
        "gain_low": float(low),
        "gain_high": float(high),
        "films": n_films,
        "n": int(ours.n.sum()),
        "base": {"loss": base.loss, "top1": base.top1},
        "adapted": {"loss": ours.loss, "top1": ours.top1},
    }
