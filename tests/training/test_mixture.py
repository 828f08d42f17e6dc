"""Mixtures: shares, order and accounting against a row that is read from its beginning."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from kblib.errors import IntegrityError, TokenError
from kblib.files import MANIFEST, write_json
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.shards import CHECKED_BYTES, CHECKSUMS_FILE, SHARD_BYTES
from kblib.tokens.subwords import Tokenizer
from kblib.training.batches import BlockBatches, Share
from kblib.training.config import TrainingConfig
from kblib.training.mixture import WINDOW, MixedOrder, whole_parts
from kblib.training.order import BlockOrder, permuted


def naive_row(n_blocks: list[int], shares: list[float], seed: int) -> Iterator[tuple[int, int]]:
    """Yield corpus and block of each place, from the first on, with counters instead of sums."""
    parts = whole_parts(shares, WINDOW)
    ticket = [source for source, part in enumerate(parts) for _ in range(part)]
    taken = [0] * len(n_blocks)
    window = 0
    while True:
        order = permuted(np.arange(WINDOW), WINDOW, seed=(seed, 0x6D6978, window))
        begun = list(taken)
        for place in order:
            source = ticket[place]
            number = begun[source] + place - ticket.index(source)
            epoch, at = divmod(number, n_blocks[source])
            taken[source] += 1
            also = [source] if source else []
            yield (
                source,
                int(permuted(np.array([at]), n_blocks[source], seed=(seed, epoch, *also))[0]),
            )
        window += 1


def test_order_is_that_of_a_row_read_from_its_beginning() -> None:
    order = MixedOrder([300, 50, 7], [0.75, 0.2, 0.05], 160, seed=3)
    row = naive_row([300, 50, 7], [0.75, 0.2, 0.05], 3)
    for step in range(14):  # past two windows, and past the ends of all three corpora
        expected = [next(row) for _ in range(160)]
        sources, blocks = order.batch(step)
        assert list(zip(sources.tolist(), blocks.tolist(), strict=True)) == expected


def test_step_asked_for_alone_is_the_step_of_the_row() -> None:
    walked = MixedOrder([300, 50], [0.9, 0.1], 64, seed=1)
    row = [walked.batch(step) for step in range(40)]
    for step in (39, 3, 17):
        asked = MixedOrder([300, 50], [0.9, 0.1], 64, seed=1).batch(step)
        assert np.array_equal(asked, row[step])


def test_each_window_has_the_shares_exactly() -> None:
    order = MixedOrder([99, 98, 97], [0.7, 0.2, 0.1], 100, seed=5)
    for window in range(3):
        of = np.concatenate([order.batch(10 * window + i)[0] for i in range(10)])
        assert np.bincount(of).tolist() == [700, 200, 100]


def test_every_block_of_every_corpus_comes_once_an_epoch() -> None:
    order = MixedOrder([700, 300], [0.7, 0.3], 50, seed=2)
    sources, blocks = (np.concatenate(x) for x in zip(*map(order.batch, range(20)), strict=True))
    for source, n in enumerate((700, 300)):
        assert sorted(blocks[sources == source]) == list(range(n))


@pytest.mark.parametrize("steps", [0, 1, 7, 23, 24, 61])
def test_counts_are_those_of_the_batches(steps: int) -> None:
    order = MixedOrder([99, 98, 97], [0.701, 0.2, 0.099], 42, seed=5)
    counted = np.zeros(3, dtype=int)
    for step in range(steps):
        counted += np.bincount(order.batch(step)[0], minlength=3)
    assert order.counts(steps).tolist() == counted.tolist()


def test_one_corpus_alone_is_read_as_ever() -> None:
    alone, ever = MixedOrder([77], [1.0], 8, seed=4), BlockOrder(77, 8, seed=4)
    for step in (0, 5, 100):
        assert alone.batch(step)[1].tolist() == ever.batch(step).tolist()
        assert alone.batch(step)[0].tolist() == [0] * 8


def test_seeds_differ_in_what_they_mix() -> None:
    one, other = (MixedOrder([300, 300], [0.5, 0.5], 64, seed=seed) for seed in (1, 2))
    assert one.batch(0)[0].tolist() != other.batch(0)[0].tolist()


def test_corpora_of_a_size_are_read_in_orders_of_their_own() -> None:
    order = MixedOrder([500, 500], [0.5, 0.5], 1000, seed=1)
    sources, blocks = order.batch(0)
    assert blocks[sources == 0].tolist() != blocks[sources == 1].tolist()


def test_parts_add_up_and_the_largest_remainder_gets_what_is_left() -> None:
    assert whole_parts([1 / 3, 1 / 3, 1 / 3], 1000).tolist() == [334, 333, 333]
    assert whole_parts([0.9996, 0.0004], 1000).tolist() == [1000, 0]
    assert whole_parts([0.9, 0.1], 1000).tolist() == [900, 100]


# Batches of a mixture


@pytest.fixture
def shares(
    causal_blocks: TokenBlocks, bpe: Tokenizer, tmp_path: Path, films: object
) -> list[Share]:
    other = TokenBlocks.pack(["Regn över fjällen."] * 90, bpe, tmp_path / "other")
    return [Share("corpus", causal_blocks, 0.75), Share("rain", other, 0.25)]


def test_batches_read_each_place_from_its_corpus(
    shares: list[Share], bpe: Tokenizer, causal_shape: ModelShape, config: TrainingConfig
) -> None:
    batches = BlockBatches(shares, bpe, causal_shape, config)
    for step in (0, 11):
        (batch,) = batches.step(step)
        for row, source, block in zip(batch["input_ids"], *batches.order.batch(step), strict=True):
            assert row.tolist() == shares[source].blocks.blocks([block], 16)[0].tolist()


@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_of_a_mixture_together_read_what_one_reads(
    shares: list[Share],
    bpe: Tokenizer,
    causal_shape: ModelShape,
    config: TrainingConfig,
    world_size: int,
) -> None:
    whole = BlockBatches(shares, bpe, causal_shape, config).step(9)[0]["input_ids"]
    parts = [
        BlockBatches(shares, bpe, causal_shape, config, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    together = [row for part in parts for row in part.step(9)[0]["input_ids"].tolist()]
    assert together == whole.tolist()


def test_tokens_are_counted_by_corpus(
    shares: list[Share], bpe: Tokenizer, causal_shape: ModelShape, config: TrainingConfig
) -> None:
    batches = BlockBatches(shares, bpe, causal_shape, config)
    counted = {"corpus": 0, "rain": 0}
    for step in range(4, 9):
        for source in batches.order.batch(step)[0]:
            counted[shares[source].name] += 16
    assert batches.tokens(4, 9) == counted
    assert sum(counted.values()) == 5 * 8 * 16


# What is wrong in the data


def test_token_beyond_the_vocabulary_is_named(
    bpe: Tokenizer, causal_blocks: TokenBlocks, causal_shape: ModelShape, config: TrainingConfig
) -> None:
    small = ModelShape(2, 2, 32, "gpt_neox", vocab_size=200, seq_len=32)
    with pytest.raises(TokenError) as caught:
        BlockBatches(causal_blocks, bpe, small, config).step(0)
    said = str(caught.value)
    assert f"of {causal_blocks.folder} ('corpus') holds the token id" in said
    assert "The model's vocabulary has ids 0 to 199." in said
    assert f"rm -r {causal_blocks.folder}" in said


def sparse(folder: Path, n_tokens: int, *, empty: tuple[int, ...] = ()) -> TokenBlocks:
    """Return blocks of zeros that take no room on the disk: the files are holes."""
    import zlib

    folder.mkdir()
    shards, listed, checks = [], {}, []
    left, number = 2 * n_tokens, 0
    zero = zlib.crc32(bytes(CHECKED_BYTES))
    while left or number in empty:
        size = 0 if number in empty else min(left, SHARD_BYTES)
        name = f"shard-{number:05d}.bin"
        with open(folder / name, "wb") as file:
            file.truncate(size)
        shards.append({"name": name, "tokens": size // 2})
        listed[name] = {"bytes": size, "sha256": "not looked at when opening"}
        checks += [zero] * (size // CHECKED_BYTES)
        if size % CHECKED_BYTES:
            checks.append(zlib.crc32(bytes(size % CHECKED_BYTES)))
        left, number = left - size, number + 1
    (folder / CHECKSUMS_FILE).write_bytes(np.array(checks, dtype="<u4").tobytes())
    listed[CHECKSUMS_FILE] = {"bytes": 4 * len(checks), "sha256": "nor this"}
    about = {"kind": "tokens", "dtype": "<u2", "vocab_size": 50_000, "tokenizer": "", "corpus": ""}
    about |= {"n_tokens": n_tokens, "n_documents": 1, "shards": shards, "files": listed}
    write_json(folder / MANIFEST, about)
    return TokenBlocks.open(folder)


def test_a_hundred_billion_tokens_are_ready_in_seconds(tmp_path: Path, bpe: Tokenizer) -> None:
    n_tokens = 10**11
    began = time.process_time()
    web = sparse(tmp_path / "web", n_tokens)
    shape = ModelShape(2, 2, 32, "gpt_neox", vocab_size=50_000, seq_len=2048)
    config = TrainingConfig(
        steps=10**6,
        seq_len=2048,
        batch_size=512,
        learning_rate=1e-3,
        warmup_steps=1,
        eval_every=1,
        save_every=1,
    )
    old = sparse(tmp_path / "old", 10**7)
    shares = [Share("corpus", web, 0.9), Share("old", old, 0.1)]
    batches = BlockBatches(shares, bpe, shape, config, rank=5, world_size=512)
    (first,), (far,) = batches.step(0), batches.step(90_000)
    assert first["input_ids"].shape == far["input_ids"].shape == (1, 2048)
    assert sum(batches.tokens(0, 90_000).values()) == 90_000 * 512 * 2048
    assert web.counts(most=4_000_000)[0] == 4_000_000  # what a new model is begun from
    assert time.process_time() - began < 10
    taken = sum(path.stat().st_blocks * 512 for path in tmp_path.rglob("*.bin"))
    assert taken < 10**8  # nothing but checksums was ever written


def test_empty_shards_are_passed_over(tmp_path: Path) -> None:
    blocks = sparse(tmp_path / "holes", 100, empty=(0, 2))
    assert [shard["tokens"] for shard in blocks.manifest["shards"]] == [0, 100, 0]
    assert blocks.blocks(range(10), 10).sum() == 0
    assert sum(len(ids) for ids in blocks.stream()) == 100


def test_shard_that_lost_its_content_is_named(tmp_path: Path) -> None:
    blocks = sparse(tmp_path / "holes", 100)
    (blocks.folder / "shard-00000.bin").write_bytes(b"")
    with pytest.raises(IntegrityError, match=r"shard-00000\.bin has 0 bytes\. Its manifest says"):
        TokenBlocks.open(blocks.folder)
