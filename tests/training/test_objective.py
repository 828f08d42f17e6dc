from __future__ import annotations

from dataclasses import replace
from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kblib.models.build import build_model
from kblib.models.shape import Architecture, ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.batches import BlockBatches, masked_batch
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch
from kblib.training.objective import CausalObjective, MaskedObjective, objective_for


@pytest.fixture
def batch(
    blocks: TokenBlocks, wordpiece: Tokenizer, shape: ModelShape, config: TrainingConfig
) -> Batch:
    return BlockBatches(blocks, wordpiece, shape, config).step(0)[0]


def labels_of(batch: Batch) -> Tensor:
    """Return the targets at their places, and -100, which is not counted, at all others."""
    told = batch["weights"] > 0
    targets = torch.where(told, batch["targets"], -100)
    return torch.full_like(batch["input_ids"], -100).scatter(1, batch["positions"], targets)


@pytest.mark.parametrize("architecture", ["modernbert", "bert"])
def test_masked_loss_is_the_usual_one_over_the_full_vocabulary(
    shape: ModelShape, batch: Batch, architecture: str
) -> None:
    assert bool((batch["weights"] > 0).all())
    one = replace(shape, architecture=cast(Architecture, architecture), n_inner=None)
    model = build_model(one, seed=1).eval()
    usual = model(input_ids=batch["input_ids"], labels=labels_of(batch))
    by_hand = cross_entropy(usual.logits.flatten(0, 1), labels_of(batch).flatten())
    ours = objective_for(model, one)(**batch)
    assert ours.item() == pytest.approx(by_hand.item(), abs=1e-6)
    assert ours.item() == pytest.approx(usual.loss.item(), abs=1e-6)


def test_masked_gradient_is_the_usual_one(shape: ModelShape, batch: Batch) -> None:
    gradients = []
    for usual in (True, False):
        model = build_model(shape, seed=1).eval()
        labels = labels_of(batch)
        loss = (
            model(input_ids=batch["input_ids"], labels=labels).loss
            if usual
            else MaskedObjective(model)(**batch)
        )
        loss.backward()
        gradients.append({name: value.grad for name, value in model.named_parameters()})
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], atol=1e-6), name


def test_surplus_positions_add_nothing(
    shape: ModelShape, wordpiece: Tokenizer, config: TrainingConfig
) -> None:
    """A block with two words and six places to mask: the sum is shared by all six."""
    ids = np.full((1, 16), wordpiece.special_ids[2])
    ids[0, [3, 9]] = 100, 200
    many = replace(config, mask_rate=6 / 16)
    batch = masked_batch(ids, np.array([0]), wordpiece, many)
    model = build_model(shape, seed=1).eval()
    logits_TV = model(input_ids=batch["input_ids"]).logits[0]
    by_hand = cross_entropy(logits_TV[[3, 9]], torch.tensor([100, 200]), reduction="sum") / 6
    assert batch["weights"].sum() == 2
    assert MaskedObjective(model)(**batch).item() == pytest.approx(by_hand.item(), abs=1e-6)


@pytest.mark.parametrize("architecture", ["gpt_neox", "llama"])
def test_causal_loss_is_that_of_transformers(
    causal_shape: ModelShape, causal_blocks: TokenBlocks, architecture: str
) -> None:
    one = replace(causal_shape, architecture=cast(Architecture, architecture), n_inner=None)
    model = build_model(one, seed=1).eval()
    ids = torch.from_numpy(causal_blocks.blocks([0, 5, 9], 16))
    ours = objective_for(model, one)(input_ids=ids)
    assert ours.item() == pytest.approx(model(input_ids=ids, labels=ids).loss.item(), abs=1e-6)


def test_objective_follows_the_shape(shape: ModelShape, causal_shape: ModelShape) -> None:
    assert isinstance(objective_for(build_model(shape, seed=1), shape), MaskedObjective)
    causal = objective_for(build_model(causal_shape, seed=1), causal_shape)
    assert isinstance(causal, CausalObjective)
