"""The number type of a training, by what the machine really has."""

from __future__ import annotations

import torch

from kblib.errors import TrainingError

_CALLED = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def dtype_called(name: str | None, device: torch.device) -> torch.dtype:
    """Return the number type of a name, ``fp32``, ``bf16`` or ``fp16``; None asks the machine.

    Raises
    ------
    TrainingError
        If the device does not train in it.
    """
    if name is None:
        return choose_dtype(device)
    if name == "fp16" and device.type == "cpu":
        raise TrainingError(
            "dtype='fp16' was asked for on a processor without a GPU.",
            "Only GPUs train in fp16; DeepSpeed refuses it elsewhere.",
            'kb.Pretrain(..., dtype="bf16"), or "fp32", or site="meluxina"',
        )
    return _CALLED[name]


def choose_dtype(device: torch.device) -> torch.dtype:
    """Return bfloat16 where the processor computes in it, else float32.

    Many CPUs emulate bfloat16 and are then two to five times slower than in float32, while torch
    reports the type as supported; what tells is the instruction set (AVX512-BF16 or AMX tiles).
    """
    if device.type == "cuda":
        return (
            torch.bfloat16
            if torch.cuda.is_bf16_supported(including_emulation=False)
            else torch.float32
        )
    if device.type == "cpu" and _cpu_has_bf16_units():
        return torch.bfloat16
    return torch.float32


def _cpu_has_bf16_units() -> bool:
    # Private names of torch.cpu; should one vanish, float32 is the safe answer.
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name)() for name in probes if hasattr(torch.cpu, name))
