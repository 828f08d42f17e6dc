"""Two starts that save a small model its first epochs: word frequencies and word neighbours.

A new model spends its first steps learning which words are common, then which words keep company.
Both can be counted in seconds and written into it before training.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.models.build import embedding_matrix
from kblib.tokens.pack import TokenBlocks

_MOST_PIECES = 10_000  # a square table of so many pieces takes 0.4 GB, there is one at a time
_STRIP = 256  # rows and columns that are mirrored at once
_MOST_TOKENS = 8_000_000  # more would change the counts little and take more than some seconds
_SMOOTHING = 0.75  # of context counts, Levy, Goldberg and Dagan (2015)


@torch.no_grad()
def start_from_frequencies(
    model: PreTrainedModel, blocks: TokenBlocks, *, special_ids: Sequence[int] = ()
) -> None:
    """Set the decoder's bias to the log frequency of each piece: the first guess is the unigram's.

    Parameters
    ----------
    special_ids
        Ids that are never asked for; they get the bias of a piece that never occurs.

    Raises
    ------
    ModelError
        If the model's decoder has no bias.
    """
    decoder = cast(Any, model).get_output_embeddings()
    bias = getattr(decoder, "bias", None)
    if bias is None:
        raise ModelError(
            f"The decoder of this {type(model).__name__} has no bias.",
            "Only masked models start from frequencies.",
        )
    counts = blocks.counts(bias.numel(), most=_MOST_TOKENS).astype(np.float64)
    counts[list(special_ids)] = 0.0
    share = (counts + 1.0) / (counts.sum() + counts.size)
    bias.copy_(torch.from_numpy(np.log(share)).to(bias))


@torch.no_grad()
def start_from_neighbours(
    model: PreTrainedModel,
    blocks: TokenBlocks,
    *,
    special_ids: Sequence[int] = (),
    window: int = 4,
    seed: int = 0,
) -> None:
    """Set the embeddings to a low-rank picture of which pieces stand near each other.

    Positive pointwise mutual information of pieces at most `window` tokens apart, its singular
    vectors times the root of the singular values, scaled to the standard deviation the model was
    built with. Special pieces, those that never occur, and those beyond the 10,000 most frequent
    keep their random rows. At most 8 million tokens are read, from the start of the stream.

    Parameters
    ----------
    special_ids
        Ids that are no one's neighbours.

    References
    ----------
    Levy and Goldberg (2014), Neural word embedding as implicit matrix factorization.
    """
    weight = embedding_matrix(model)
    pieces = _counted_pieces(blocks, weight.shape[0], special_ids)
    if pieces.size < 2:
        return
    table = _ppmi(_neighbours(blocks, pieces, weight.shape[0], window))
    rank = min(weight.shape[1], pieces.size)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        left, strength, _ = torch.svd_lowrank(table, q=rank, niter=2)
    vectors = left * strength.sqrt()
    size = vectors.square().mean().sqrt().clamp_min(1e-12)
    vectors *= float(getattr(model.config, "initializer_range", 0.02)) / size
    weight[torch.from_numpy(pieces), :rank] = vectors.to(weight)


def _counted_pieces(
    blocks: TokenBlocks, vocab_size: int, special_ids: Sequence[int]
) -> npt.NDArray[np.int64]:
    counts = blocks.counts(vocab_size, most=_MOST_TOKENS)
    counts[list(special_ids)] = 0
    order = np.argsort(-counts, kind="stable")[:_MOST_PIECES]
    found: npt.NDArray[np.int64] = np.sort(order[counts[order] > 0])
    return found


def _neighbours(
    blocks: TokenBlocks, pieces: npt.NDArray[np.int64], vocab_size: int, window: int
) -> Tensor:
    """Count pairs at most `window` apart, in both directions, shape (n_pieces, n_pieces)."""
    n = pieces.size
    place = np.full(vocab_size, -1, dtype=np.int64)
    place[pieces] = np.arange(n)
    table = np.zeros(n * n, dtype=np.float32)
    for stream in blocks.stream(_MOST_TOKENS):
        ids = place[stream]
        for distance in range(1, window + 1):
            left, right = ids[:-distance], ids[distance:]
            both = (left >= 0) & (right >= 0)
            pair, count = np.unique(left[both] * n + right[both], return_counts=True)
            table[pair] += count
    square = table.reshape(n, n)
    _add_mirror(square)
    return torch.from_numpy(square)


def _add_mirror(table: npt.NDArray[np.float32]) -> None:
    """Add to a square table its mirror image, strip by strip, so that no second table is needed."""
    n = len(table)
    for start in range(0, n, _STRIP):
        end = min(start + _STRIP, n)
        corner = table[start:end, start:end]
        corner += corner.T.copy()
        table[start:end, end:] += table[end:, start:end].T
        table[end:, start:end] = table[start:end, end:].T


def _ppmi(table: Tensor) -> Tensor:
    rows = table.sum(1)
    contexts = rows**_SMOOTHING
    expected_rows = rows.clamp_min(1.0)
    expected_contexts = (contexts / contexts.sum()).clamp_min(1e-12)
    table /= expected_rows[:, None]
    table /= expected_contexts[None, :]
    return table.clamp_min_(1.0).log_()  # log of at least 1: nothing below 0 is left
