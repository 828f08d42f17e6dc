"""One line of bitsandbytes that nobody can do anything about, kept off the page."""

from __future__ import annotations

import logging

_LOGGER = "bitsandbytes.backends.cpu.ops"
_LINE = "Failed to load CPU gemm_4bit_forward from kernels-community"
"""Said at import where the processor has units for bf16 and the package ``kernels`` is not there: a
kernel for inference on processors, of no use to a training (bitsandbytes 0.50)."""


def quiet_kernels() -> None:
    """Leave out that line, and no other, in this process; call it before bitsandbytes is imported.

    Examples
    --------
    >>> quiet_kernels()
    >>> logging.getLogger(_LOGGER).filters == [_is_other]
    True
    """
    logging.getLogger(_LOGGER).addFilter(_is_other)  # once, however often it is called


def _is_other(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith(_LINE)
