"""Memory by arithmetic: GPT-NeoX-20B as it was trained, and what cannot be."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

from kblib.errors import PlanError
from kblib.planner import memory_per_gpu
from kblib.planner.known_shapes import KNOWN_SHAPES

NEOX = KNOWN_SHAPES["gpt-neox-20b"]
PUBLISHED = {
    "micro_batch_size": 4,
    "dp": 12,
    "tp": 2,
    "pp": 4,
    "zero": 1,
    "dtype": "fp16",
    "activation_checkpointing": True,
    "attention": "eager",
    "bucket_size": 1_260_000_000,
    "buckets": 2,
}


@pytest.mark.parametrize("name", KNOWN_SHAPES)
def test_parameters_are_those_of_transformers(name: str) -> None:
    """Models on the meta device, made of transformers' own configurations."""
    shape = KNOWN_SHAPES[name]
    config = AutoConfig.for_model(
        shape.architecture,
        hidden_size=shape.n_embd,
        num_hidden_layers=shape.n_layer,
        num_attention_heads=shape.n_head,
        intermediate_size=shape.n_inner,
        vocab_size=shape.vocab_size,
        max_position_embeddings=shape.seq_len,
    )
    kind = AutoModelForMaskedLM if shape.objective == "masked" else AutoModelForCausalLM
    with torch.device("meta"):
        model = kind.from_config(config)
    assert shape.parameters() == sum(one.numel() for one in model.parameters())


def test_gpt_neox_20b_at_its_published_settings() -> None:
    """Each term by hand: 44 layers of width 6,144 on 2 x 4 GPUs, 12 of which share."""
    memory = memory_per_gpu(NEOX, **PUBLISHED)  # type: ignore[arg-type]
    here = NEOX.parameters() / 8
    tokens, gib = 4 * 2048, 2**30
    live = tokens * 6144 * (10 + 24 / 2 + 5 * 64 * 2048 / (6144 * 2))
    by_hand = {
        "parameters": 2 * here,
        "gradients": 2 * here,
        "optimizer": 12 * here / 12,
        "buckets": 2 * 1.26e9 * 2,
        "activations": 44 / 4 * 4 * tokens * 6144 * 2,
        "live layer": live,
        "logits": tokens * 50432 / 2 * (2 + 4 + 4),
    }
    assert {term.name: term.bytes for term in memory.terms} == pytest.approx(by_hand)
    assert memory.gib == pytest.approx(sum(by_hand.values()) / gib)
    assert memory.gib == pytest.approx(26, abs=0.5)
    assert memory.needed_gib < 40


@pytest.mark.parametrize(
    ("zero", "a_parameter"),
    [(0, 2 + 2 + 12), (1, 2 + 2 + 12 / 8), (2, 2 + 2 / 8 + 12 / 8), (3, 16 / 8)],
)
def test_states_by_stage_are_those_of_the_zero_paper(zero: int, a_parameter: float) -> None:
    memory = memory_per_gpu(NEOX, micro_batch_size=1, dp=8, zero=zero)
    assert memory.states_gib == pytest.approx(NEOX.parameters() * a_parameter / 2**30)


def test_offload_leaves_the_optimiser_to_the_node() -> None:
    memory = memory_per_gpu(NEOX, micro_batch_size=1, dp=8, zero=3, offload="cpu")
    assert memory["optimizer"] == memory["parameters"] == memory["gradients"] == 0


def test_recomputed_layers_keep_their_input() -> None:
    kept, again = (
        memory_per_gpu(NEOX, micro_batch_size=1, dp=8, zero=3, activation_checkpointing=again)
        for again in (False, True)
    )
    assert again["activations"] == pytest.approx(44 * 2048 * 6144 * 2 / 2**30)
    assert kept["activations"] / 44 == pytest.approx(again["live layer"], rel=0.01)


def test_table_names_a_source_for_each_term() -> None:
    table = memory_per_gpu(NEOX, micro_batch_size=1, dp=8, zero=3).table
    assert all(table["source"])
    assert list(table["term"])[-2:] == ["context", "all"]
    assert table["GiB"].iloc[:-1].sum() == pytest.approx(table["GiB"].iloc[-1], abs=0.01)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"zero": 4}, "memory_per_gpu got zero=4. One of 0, 1, 2, 3 was expected."),
        ({"dp": 0}, "memory_per_gpu got dp=0. A whole number of at least 1 was expected."),
        ({"dtype": "int8"}, "memory_per_gpu got dtype='int8'."),
        ({"guessed": 0}, "memory_per_gpu got guessed=0."),
        ({"offload": "cpu"}, "memory_per_gpu got offload='cpu'. ZeRO hands states to the CPU."),
        ({"stage": 3}, "memory_per_gpu has no 'stage'."),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(PlanError) as caught:
        memory_per_gpu(NEOX, micro_batch_size=1, **wrong)
    assert str(caught.value).startswith(said)


def test_unknown_term_is_refused() -> None:
    with pytest.raises(PlanError, match="Memory has no term 'cache'"):
        memory_per_gpu(NEOX, micro_batch_size=1)["cache"]
