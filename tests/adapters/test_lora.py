"""An untrained adapter changes nothing, and nothing but the adapter is trained."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch

from kblib.adapters.lora import with_lora
from kblib.errors import ModelError


def answers(model) -> torch.Tensor:
    with torch.inference_mode():
        return model(torch.tensor([[2, 7, 8, 9, 3]])).logits


def test_untrained_adapter_answers_as_its_base(masked) -> None:
    adapted = with_lora(deepcopy(masked.model), rank=2, alpha=4, seed=1)
    assert torch.equal(answers(adapted.get_base_model().eval()), answers(masked.model))


def test_only_the_additions_are_trained(masked) -> None:
    adapted = with_lora(deepcopy(masked.model), rank=2, alpha=4, seed=1)
    trained = {name for name, value in adapted.named_parameters() if value.requires_grad}
    assert trained
    assert all("lora_" in name for name in trained)


def test_size_of_the_additions_is_rank_times_edges(masked) -> None:
    """Two numbers a rank for each matrix: as many as it has rows, as many as it has columns."""
    adapted = with_lora(deepcopy(masked.model), rank=3, alpha=3, seed=1)
    counted = sum(value.numel() for value in adapted.parameters() if value.requires_grad)
    names = ("Wqkv", "Wo", "Wi", "dense")
    edges = sum(
        sum(value.shape)
        for name, value in masked.model.named_parameters()
        if name.endswith(".weight") and name.split(".")[-2] in names
    )
    assert counted == 3 * edges


def test_equal_seeds_give_equal_additions(masked) -> None:
    one, two = (with_lora(deepcopy(masked.model), rank=2, alpha=4, seed=5) for _ in range(2))
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_rank_below_one_is_refused(masked) -> None:
    with pytest.raises(ModelError, match="rank is 0"):
        with_lora(deepcopy(masked.model), rank=0, alpha=4, seed=1)


def test_names_of_what_gets_an_addition_are_those_of_the_layout(masked) -> None:
    adapted = with_lora(deepcopy(masked.model), rank=2, alpha=4, seed=1)
    assert adapted.peft_config["default"].target_modules == {"Wqkv", "Wo", "Wi", "dense"}


def test_matrix_that_gives_words_is_left(masked) -> None:
    adapted = with_lora(deepcopy(masked.model), rank=2, alpha=4, seed=1).get_base_model()
    assert type(adapted.get_output_embeddings()) is torch.nn.Linear


def test_model_without_matrices_is_refused(masked) -> None:
    bare = deepcopy(masked.model)
    bare.model, bare.head = torch.nn.Identity(), torch.nn.Identity()
    with pytest.raises(ModelError, match="A modernbert model has no matrices to put an addition"):
        with_lora(bare, rank=2, alpha=4, seed=1)
