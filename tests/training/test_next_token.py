from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from kblib.models.build import build_model
from kblib.models.shape import Architecture, ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.training import next_token
from kblib.training.next_token import next_token_loss, strip_loss


def usual_loss(model: nn.Module, ids_BT: Tensor) -> Tensor:
    logits_BTV = model(input_ids=ids_BT).logits
    return cross_entropy(logits_BTV[:, :-1].flatten(0, 1), ids_BT[:, 1:].flatten())


@pytest.fixture
def ids_BT(causal_blocks: TokenBlocks) -> Tensor:  # noqa: N802
    return torch.from_numpy(causal_blocks.blocks([0, 5, 9], 16))


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("architecture", ["gpt_neox", "llama"])
@pytest.mark.parametrize("strip", [7, 512])  # 7 does not divide the 45 tokens
def test_loss_and_gradient_are_the_usual_ones(
    causal_shape: ModelShape,
    ids_BT: Tensor,
    architecture: Architecture,
    tied: bool,
    strip: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_token, "_STRIP", strip)
    shape = replace(causal_shape, architecture=architecture, tied=tied, n_inner=None)
    model = build_model(shape, seed=1).train(False)
    usual = usual_loss(model, ids_BT)
    usual.backward()
    wanted = {name: value.grad for name, value in model.named_parameters()}
    model.zero_grad()
    ours = next_token_loss(model, ids_BT)
    (3 * ours).backward()
    assert ours.item() == pytest.approx(usual.item(), abs=1e-6)
    for name, value in model.named_parameters():
        assert torch.allclose(value.grad, 3 * wanted[name], atol=1e-6), name


def test_gradient_agrees_with_differences() -> None:
    random = torch.Generator().manual_seed(1)
    states, weight = (torch.randn(size, generator=random).double() for size in ((5, 4), (7, 4)))
    targets = torch.tensor([0, 6, 3, 3, 1])
    inputs = (states.requires_grad_(), weight.requires_grad_())
    assert torch.autograd.gradcheck(lambda s, w: strip_loss(s, w, targets), inputs)


def test_model_in_other_numbers_goes_the_usual_way(
    causal_shape: ModelShape,
    ids_BT: Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_token, "strip_loss", None)  # not to be called
    model = build_model(causal_shape, seed=1).train(False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert next_token_loss(model, ids_BT).dtype == torch.float32
    assert next_token_loss(model.double(), ids_BT).item() > 0


def test_wrapped_model_goes_the_usual_way(
    causal_shape: ModelShape,
    ids_BT: Tensor,
) -> None:
    """As adapters wrap it: what they call `base_model` gives logits."""

    class Wrapped(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.base_model = model

        def forward(self, **inputs: Tensor) -> object:
            return self.base_model(**inputs)

    model = build_model(causal_shape, seed=1).train(False)
    usual = usual_loss(model, ids_BT).item()
    assert next_token_loss(Wrapped(model), ids_BT).item() == pytest.approx(usual, abs=1e-6)
