from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kblib.training.precision import choose_dtype

CPU = torch.device("cpu")
CPU_FLAGS = Path("/proc/cpuinfo")


@pytest.mark.skipif(not CPU_FLAGS.is_file(), reason="no /proc/cpuinfo to compare with")
def test_cpu_computes_in_bfloat16_just_where_the_kernel_lists_the_instructions() -> None:
    flags = set(CPU_FLAGS.read_text().split())
    units = flags & {"avx512_bf16", "amx_tile"}
    assert choose_dtype(CPU) == (torch.bfloat16 if units else torch.float32)


@pytest.mark.parametrize(
    ("amx", "avx512", "dtype"),
    [
        (False, False, torch.float32),
        (True, False, torch.bfloat16),
        (False, True, torch.bfloat16),
    ],
)
def test_either_unit_is_enough(
    monkeypatch: pytest.MonkeyPatch, amx: bool, avx512: bool, dtype: torch.dtype
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512, raising=False)
    assert choose_dtype(CPU) == dtype


def test_torch_that_cannot_tell_means_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    assert choose_dtype(CPU) == torch.float32


@pytest.mark.parametrize("device", ["mps", "meta"])
def test_other_devices_compute_in_float32(device: str) -> None:
    assert choose_dtype(torch.device(device)) == torch.float32
