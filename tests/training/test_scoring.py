from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import log_softmax
from transformers import PreTrainedModel

from kblib.models.build import build_model
from kblib.models.masking import mask_blocks
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.scoring import MASK_RATE, MASK_SEED, HeldOut

SEQ_LEN = 16


@pytest.fixture
def held_out(blocks: TokenBlocks, wordpiece: Tokenizer) -> HeldOut:
    return HeldOut(blocks, wordpiece, "masked", SEQ_LEN, most_blocks=10)


@pytest.fixture
def held_out_causal(causal_blocks: TokenBlocks, bpe: Tokenizer) -> HeldOut:
    return HeldOut(causal_blocks, bpe, "causal", SEQ_LEN, most_blocks=10)


def ignorant(model: PreTrainedModel) -> PreTrainedModel:
    """Return a model that holds every piece for equally probable."""
    for parameter in model.parameters():
        parameter.data.zero_()
    return model


def test_ignorant_masked_model_loses_the_logarithm_of_the_vocabulary(
    held_out: HeldOut, shape: ModelShape
) -> None:
    scores = held_out.score(ignorant(build_model(shape, seed=1)))
    assert scores["loss"] == pytest.approx(math.log(shape.vocab_size), abs=1e-5)


def test_ignorant_causal_model_loses_the_logarithm_of_the_vocabulary(
    held_out_causal: HeldOut, causal_shape: ModelShape
) -> None:
    scores = held_out_causal.score(ignorant(build_model(causal_shape, seed=1)))
    assert scores["loss"] == pytest.approx(math.log(causal_shape.vocab_size), abs=1e-5)


def test_masked_score_equals_a_naive_loop(
    held_out: HeldOut, shape: ModelShape, blocks: TokenBlocks, wordpiece: Tokenizer
) -> None:
    model = build_model(shape, seed=1).eval()
    n_blocks = blocks.n_blocks(SEQ_LEN)
    nats = []
    for number in [i * (n_blocks - 1) // 9 for i in range(10)]:
        masked = mask_blocks(
            blocks.blocks([number], SEQ_LEN),
            rate=MASK_RATE,
            seed=MASK_SEED,
            keys=[number],
            special_ids=wordpiece.special_ids,
            mask_id=wordpiece.mask_id,
        )
        with torch.no_grad():
            logits_TV = model(input_ids=torch.from_numpy(masked.input_ids)).logits[0]
        for place, truth in zip(masked.positions[0], masked.targets[0], strict=True):
            nats.append(-log_softmax(logits_TV[place], -1)[truth].item())
    scores = held_out.score(model)
    assert set(scores) == {"loss", "top1", "top5", "n"}
    assert scores["n"] == len(nats) == 10 * round(0.15 * SEQ_LEN)
    assert scores["loss"] == pytest.approx(sum(nats) / len(nats), abs=1e-5)


def test_causal_score_equals_a_naive_loop(
    held_out_causal: HeldOut, causal_shape: ModelShape, causal_blocks: TokenBlocks
) -> None:
    model = build_model(causal_shape, seed=1).eval()
    n_blocks = causal_blocks.n_blocks(SEQ_LEN)
    nats = []
    for number in [i * (n_blocks - 1) // 9 for i in range(10)]:
        ids = torch.from_numpy(causal_blocks.blocks([number], SEQ_LEN))
        for place in range(1, SEQ_LEN):
            with torch.no_grad():
                logits_V = model(input_ids=ids[:, :place]).logits[0, -1]
            nats.append(-log_softmax(logits_V, -1)[ids[0, place]].item())
    scores = held_out_causal.score(model)
    assert scores == {"loss": pytest.approx(sum(nats) / len(nats), abs=1e-5), "n": len(nats)}


def test_same_model_scores_the_same_twice(held_out: HeldOut, shape: ModelShape) -> None:
    model = build_model(shape, dropout=0.5, seed=1)
    assert held_out.score(model) == held_out.score(model)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("objective", ["masked", "causal"])
def test_scoring_leaves_the_mode_of_the_model(
    held_out: HeldOut,
    held_out_causal: HeldOut,
    shape: ModelShape,
    causal_shape: ModelShape,
    objective: str,
    training: bool,
) -> None:
    masked = objective == "masked"
    model = build_model(shape if masked else causal_shape, seed=1).train(training)
    (held_out if masked else held_out_causal).score(model)
    assert model.training is training


def test_scoring_draws_nothing_from_the_generator_of_dropout(
    held_out: HeldOut, shape: ModelShape
) -> None:
    """An evaluation must not change what is trained after it."""
    model = build_model(shape, dropout=0.5, seed=1).train()
    before = torch.get_rng_state()
    held_out.score(model)
    assert torch.equal(torch.get_rng_state(), before)


def test_short_text_is_read_whole(
    blocks: TokenBlocks, wordpiece: Tokenizer, shape: ModelShape
) -> None:
    generous = HeldOut(blocks, wordpiece, "masked", SEQ_LEN, most_blocks=10**6)
    n = generous.score(build_model(shape, seed=1))["n"]
    assert n == blocks.n_blocks(SEQ_LEN) * round(0.15 * SEQ_LEN)
