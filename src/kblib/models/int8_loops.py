"""The compiled loops of `kblib.models.linears`: tokens to whole numbers and back.

Torch would pass over each number five times, and once more for each step back.

Letters: M tokens, K numbers in, N numbers out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kblib.ngrams.compiled import compiled

_MAGNITUDE = np.int32(0x7FFFFFFF)
"""The bits of a 32-bit float without its sign: as whole numbers they are in the floats' order."""
_LEAST, _ONE, _TOP, _MIDDLE = (np.float32(value) for value in (1e-30, 1, 127, 128))


@compiled
def round_rows(x_MK: Any, whole_MK: Any, scale_M: Any) -> None:
    """Round each row to whole numbers from 1 to 255, whose middle 128 is nought, and keep scales.

    Parameters
    ----------
    x_MK
        The numbers, float32.
    whole_MK, scale_M
        What is written: uint8, and float32; a number is nearly (whole - 128) times its scale.
    """
    bits_MK, bits_M = x_MK.view(np.int32), scale_M.view(np.int32)
    for m in range(x_MK.shape[0]):
        row, bits, whole = x_MK[m], bits_MK[m], whole_MK[m]
        top = np.int32(0)
        for k in range(bits.size):
            top = max(top, bits[k] & _MAGNITUDE)
        bits_M[m] = top  # and so the largest as a float
        scale_M[m] = max(scale_M[m], _LEAST) / _TOP
        inverse = _ONE / scale_M[m]
        for k in range(row.size):
            whole[k] = np.uint8(np.int32(np.rint(row[k] * inverse + _MIDDLE)))


@compiled
def rescale(y_MN: Any, scale_M: Any, bias_N: Any) -> None:
    """Multiply each row by its scale and add a bias, in place."""
    for m in range(y_MN.shape[0]):
        row, scale = y_MN[m], scale_M[m]
        for n in range(row.size):
            row[n] = row[n] * scale + bias_N[n]
