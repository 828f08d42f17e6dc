"""Batches: which blocks a rank reads at a step, and what is masked in them.

All of it computed from the step.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kblib.models.masking import Corruption, mask_blocks
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch
from kblib.training.order import BlockOrder


class BlockBatches:
    """The micro-batches of one rank.

    The global batch of a step is the same at any number of ranks: each rank takes its contiguous
    share of it, and what is masked in a block depends on the block's running number alone.

    Parameters
    ----------
    blocks
        Packed tokens to train on.
    tokenizer
        The tokenizer that made them; it knows the mask and the special tokens.
    shape, config
        Model and numbers.
    rank, world_size
        This rank, and how many there are; `config.batch_size` must divide into ranks times
        micro-batches.
    """

    def __init__(
        self,
        blocks: TokenBlocks,
        tokenizer: Tokenizer,
        shape: ModelShape,
        config: TrainingConfig,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.blocks = blocks
        self.tokenizer = tokenizer
        self.masked = shape.objective == "masked"
        self.config = config
        self.order = BlockOrder(blocks.n_blocks(config.seq_len), config.batch_size, config.seed)
        share = config.batch_size // world_size
        self.mine = slice(rank * share, (rank + 1) * share)

    def step(self, step: int) -> list[Batch]:
        """Return the micro-batches of a step."""
        ids_BT = self.blocks.blocks(self.order.batch(step)[self.mine], self.config.seq_len)
        keys_B = self.order.serial(step)[self.mine]
        pieces = self.config.grad_accum_steps
        pairs = zip(np.array_split(ids_BT, pieces), np.array_split(keys_B, pieces), strict=True)
        return [self._batch(ids, keys) for ids, keys in pairs]

    def _batch(self, ids_BT: NDArray[np.int64], keys_B: NDArray[np.int64]) -> Batch:
        if not self.masked:
            return {"input_ids": torch.from_numpy(ids_BT)}
        return masked_batch(ids_BT, keys_B, self.tokenizer, self.config)


def masked_batch(
    ids_BT: NDArray[np.int64],
    keys_B: NDArray[np.int64],
    tokenizer: Tokenizer,
    config: TrainingConfig,
) -> Batch:
    """Mask blocks: inputs of shape (B, T); positions, targets and weights of shape (B, K)."""
    masked = mask_blocks(
        ids_BT,
        rate=config.mask_rate,
        seed=config.seed,
        keys=keys_B,
        special_ids=tokenizer.special_ids,
        mask_id=tokenizer.mask_id,
        vocab_size=tokenizer.vocab_size,
        corruption=Corruption(config.random_rate, config.keep_rate),
    )
    return {name: torch.from_numpy(value) for name, value in vars(masked).items()}


class RandomBatches:
    """Batches of random tokens, for measuring speed before any text is prepared."""

    def __init__(self, shape: ModelShape, config: TrainingConfig) -> None:
        self.shape = shape
        self.config = config

    def step(self, step: int) -> list[Batch]:
        """Return the micro-batches of a step."""
        random = torch.Generator().manual_seed(step)
        size = self.config.batch_size // self.config.grad_accum_steps
        return [self._batch(size, random) for _ in range(self.config.grad_accum_steps)]

    def _batch(self, size: int, random: torch.Generator) -> Batch:
        length, vocabulary = self.config.seq_len, self.shape.vocab_size
        ids_BT = torch.randint(vocabulary, (size, length), generator=random)
        if self.shape.objective == "causal":
            return {"input_ids": ids_BT}
        n_masked = max(1, round(self.config.mask_rate * length))
        positions_BK = torch.rand((size, length), generator=random).argsort(dim=1)[:, :n_masked]
        targets_BK: Tensor = ids_BT.gather(1, positions_BK)
        weights_BK = torch.ones_like(positions_BK, dtype=torch.float32)
        return {
            "input_ids": ids_BT,
            "positions": positions_BK,
            "targets": targets_BK,
            "weights": weights_BK,
        }
