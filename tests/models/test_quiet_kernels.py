"""One line of bitsandbytes is left out, and nothing else that it says."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from kblib.models.quiet_kernels import quiet_kernels

SAID = (
    "Failed to load CPU gemm_4bit_forward from kernels-community: %s. Please make sure you already "
    "`pip install kernels` and the kernels >= 0.11.1"
)


def test_that_line_is_left_out_and_others_are_not(caplog: pytest.LogCaptureFixture) -> None:
    quiet_kernels()
    quiet_kernels()
    log = logging.getLogger("bitsandbytes.backends.cpu.ops")
    log.warning(SAID, "No module named 'kernels'")
    log.warning("Failed to load something else: %s", "why")
    logging.getLogger("bitsandbytes.cextension").warning("The library is for another CUDA.")
    assert caplog.messages == [
        "Failed to load something else: why",
        "The library is for another CUDA.",
    ]
    assert len(log.filters) == 1


@pytest.mark.slow
def test_peft_is_brought_without_a_line() -> None:
    pytest.importorskip("bitsandbytes")
    code = "from kblib.adapters.lora import require_peft; require_peft()"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=180, check=True
    )
    assert "kernels" not in done.stderr
