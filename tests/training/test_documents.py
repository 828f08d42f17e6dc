"""Documents kept apart: a document is read as if it stood alone, whatever its neighbours are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

from kblib.models.build import build_model, masked_states
from kblib.models.shape import Architecture, ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.batches import BlockBatches
from kblib.training.config import TrainingConfig
from kblib.training.documents import document_numbers, kept_apart
from kblib.training.objective import objective_for

LAYOUTS = ["gpt_neox", "llama", "bert", "modernbert"]


def made(architecture: str, **sizes: Any) -> Any:
    shape = ModelShape(
        4, 2, 32, cast(Architecture, architecture), vocab_size=90, **{"seq_len": 32, **sizes}
    )
    return build_model(shape, seed=1).eval()


def read(model: Any, ids: list[int], documents: list[int] | None = None) -> Tensor:
    numbers = None if documents is None else torch.tensor([documents])
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids]), **kept_apart(model, numbers)).logits[0]


def test_documents_begin_at_their_mark() -> None:
    ids = np.array([[5, 6, 2, 7, 2, 2, 8], [2, 1, 1, 1, 1, 1, 1]])
    assert document_numbers(ids, 2).tolist() == [[0, 0, 1, 1, 2, 3, 3], [1] * 7]


@pytest.mark.parametrize("architecture", LAYOUTS)
def test_document_does_not_depend_on_its_neighbours(architecture: str) -> None:
    model = made(architecture)
    one, two, three = [2, 11, 12, 13, 14], [2, 21, 22, 23, 24, 25, 26], [2, 31, 32]
    numbers = [1] * len(one) + [2] * len(two) + [3] * len(three)
    together = read(model, one + two + three, numbers)
    assert torch.allclose(together[5:12], read(model, two), atol=1e-5)
    other = read(model, [2, 71, 72, 73, 74, *two, 2, 81, 82], numbers)
    assert torch.equal(other[5:12], together[5:12])
    mixed = read(model, one + two + three)
    assert float((mixed[5:12] - together[5:12]).abs().max()) > 1e-4


@pytest.mark.parametrize("architecture", LAYOUTS)
def test_block_of_one_document_is_read_as_ever(architecture: str) -> None:
    model = made(architecture)
    ids = list(range(3, 30))
    assert torch.allclose(read(model, ids, [0] * 27), read(model, ids), atol=1e-5)


def test_windows_of_modernbert_stay_as_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    model = made("modernbert", seq_len=64)
    model.config.local_attention = 8  # windows that end inside the block
    ids = torch.arange(64)[None] % 90
    apart = kept_apart(model, torch.zeros(1, 64, dtype=torch.long))
    with torch.no_grad():
        usual = masked_states(model, ids)
        ours = masked_states(model, ids, **apart)
    assert int((~apart["attention_mask"]["sliding_attention"]).sum()) > 0
    assert torch.allclose(ours, usual, atol=1e-5)


@pytest.mark.parametrize("masked", [True, False])
def test_loss_of_a_batch_is_that_of_the_documents_alone(
    masked: bool,
    shape: ModelShape,
    causal_shape: ModelShape,
    blocks: TokenBlocks,
    causal_blocks: TokenBlocks,
    wordpiece: Tokenizer,
    bpe: Tokenizer,
    config: TrainingConfig,
) -> None:
    """Each document of each block by itself, with the same masks, summed by hand."""
    data, tokenizer = (blocks, wordpiece) if masked else (causal_blocks, bpe)
    one = shape if masked else causal_shape
    apart = replace(config, isolate_documents=True, seq_len=32, batch_size=4)
    (batch,) = BlockBatches(data, tokenizer, one, apart).step(2)
    assert int(batch["documents"].max()) > 0
    model = build_model(one, seed=1).eval()
    objective = objective_for(model, one)
    with torch.no_grad():
        found = float(objective(**batch))
        expected = by_hand_masked(model, batch) if masked else by_hand_causal(model, batch)
    assert found == pytest.approx(expected, abs=1e-5)


def spans(numbers: Tensor) -> list[tuple[int, int]]:
    edges = [0, *(i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1]), len(numbers)]
    return [(edges[i], edges[i + 1]) for i in range(len(edges) - 1)]


def by_hand_causal(model: Any, batch: Any) -> float:
    losses = []
    for ids, numbers in zip(batch["input_ids"], batch["documents"], strict=True):
        for start, stop in spans(numbers):
            logits = model(input_ids=ids[None, start:stop]).logits[0].log_softmax(-1)
            places = range(start, min(stop, len(ids) - 1))
            losses += [-float(logits[place - start, ids[place + 1]]) for place in places]
    return sum(losses) / len(losses)


def by_hand_masked(model: Any, batch: Any) -> float:
    total = 0.0
    for row in range(len(batch["input_ids"])):
        ids, numbers = batch["input_ids"][row], batch["documents"][row]
        for start, stop in spans(numbers):
            logits = model(input_ids=ids[None, start:stop]).logits[0].log_softmax(-1)
            asked = zip(*(batch[n][row] for n in ("positions", "targets", "weights")), strict=True)
            for place, target, weight in asked:
                if start <= place < stop:
                    total -= float(weight * logits[place - start, target])
    return total / batch["weights"].numel()


def test_documents_are_numbered_only_where_asked(
    blocks: TokenBlocks, wordpiece: Tokenizer, shape: ModelShape, config: TrainingConfig
) -> None:
    assert "documents" not in BlockBatches(blocks, wordpiece, shape, config).step(0)[0]
