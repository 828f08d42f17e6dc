from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.batches import BlockBatches, RandomBatches
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch


@pytest.fixture
def whole(
    blocks: TokenBlocks, wordpiece: Tokenizer, shape: ModelShape, config: TrainingConfig
) -> BlockBatches:
    return BlockBatches(blocks, wordpiece, shape, config)


def joined(batches: Sequence[Batch]) -> dict[str, Tensor]:
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def unmasked(batch: Batch) -> Tensor:
    """Put the targets back where the masks stand."""
    return batch["input_ids"].scatter(1, batch["positions"], batch["targets"])


def test_step_reads_the_blocks_of_the_order(whole: BlockBatches, blocks: TokenBlocks) -> None:
    (batch,) = whole.step(3)
    assert unmasked(batch).tolist() == blocks.blocks(whole.order.batch(3)[1], 16).tolist()


@pytest.mark.parametrize("world_size", [2, 4, 8])
def test_ranks_together_read_what_one_rank_reads(
    whole: BlockBatches,
    blocks: TokenBlocks,
    wordpiece: Tokenizer,
    shape: ModelShape,
    config: TrainingConfig,
    world_size: int,
) -> None:
    ranks = [
        BlockBatches(blocks, wordpiece, shape, config, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    for step in (0, 7, 500):
        together = joined([rank.step(step)[0] for rank in ranks])
        assert same(together, dict(whole.step(step)[0]))


@pytest.mark.parametrize("pieces", [2, 4])
def test_pieces_together_are_the_whole_batch(
    whole: BlockBatches,
    blocks: TokenBlocks,
    wordpiece: Tokenizer,
    shape: ModelShape,
    config: TrainingConfig,
    pieces: int,
) -> None:
    cut = BlockBatches(blocks, wordpiece, shape, replace(config, grad_accum_steps=pieces))
    assert len(cut.step(5)) == pieces
    assert same(joined(cut.step(5)), dict(whole.step(5)[0]))


def test_ranks_and_pieces_together_are_the_whole_batch(
    whole: BlockBatches,
    blocks: TokenBlocks,
    wordpiece: Tokenizer,
    shape: ModelShape,
    config: TrainingConfig,
) -> None:
    cut = replace(config, grad_accum_steps=2)
    parts: list[Batch] = []
    for rank in range(2):
        mine = BlockBatches(blocks, wordpiece, shape, cut, rank=rank, world_size=2)
        parts += mine.step(2)
    assert same(joined(parts), dict(whole.step(2)[0]))


def test_step_is_the_same_in_a_new_process(
    whole: BlockBatches,
    blocks: TokenBlocks,
    wordpiece: Tokenizer,
    shape: ModelShape,
    config: TrainingConfig,
) -> None:
    for step in range(5):
        whole.step(step)
    reopened = BlockBatches(TokenBlocks.open(blocks.folder), wordpiece, shape, config)
    assert same(dict(whole.step(5)[0]), dict(reopened.step(5)[0]))


def test_masks_are_of_the_asked_number_and_never_on_special_pieces(
    whole: BlockBatches, wordpiece: Tokenizer
) -> None:
    (batch,) = whole.step(0)
    assert batch["positions"].shape == (8, round(0.25 * 16))
    told = batch["targets"][batch["weights"] > 0]
    assert not set(told.tolist()) & set(wordpiece.special_ids)
    assert (batch["input_ids"] == wordpiece.mask_id).sum() == (batch["weights"] > 0).sum()


def test_some_places_show_random_or_true_tokens_where_that_is_asked(
    whole: BlockBatches,
    blocks: TokenBlocks,
    wordpiece: Tokenizer,
    shape: ModelShape,
    config: TrainingConfig,
) -> None:
    """A tenth of each, and the places asked for are the same: 1,600 of them, five sigma."""
    mixed = replace(config, random_rate=0.1, keep_rate=0.1)
    batches = BlockBatches(blocks, wordpiece, shape, mixed)
    masks, true, places = 0, 0, 0
    for step in range(50):
        (batch,), (plain,) = batches.step(step), whole.step(step)
        assert torch.equal(batch["positions"], plain["positions"])
        assert torch.equal(batch["targets"], plain["targets"])
        shown = batch["input_ids"].gather(1, batch["positions"])
        masks += int((shown == wordpiece.mask_id).sum())
        true += int((shown == batch["targets"]).sum())
        places += shown.numel()
    assert places == 1600
    assert abs(masks - 1280) < 5 * 16
    assert abs(true - 160) < 5 * 12


def test_block_read_again_is_masked_elsewhere(whole: BlockBatches, blocks: TokenBlocks) -> None:
    n_blocks = blocks.n_blocks(16)
    steps = -(-2 * n_blocks // 8)
    seen: dict[tuple[int, ...], list[list[int]]] = {}
    for step in range(steps):
        (batch,) = whole.step(step)
        for block, places in zip(
            unmasked(batch).tolist(), batch["positions"].tolist(), strict=True
        ):
            seen.setdefault(tuple(block), []).append(places)
    repeated = [places for places in seen.values() if len(places) > 1]
    differing = [one != other for places in repeated for one, other in pairwise(places)]
    assert len(repeated) > n_blocks // 2
    assert sum(differing) > 0.95 * len(differing)


def test_another_seed_reads_and_masks_otherwise(
    whole: BlockBatches,
    blocks: TokenBlocks,
    wordpiece: Tokenizer,
    shape: ModelShape,
    config: TrainingConfig,
) -> None:
    other = BlockBatches(blocks, wordpiece, shape, replace(config, seed=2))
    assert not torch.equal(unmasked(whole.step(0)[0]), unmasked(other.step(0)[0]))
    assert not torch.equal(whole.step(0)[0]["positions"], other.step(0)[0]["positions"])


def test_causal_batch_is_the_blocks_alone(
    causal_blocks: TokenBlocks, bpe: Tokenizer, causal_shape: ModelShape, config: TrainingConfig
) -> None:
    batches = BlockBatches(causal_blocks, bpe, causal_shape, config)
    (batch,) = batches.step(1)
    assert set(batch) == {"input_ids"}
    expected = causal_blocks.blocks(batches.order.batch(1)[1], 16)
    assert batch["input_ids"].tolist() == expected.tolist()


@pytest.mark.parametrize("pieces", [1, 2])
def test_random_batches_look_like_real_ones(
    blocks: TokenBlocks,
    wordpiece: Tokenizer,
    shape: ModelShape,
    config: TrainingConfig,
    pieces: int,
) -> None:
    config = replace(config, grad_accum_steps=pieces)
    real = BlockBatches(blocks, wordpiece, shape, config).step(0)
    random = RandomBatches(shape, config).step(0)
    assert [looks(batch) for batch in random] == [looks(batch) for batch in real]


def test_random_causal_batches_look_like_real_ones(
    causal_blocks: TokenBlocks, bpe: Tokenizer, causal_shape: ModelShape, config: TrainingConfig
) -> None:
    real = BlockBatches(causal_blocks, bpe, causal_shape, config).step(0)
    random = RandomBatches(causal_shape, config).step(0)
    assert [looks(batch) for batch in random] == [looks(batch) for batch in real]


def looks(batch: Batch) -> dict[str, tuple[object, ...]]:
    return {name: (tensor.dtype, *tensor.shape) for name, tensor in batch.items()}


def test_random_batches_are_repeatable_and_within_the_vocabulary(
    shape: ModelShape, config: TrainingConfig
) -> None:
    one, again = RandomBatches(shape, config).step(4), RandomBatches(shape, config).step(4)
    assert same(dict(one[0]), dict(again[0]))
    assert int(one[0]["input_ids"].max()) < shape.vocab_size
    assert not same(dict(one[0]), dict(RandomBatches(shape, config).step(5)[0]))
