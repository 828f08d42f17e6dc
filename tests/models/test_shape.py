from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from kblib.errors import ModelError
from kblib.models.build import build_model
from kblib.models.folder import shape_of
from kblib.models.shape import ARCHITECTURES, Architecture, ModelShape

# n_layer, n_head, n_embd, vocab_size, seq_len, n_inner
SIZES = [
    (1, 1, 16, 50, 8, None),
    (4, 4, 256, 8192, 512, None),
    (3, 2, 48, 101, 600, 100),
    (6, 6, 384, 8192, 64, 1024),
]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("sizes", SIZES)
def test_parameters_are_those_of_transformers(
    architecture: str, sizes: tuple[int, int, int, int, int, int | None]
) -> None:
    n_layer, n_head, n_embd, vocab_size, seq_len, n_inner = sizes
    shape = ModelShape(
        n_layer,
        n_head,
        n_embd,
        architecture=architecture,  # type: ignore[arg-type]
        vocab_size=vocab_size,
        seq_len=seq_len,
        n_inner=n_inner,
    )
    with torch.device("meta"):
        model = build_model(shape, seed=1)
    assert shape.parameters() == model.num_parameters()
    assert shape.parameters_by_part()["embeddings"] >= vocab_size * n_embd


@pytest.mark.parametrize(
    ("shape", "published"),
    [
        (ModelShape(12, 12, 768, "bert", vocab_size=30522), 109_514_298),
        (ModelShape(32, 32, 4096, "llama", vocab_size=32000, n_inner=11008), 6_738_415_616),
        (ModelShape(44, 64, 6144, "gpt_neox", vocab_size=50432, seq_len=2048), 20_554_567_680),
        (ModelShape(22, 12, 768, "modernbert", vocab_size=50368, seq_len=8192), 149_655_232),
    ],
    ids=str,
)
def test_parameters_are_those_published(shape: ModelShape, published: int) -> None:
    assert shape.parameters() == published


@pytest.mark.parametrize(
    ("architecture", "n_embd", "inner"),
    [
        ("modernbert", 768, 1152),
        ("modernbert", 100, 192),
        ("bert", 768, 3072),
        ("gpt_neox", 6144, 24576),
        ("llama", 4096, 10944),
    ],
)
def test_inner_width_by_default(architecture: str, n_embd: int, inner: int) -> None:
    shape = ModelShape(1, 1, n_embd, architecture=architecture)  # type: ignore[arg-type]
    assert shape.n_inner == inner


def test_flops_per_token_by_hand() -> None:
    shape = ModelShape(4, 4, 256, seq_len=64)
    by_hand = 6 * shape.parameters() + 12 * 4 * 256 * 64
    assert shape.flops_per_token() == by_hand
    assert shape.flops_per_token(128) - by_hand == 12 * 4 * 256 * 64


def test_shape_survives_its_dictionary() -> None:
    shape = ModelShape(4, 4, 256, "bert", vocab_size=100, seq_len=64, n_inner=300)
    assert ModelShape.from_dict(shape.to_dict()) == shape


def test_objective_and_short_name() -> None:
    assert [ModelShape(1, 1, 16, a).objective for a in ARCHITECTURES] == [  # type: ignore[arg-type]
        "masked", "masked", "causal", "causal", "causal",
    ]  # fmt: skip
    assert str(ModelShape(4, 4, 256)) == "modernbert 4x256"


def test_heads_that_do_not_divide_the_width_are_refused_with_a_line_to_paste() -> None:
    with pytest.raises(ModelError) as refused:
        ModelShape(4, 5, 256)
    assert str(refused.value) == (
        "5 heads do not divide a width of 256. Each head takes an equal part of the width.\n"
        "  ModelShape(n_layer=4, n_head=4, n_embd=256)"
    )


@pytest.mark.parametrize(("architecture", "n_embd"), [("modernbert", 9), ("gpt_neox", 36)])
def test_heads_that_cannot_be_rotated_are_refused(architecture: str, n_embd: int) -> None:
    with pytest.raises(ModelError, match="cannot be rotated"):
        ModelShape(1, 3, n_embd, architecture=architecture)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["n_layer", "n_embd", "vocab_size", "seq_len", "n_inner"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True])
def test_size_that_is_no_positive_number_is_refused(name: str, value: float) -> None:
    sizes = {"n_layer": 1, "n_head": 1, "n_embd": 16, name: value}
    with pytest.raises(ModelError, match=f"{name} is {value!r}"):
        ModelShape(**sizes)  # type: ignore[arg-type]


def test_unknown_architecture_is_refused() -> None:
    with pytest.raises(ModelError, match="No architecture is called 'gpt9'"):
        ModelShape(1, 1, 16, architecture="gpt9")  # type: ignore[arg-type]


def test_dictionary_with_unknown_or_missing_sizes_is_refused() -> None:
    with pytest.raises(ModelError, match="A shape has no n_heads"):
        ModelShape.from_dict({"n_layer": 1, "n_heads": 1, "n_embd": 16})
    with pytest.raises(ModelError, match="lacks n_embd"):
        ModelShape.from_dict({"n_layer": 1, "n_head": 1})


@pytest.mark.parametrize("module", ["kblib.models.shape", "kblib.models.catalog"])
def test_module_brings_no_torch(module: str) -> None:
    program = (
        f"import sys, {module}; print({{'torch', 'transformers', 'pandas'}} & set(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("architecture", ["gpt_neox", "llama"])
def test_tied_head_is_counted_once(architecture: Architecture) -> None:
    tied = ModelShape(2, 2, 32, architecture, vocab_size=100, seq_len=16, tied=True)
    model = build_model(tied, seed=1)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert tied.parameters() == model.num_parameters()
    assert replace(tied, tied=None).parameters() - tied.parameters() == 100 * 32
    assert shape_of(model.config) == tied == ModelShape.from_dict(tied.to_dict())


def test_what_comes_to_the_same_is_the_same_shape() -> None:
    assert ModelShape(1, 1, 16, tied=True) == ModelShape(1, 1, 16)
    assert ModelShape(1, 1, 16, "llama", tied=False) == ModelShape(1, 1, 16, "llama")
    assert "tied" not in ModelShape(1, 1, 16, "llama", tied=False).to_dict()


def test_masked_layout_cannot_be_untied() -> None:
    with pytest.raises(ModelError) as refused:
        ModelShape(1, 1, 16, "bert", tied=False)
    assert str(refused.value) == (
        "A bert was asked for with tied=False. Its head is always the matrix of its embeddings.\n"
        "  ModelShape(..., architecture='bert')"
    )
