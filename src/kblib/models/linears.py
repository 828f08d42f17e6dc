"""The products of matrices of a model, made ready for many texts on a processor.

A model spends nine tenths of its time in them. Here their weights are laid out once as oneDNN reads
them, instead of at every product, and where it is asked for rounded to eight bits. (Torch's own
products in 32 bits are MKL's, which leaves half of what AMD's processors can do.)

Letters: M tokens, K numbers in, N numbers out.
"""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import GELUActivation

from kblib.errors import ModelError
from kblib.models.lanes import CPU_TOKENS

_X86 = ("x86_64", "AMD64")
_INT8_TOP = 127
_MIDDLE = 128  # what stands for nought where numbers from 0 to 255 are asked for
_VNNI = ("_is_vnni_supported", "_is_avx512_vnni_supported")
_BF16 = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
"""Private names of `torch.cpu`; should they vanish, the processor counts as one without units."""


def make_ready(model: PreTrainedModel, precision: str = "fp32") -> PreTrainedModel:
    """Make a model ready for many texts, and return it; it cannot be trained afterwards.

    Answers in fp32 stay what they were, to rounding. In int8 each row of weights and each token has
    a scale of its own (Dettmers et al. 2022, LLM.int8, section 3.1); embeddings, norms and what
    stands above the body of the model, such as a classifier, stay in fp32.

    Parameters
    ----------
    precision
        ``fp32``, ``bf16`` or ``int8``.

    Raises
    ------
    ModelError
        If the processor has no units for it.
    """
    check_units(precision, model.device)
    if precision == "bf16":
        nn.Module.to(model, torch.bfloat16)
    if model.device.type == "cpu" and _onednn_packs():
        if precision != "int8":
            _fuse_gelu(model)
        inner = {id(module) for module in model.base_model.modules()}
        for module in list(model.modules()):
            for name, child in list(module.named_children()):
                if type(child) is nn.Linear:
                    in_int8 = precision == "int8" and id(child) in inner
                    setattr(module, name, Int8Linear(child) if in_int8 else PackedLinear(child))
    return model


def _fuse_gelu(model: PreTrainedModel) -> None:
    """Have the layers of BERT and its kin, whose middle is a GELU, computed with that in them."""
    for module in model.modules():
        linear, then = getattr(module, "dense", None), getattr(module, "intermediate_act_fn", None)
        if type(linear) is nn.Linear and type(then) is GELUActivation:
            module.dense, module.intermediate_act_fn = PackedLinear(linear, "gelu"), nn.Identity()


def check_units(precision: str, device: torch.device) -> None:
    """Refuse what a device has no units for: it would be slower there, and not as exact.

    Raises
    ------
    ModelError
        Saying what it has.
    """
    if precision == "fp32" or (precision == "bf16" and _has_bf16(device)):
        return
    if precision == "int8" and device.type == "cpu" and _cpu_has(_VNNI) and _onednn_packs():
        return
    where = "processor" if device.type == "cpu" else "GPU"
    units = {"bf16": "AVX512-BF16 or AMX", "int8": "AVX512-VNNI"}[precision]
    raise ModelError(
        f"precision='{precision}' was asked for on a {where} without units for it.",
        f"Of processors, those with {units} have them; elsewhere it is slower than fp32.",
        'kb.BatchPredict(model, corpus, precision="fp32")',
    )


class PackedLinear(nn.Module):
    """A linear layer in floats whose weights lie as oneDNN reads them.

    Parameters
    ----------
    linear
        The layer whose place it takes.
    then
        What is computed of its numbers: nothing, or ``gelu``.
    """

    def __init__(self, linear: nn.Linear, then: str = "none") -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.then = then
        self.weight = _looked_at(linear)
        weight = linear.weight.detach().contiguous()
        self.packed = torch.ops.mkldnn._reorder_linear_weight(weight, CPU_TOKENS)
        self.bias = _bias_of(linear)

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x @ weight.T + bias``, or the GELU of that, by the error function."""
        by = "none" if self.then == "gelu" else ""  # by no approximation
        y: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, self.then, [], by)
        return y


class Int8Linear(nn.Module):
    """A linear layer in 8-bit whole numbers: a scale a token, and a scale a row of weights.

    Parameters
    ----------
    linear
        The layer whose place it takes.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = _looked_at(linear)
        weight_NK = linear.weight.detach().float()
        scale_N = weight_NK.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / _INT8_TOP
        whole_NK = (weight_NK / scale_N[:, None]).round().to(torch.int8)
        self.packed = torch.ops.onednn.qlinear_prepack(whole_NK, None)
        self.scale_N, self.none_N = scale_N, torch.zeros(len(scale_N), dtype=torch.int64)
        # Tokens are given as 0 to 255; what their middle adds is known beforehand.
        self.middle_N = -_MIDDLE * whole_NK.long().sum(1).float() * scale_N
        bias = _bias_of(linear)
        self.bias_N = (torch.zeros_like(scale_N) if bias is None else bias.float()).numpy()

    def forward(self, x: Tensor) -> Tensor:
        """Return nearly ``x @ weight.T + bias``."""
        from kblib.models.int8_loops import rescale, round_rows  # numba takes half a second

        x_MK = x.reshape(-1, self.in_features).contiguous()
        whole_MK = torch.empty(x_MK.shape, dtype=torch.uint8)
        scale_M = torch.empty(len(x_MK))
        round_rows(x_MK.numpy(), whole_MK.numpy(), scale_M.numpy())
        y_MN = self._product(whole_MK)
        rescale(y_MN.numpy(), scale_M.numpy(), self.bias_N)
        return y_MN.view(*x.shape[:-1], self.out_features)

    def _product(self, whole_MK: Tensor) -> Tensor:
        y_MN: Tensor = torch.ops.onednn.qlinear_pointwise(
            whole_MK,
            1.0,
            0,
            self.packed,
            self.scale_N,
            self.none_N,
            self.middle_N,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return y_MN


def _looked_at(linear: nn.Linear) -> Tensor:
    """Return a tensor without numbers: some models, and peft, ask a layer for its weights' type."""
    return torch.empty_like(linear.weight, device="meta")


def _bias_of(linear: nn.Linear) -> Tensor | None:
    bias: Tensor | None = linear.bias
    return None if bias is None else bias.detach()


def _onednn_packs() -> bool:
    """Say whether this torch has what lays weights out; its names are torch's own, and may go.

    Tried on x86 only; other processors keep torch's layers.
    """
    if platform.machine() not in _X86:
        return False
    ops: Any = torch.ops
    wanted = (
        (ops.mkldnn, "_reorder_linear_weight"),
        (ops.mkldnn, "_linear_pointwise"),
        (ops.onednn, "qlinear_prepack"),
        (ops.onednn, "qlinear_pointwise"),
    )
    has_onednn: bool = torch._C._has_mkldnn
    return has_onednn and all(hasattr(*pair) for pair in wanted)


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and _cpu_has(_BF16)


def _cpu_has(probes: tuple[str, ...]) -> bool:
    return any(getattr(torch.cpu, name)() for name in probes if hasattr(torch.cpu, name))
