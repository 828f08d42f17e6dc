from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.models.masking import mask_blocks
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.pieces_of_words import goes_on_with_a_word
from kblib.tokens.subwords import Tokenizer
from kblib.training.batches import BlockBatches
from kblib.training.config import TrainingConfig

LENGTH, RATE = 24, 0.25


@pytest.fixture(scope="module")
def wordpiece(films: Corpus) -> Tokenizer:
    return Tokenizer.train(films, vocab_size=120)  # small: most words are cut


@pytest.fixture(scope="module")
def blocks(
    films: Corpus, wordpiece: Tokenizer, tmp_path_factory: pytest.TempPathFactory
) -> TokenBlocks:
    return TokenBlocks.pack(films, wordpiece, tmp_path_factory.mktemp("words") / "packed")


def masked(blocks: TokenBlocks, tokenizer: Tokenizer, n: int = 40):  # type: ignore[no-untyped-def]
    ids_BT = blocks.blocks(range(n), LENGTH)
    found = mask_blocks(
        ids_BT,
        rate=RATE,
        seed=1,
        keys=list(range(n)),
        special_ids=tokenizer.special_ids,
        mask_id=tokenizer.mask_id,
        continues=goes_on_with_a_word(tokenizer),
    )
    return ids_BT, found


def words_of(ids: list[int], tokenizer: Tokenizer) -> list[list[int]]:
    """Return the places of each word, the naive way."""
    words: list[list[int]] = []
    for place, index in enumerate(ids):
        piece = tokenizer.token(index)
        if words and piece.startswith("##") and ids[place - 1] not in tokenizer.special_ids:
            words[-1].append(place)
        else:
            words.append([place])
    return words


def test_words_are_asked_for_whole_or_not_at_all(blocks: TokenBlocks, wordpiece: Tokenizer) -> None:
    ids_BT, found = masked(blocks, wordpiece)
    long_ones = 0
    for ids, places, weights in zip(ids_BT, found.positions, found.weights, strict=True):
        asked = {int(place) for place, weight in zip(places, weights, strict=True) if weight}
        for word in words_of(ids.tolist(), wordpiece):
            assert len(asked & set(word)) in (0, len(word))
            long_ones += len(word) > 1 and word[0] in asked
    assert long_ones > 20


def test_as_many_places_as_fit_and_the_rest_weigh_nothing(
    blocks: TokenBlocks, wordpiece: Tokenizer
) -> None:
    ids_BT, found = masked(blocks, wordpiece)
    assert found.positions.shape == (40, round(RATE * LENGTH))
    assert 0.7 < found.weights.mean() <= 1.0
    shown = np.take_along_axis(found.input_ids, found.positions, axis=1)
    true = np.take_along_axis(ids_BT, found.positions, axis=1)
    assert (shown[found.weights > 0] == wordpiece.mask_id).all()
    assert (shown[found.weights == 0] == true[found.weights == 0]).all()
    assert (found.targets == true).all()


def test_byte_level_pieces_go_on_where_no_space_is_before_them(films: Corpus) -> None:
    bpe = Tokenizer.train(films, kind="bpe", vocab_size=300)
    continues = goes_on_with_a_word(bpe)
    ids = bpe.encode("Kungen besöker matchen, och", special=False)
    words, begun = 0, [not continues[index] for index in ids]
    for index, begins in zip(ids, begun, strict=True):
        words += begins and bpe.token(index).startswith("\u0120")
    assert words == 3  # the first word has no space before it
    assert not continues[list(bpe.special_ids)].any()


def test_job_masks_whole_words_where_it_is_asked(
    blocks: TokenBlocks, wordpiece: Tokenizer, tiny_shape: ModelShape
) -> None:
    config = TrainingConfig(
        steps=1, seq_len=LENGTH, batch_size=4, learning_rate=1e-3, warmup_steps=1, eval_every=1,
        save_every=1, whole_words=True,
    )  # fmt: skip
    shape = replace(tiny_shape, vocab_size=wordpiece.vocab_size)
    (whole,) = BlockBatches(blocks, wordpiece, shape, config).step(0)
    (pieces,) = BlockBatches(blocks, wordpiece, shape, replace(config, whole_words=False)).step(0)
    assert whole["positions"].shape == pieces["positions"].shape
    assert whole["positions"].tolist() != pieces["positions"].tolist()
