"""Products of matrices made ready: those of torch's own layers, and in int8 those by hand."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import peft
import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from kblib.adapters.lora import quiet_peft
from kblib.errors import ModelError
from kblib.models import linears
from kblib.models.int8_loops import rescale, round_rows
from kblib.models.linears import Int8Linear, PackedLinear, make_ready

needs_onednn = pytest.mark.skipif(
    not linears._onednn_packs(), reason="this torch has no oneDNN for processors"
)
needs_vnni = pytest.mark.skipif(
    not (linears._onednn_packs() and linears._cpu_has(linears._VNNI)),
    reason="this processor has no units for int8",
)


def layer(n_in: int, n_out: int, *, bias: bool) -> nn.Linear:
    torch.manual_seed(n_in)
    return nn.Linear(n_in, n_out, bias=bias)


def by_hand(linear: nn.Linear, x_MK: np.ndarray) -> np.ndarray:
    """Return a product in whole numbers, by numpy."""
    weight_NK = linear.weight.detach().numpy()
    scale_N = np.abs(weight_NK).max(1) / 127
    whole_NK = np.rint(weight_NK / scale_N[:, None]).astype(np.int64)
    scale_M = np.abs(x_MK).max(1) / np.float32(127)
    whole_MK = np.rint(x_MK * (1 / scale_M)[:, None] + np.float32(128)).astype(np.int64) - 128
    product = (whole_MK @ whole_NK.T) * scale_M[:, None] * scale_N
    return product + (0 if linear.bias is None else linear.bias.detach().numpy())


@needs_onednn
@pytest.mark.parametrize("bias", [True, False])
def test_packed_layer_gives_what_the_layer_gives(bias: bool) -> None:
    linear = layer(24, 40, bias=bias)
    x = torch.randn(3, 5, 24)
    torch.testing.assert_close(PackedLinear(linear)(x), linear(x), atol=1e-6, rtol=1e-5)


@needs_onednn
def test_gelu_in_the_layer_is_that_behind_it() -> None:
    linear, x = layer(24, 40, bias=True), 4 * torch.randn(7, 24)
    behind = nn.functional.gelu(linear(x))
    torch.testing.assert_close(PackedLinear(linear, "gelu")(x), behind, atol=1e-6, rtol=1e-5)


@needs_onednn
def test_model_made_ready_gives_the_same_answers(masked_model: PreTrainedModel) -> None:
    vocabulary = masked_model.config.vocab_size
    ids = torch.randint(5, vocabulary, (3, 17), generator=torch.Generator().manual_seed(1))
    ready = make_ready(deepcopy(masked_model))
    assert not [one for one in ready.modules() if type(one) is nn.Linear]
    with torch.inference_mode():
        torch.testing.assert_close(ready(ids).logits, masked_model(ids).logits, atol=1e-5, rtol=0)


@needs_onednn
def test_adapters_that_are_not_merged_are_made_ready_too(masked_model: PreTrainedModel) -> None:
    config = peft.LoraConfig(target_modules="all-linear", r=2, init_lora_weights=False)
    with quiet_peft():
        adapted = peft.get_peft_model(deepcopy(masked_model), config).train(False)
    ids = torch.arange(5, 30)[None]
    with torch.inference_mode():
        before = adapted(input_ids=ids).logits
        assert (before - masked_model(ids).logits).abs().max() > 1e-3
        make_ready(adapted.get_base_model())
        torch.testing.assert_close(adapted(input_ids=ids).logits, before, atol=1e-4, rtol=0)


def test_rows_are_rounded_by_their_largest_number() -> None:
    x_MK = np.array([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0], [1e-3, 1e-3, -1e-3]], dtype=np.float32)
    whole_MK, scale_M = np.empty(x_MK.shape, np.uint8), np.empty(3, np.float32)
    round_rows(x_MK, whole_MK, scale_M)
    assert whole_MK.tolist() == [[192, 1, 160], [128, 128, 128], [255, 255, 1]]
    np.testing.assert_allclose(scale_M[[0, 2]], [2 / 127, 1e-3 / 127], rtol=1e-6)
    y_MN = np.ones((3, 2), np.float32)
    rescale(y_MN, np.array([1, 2, 3], np.float32), np.array([0, 10], np.float32))
    assert y_MN.tolist() == [[1, 11], [2, 12], [3, 13]]


@needs_vnni
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("n_rows", [1, 7, 64])
def test_int8_layer_is_the_product_of_whole_numbers(bias: bool, n_rows: int) -> None:
    linear = layer(48, 32, bias=bias)
    x_MK = torch.randn(n_rows, 48) * torch.logspace(-3, 2, n_rows)[:, None]
    with torch.inference_mode():
        found = Int8Linear(linear)(x_MK).numpy()
    expected = by_hand(linear, x_MK.numpy())
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-4)
    size = np.abs(linear(x_MK).detach().numpy()).max(1, keepdims=True)
    assert (np.abs(found - linear(x_MK).detach().numpy()) / size).max() < 0.05


@needs_vnni
def test_int8_leaves_what_stands_above_the_body(masked_model: PreTrainedModel) -> None:
    ready = make_ready(deepcopy(masked_model), "int8")
    kinds = {name: type(one) for name, one in ready.named_modules() if hasattr(one, "packed")}
    body = f"{ready.base_model_prefix}."
    assert {kinds[name] for name in kinds if name.startswith(body)} == {Int8Linear}
    assert {kinds[name] for name in kinds if not name.startswith(body)} == {PackedLinear}


@pytest.mark.parametrize(("precision", "units"), [("bf16", "AVX512-BF16 or AMX"), ("int8", "VNNI")])
def test_precision_without_units_is_refused(
    precision: str, units: str, masked_model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linears, "_cpu_has", lambda probes: False)
    with pytest.raises(ModelError, match=rf"on a processor without units for it.*\n?.*{units}"):
        make_ready(masked_model, precision)
