"""Two lines of bitsandbytes are left out, and nothing else that it says."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from kblib.models.quiet_bitsandbytes import quiet_bitsandbytes

SAID = {
    "bitsandbytes.backends.cpu.ops": (
        "Failed to load CPU gemm_4bit_forward from kernels-community: %s. Please make sure you "
        "already `pip install kernels` and the kernels >= 0.11.1"
    ),
    "bitsandbytes.autograd._functions": (
        "MatMul8bitLt: inputs will be cast from %s to float16 during quantization"
    ),
}


@pytest.mark.parametrize("name", SAID)
def test_that_line_is_left_out_and_others_are_not(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    quiet_bitsandbytes()
    quiet_bitsandbytes()
    log = logging.getLogger(name)
    log.warning(SAID[name], "something")
    log.warning("Failed to load something else: %s", "why")
    logging.getLogger("bitsandbytes.cextension").warning("The library is for another CUDA.")
    assert caplog.messages == [
        "Failed to load something else: why",
        "The library is for another CUDA.",
    ]
    assert len(log.filters) == 1


@pytest.mark.slow
def test_peft_is_brought_and_matrices_in_8_bits_are_multiplied_without_a_line() -> None:
    pytest.importorskip("bitsandbytes")
    code = (
        "from kblib.adapters.lora import require_peft; require_peft()\n"
        "import torch, bitsandbytes\n"
        "layer = bitsandbytes.nn.Linear8bitLt(32, 32, has_fp16_weights=False).to('cpu')\n"
        "layer(torch.ones(2, 32))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=True
    )
    assert "kernels" not in done.stderr
    assert "MatMul8bitLt" not in done.stderr
