"""Two lines of bitsandbytes that nobody can do anything about, kept off the page."""

from __future__ import annotations

import logging

_LINES = {
    # At import, where the processor has units for bf16 and the package ``kernels`` is not there: of
    # a kernel for inference, of no use to a training (bitsandbytes 0.50).
    "bitsandbytes.backends.cpu.ops": "Failed to load CPU gemm_4bit_forward from kernels-community",
    # At every product of matrices in 8 bits: it computes in half precision.
    "bitsandbytes.autograd._functions": "MatMul8bitLt: inputs will be cast from",
}


def quiet_bitsandbytes() -> None:
    """Leave out these lines, and no others, in this process; before bitsandbytes is imported."""
    for name in _LINES:
        logging.getLogger(name).addFilter(_is_other)  # once, however often it is called


def _is_other(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_LINES[record.name])
