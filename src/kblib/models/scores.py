"""How good a masked model is: the same hidden words for every model that is asked.

Letters on tensors: B blocks, T tokens a block, K hidden positions a block, V vocabulary.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from kblib.errors import ModelError
from kblib.metrics import topk_accuracy
from kblib.models.build import masked_logits
from kblib.models.masking import HIDDEN, Corruption, MaskedBlocks, mask_blocks
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer


@dataclass(frozen=True)
class MaskedScores:
    """What a masked model scored.

    Parameters
    ----------
    n
        Hidden sub-words asked for.
    loss
        Mean of minus the natural logarithm of the probability given to the true one, in nats.
    top1, top5
        Share of them that was the model's first guess, or among its first five.
    seq_len, mask_rate, seed, n_blocks
        Length of the blocks, share hidden in each, seed of the choice, how many blocks.
    """

    n: int
    loss: float
    top1: float
    top5: float
    seq_len: int
    mask_rate: float
    seed: int
    n_blocks: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for ``scores.json``."""
        return asdict(self)

    def __str__(self) -> str:
        """Return one line."""
        return (
            f"{self.n:,} masked sub-words: loss {self.loss:.3f} nats, "
            f"first guess right {self.top1:.1%}, among the first five {self.top5:.1%}"
        )


@torch.inference_mode()
def score_masked(
    model: PreTrainedModel,
    blocks: TokenBlocks,
    tokenizer: Tokenizer,
    *,
    seq_len: int,
    mask_rate: float,
    seed: int,
    corruption: Corruption = HIDDEN,
    most_blocks: int | None = None,
    batch_size: int = 32,
) -> MaskedScores:
    """Hide words in blocks and ask the model for them.

    In block number i, ``round(mask_rate * seq_len)`` positions are asked for, chosen by `seed` and
    i alone (`kblib.models.masking.mask_blocks`), never a special piece.

    Parameters
    ----------
    corruption
        What is shown at these positions: by default always the mask. With BERT's mixture a tenth
        shows the true piece, which is easy: such scores are higher and compare only with their
        like.
    most_blocks
        At most so many blocks, evenly spread over the text; None for all.
    batch_size
        Blocks read at once; it does not change the choice.

    Raises
    ------
    ModelError
        If the text is shorter than one block, or has nothing that may be hidden.
    """
    chosen = evenly_spread(blocks, seq_len, most_blocks)
    training = model.training
    model.train(False)
    try:
        found = [
            _guess(
                model,
                mask_blocks(
                    blocks.blocks(keys, seq_len),
                    rate=mask_rate,
                    seed=seed,
                    keys=keys,
                    special_ids=tokenizer.special_ids,
                    mask_id=tokenizer.mask_id,
                    vocab_size=tokenizer.vocab_size,
                    corruption=corruption,
                ),
            )
            for keys in np.array_split(chosen, -(-len(chosen) // batch_size))
        ]
    finally:
        model.train(training)
    nats, ranks = (np.concatenate(part) for part in zip(*found, strict=True))
    if nats.size == 0:
        raise ModelError("The text holds nothing but special pieces.", "Words were expected.")
    return MaskedScores(
        n=int(nats.size),
        loss=float(nats.mean()),
        top1=topk_accuracy(ranks, 1),
        top5=topk_accuracy(ranks, 5),
        seq_len=seq_len,
        mask_rate=mask_rate,
        seed=seed,
        n_blocks=len(chosen),
    )


def _guess(
    model: PreTrainedModel, masked: MaskedBlocks
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return surprise in nats and rank of the true piece, one of each a hidden position."""
    inputs_BT, positions_BK, targets_BK, weights_BK = (
        torch.from_numpy(array).to(model.device)
        for array in (masked.input_ids, masked.positions, masked.targets, masked.weights)
    )
    hidden_BK = weights_BK > 0
    logits_NV = masked_logits(model, inputs_BT, positions_BK)[hidden_BK].float()
    targets_N = targets_BK[hidden_BK]
    nats_N = functional.cross_entropy(logits_NV, targets_N, reduction="none").double()
    return nats_N.cpu().numpy(), ranks_of(logits_NV, targets_N).cpu().numpy()


def ranks_of(logits_NV: Tensor, targets_N: Tensor) -> Tensor:
    """Return the place of each target among the guesses, 0 for the first; equal ones by id."""
    true_N1 = logits_NV.gather(1, targets_N[:, None])
    before_NV = (
        torch.arange(logits_NV.shape[1], device=logits_NV.device)[None, :] < targets_N[:, None]
    )
    return ((logits_NV > true_N1) | ((logits_NV == true_N1) & before_NV)).sum(1)


def evenly_spread(
    blocks: TokenBlocks, seq_len: int, most_blocks: int | None
) -> npt.NDArray[np.int64]:
    """Return the numbers of at most so many blocks, spread over the text; None for all.

    Raises
    ------
    ModelError
        If the text is shorter than one block.
    """
    n_blocks = blocks.n_blocks(seq_len)
    if n_blocks == 0:
        raise ModelError(
            f"The text has {blocks.n_tokens} tokens.",
            f"At least one block of {seq_len} was expected.",
            f"Take more text, or a shorter block: seq_len={max(1, blocks.n_tokens)}",
        )
    most = n_blocks if most_blocks is None else most_blocks
    if most < 1:
        raise ModelError(f"most_blocks is {most}.", "At least 1 was expected.")
    return np.unique(np.linspace(0, n_blocks - 1, min(most, n_blocks)).astype(np.int64))
