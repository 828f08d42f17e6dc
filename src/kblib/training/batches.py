"""Batches: which blocks a rank reads at a step, and what is masked in them.

All of it computed from the step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kblib.errors import TokenError
from kblib.models.masking import Corruption, mask_blocks
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.pieces_of_words import goes_on_with_a_word
from kblib.tokens.subwords import Tokenizer
from kblib.training.config import TrainingConfig
from kblib.training.documents import document_numbers
from kblib.training.engine import Batch
from kblib.training.mixture import MixedOrder


@dataclass(frozen=True)
class Share:
    """Blocks of one corpus of a mixture, and the share of each step that is read from them."""

    name: str
    blocks: TokenBlocks
    share: float


class BlockBatches:
    """The micro-batches of one rank.

    The global batch of a step is the same at any number of ranks: each rank takes its contiguous
    share of it, and what is masked in a block depends on the block's running number alone.

    Parameters
    ----------
    blocks
        Packed tokens to train on: those of one corpus, or several with their shares.
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
        blocks: TokenBlocks | Sequence[Share],
        tokenizer: Tokenizer,
        shape: ModelShape,
        config: TrainingConfig,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        if isinstance(blocks, TokenBlocks):
            blocks = [Share("corpus", blocks, 1.0)]
        self.shares = list(blocks)
        self.tokenizer = tokenizer
        self.shape = shape
        self.masked = shape.objective == "masked"
        self.config = config
        self.order = MixedOrder(
            [one.blocks.n_blocks(config.seq_len) for one in self.shares],
            [one.share for one in self.shares],
            config.batch_size,
            config.seed,
        )
        share = config.batch_size // world_size
        self.mine = slice(rank * share, (rank + 1) * share)

    def step(self, step: int) -> list[Batch]:
        """Return the micro-batches of a step.

        Raises
        ------
        TokenError
            If a token is none of the model's vocabulary.
        """
        sources_B, blocks_B = (values[self.mine] for values in self.order.batch(step))
        ids_BT = self._read(sources_B, blocks_B)
        keys_B = self.order.serial(step)[self.mine]
        pieces = self.config.grad_accum_steps
        pairs = zip(np.array_split(ids_BT, pieces), np.array_split(keys_B, pieces), strict=True)
        return [self._batch(ids, keys) for ids, keys in pairs]

    def tokens(self, first: int, stop: int) -> dict[str, int]:
        """Return how many tokens of each corpus the steps from `first` on, before `stop`, read."""
        read = (self.order.counts(stop) - self.order.counts(first)) * self.config.seq_len
        return {one.name: int(n) for one, n in zip(self.shares, read, strict=True)}

    def _read(self, sources_B: NDArray[np.int64], blocks_B: NDArray[np.int64]) -> NDArray[np.int64]:
        ids_BT = np.empty((len(blocks_B), self.config.seq_len), dtype=np.int64)
        for source in np.unique(sources_B):
            here = sources_B == source
            found = self.shares[source].blocks.blocks(blocks_B[here], self.config.seq_len)
            self._check_ids(found, self.shares[source], blocks_B[here])
            ids_BT[here] = found
        return ids_BT

    def _check_ids(self, ids_BT: NDArray[np.int64], of: Share, blocks_B: NDArray[np.int64]) -> None:
        highest = int(ids_BT.max(initial=0))
        if highest < self.shape.vocab_size:
            return
        block = int(blocks_B[int(ids_BT.max(axis=1).argmax())])
        raise TokenError(
            f"Block {block} of {of.blocks.folder} ('{of.name}') holds the token id {highest}.",
            f"The model's vocabulary has ids 0 to {self.shape.vocab_size - 1}.",
            "Its tokens were packed with another tokenizer, or damaged. "
            f"They are made again when they are gone: rm -r {of.blocks.folder}",
        )

    def _batch(self, ids_BT: NDArray[np.int64], keys_B: NDArray[np.int64]) -> Batch:
        batch: dict[str, Tensor] = {"input_ids": torch.from_numpy(ids_BT)}
        if self.masked:
            batch = dict(masked_batch(ids_BT, keys_B, self.tokenizer, self.config, self._goes_on))
        if self.config.isolate_documents:
            batch["documents"] = torch.from_numpy(document_numbers(ids_BT, self._first_id))
        return batch

    @cached_property
    def _goes_on(self) -> NDArray[np.bool_] | None:
        """Which pieces go on with a word, where whole words are masked."""
        return goes_on_with_a_word(self.tokenizer) if self.config.whole_words else None

    @property
    def _first_id(self) -> int:
        """What a document begins with: a masked one with its mark, a causal one with an end."""
        return self.tokenizer.first_id if self.masked else self.tokenizer.end_id


def masked_batch(
    ids_BT: NDArray[np.int64],
    keys_B: NDArray[np.int64],
    tokenizer: Tokenizer,
    config: TrainingConfig,
    goes_on: NDArray[np.bool_] | None = None,
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
        continues=goes_on,
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
