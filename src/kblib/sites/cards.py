"""What a GPU computes at most, by the name that site files give it: dense bfloat16, in TFLOP/s.

Only published peaks stand here. A card that is missing has none that could be cited, and what is
measured against it is then not told rather than guessed: the A100 of Leonardo, for one, is a part
made for it alone.
"""

from __future__ import annotations

PEAK_TFLOPS = {
    "A100-40GB": (312.0, "NVIDIA A100 datasheet: 312 TFLOP/s, BF16 tensor core, dense"),
    "A100-80GB": (312.0, "NVIDIA A100 datasheet: 312 TFLOP/s, BF16 tensor core, dense"),
    "H100-80GB": (989.0, "NVIDIA H100 SXM datasheet: 989 TFLOP/s, BF16 tensor core, dense"),
    "MI250X die (GCD)": (191.5, "AMD MI250X datasheet: 383 TFLOP/s a module of two dies"),
}


def peak_tflops(card: str | None) -> tuple[float | None, str]:
    """Return the published peak of a card and its source; None, and why, if there is none.

    Examples
    --------
    >>> peak_tflops("A100-40GB")[0]
    312.0
    >>> peak_tflops("A100-64GB (custom)")
    (None, "no published peak of 'A100-64GB (custom)' is known: utilisation is not told")
    """
    found = PEAK_TFLOPS.get(card or "")
    return found or (None, f"no published peak of '{card}' is known: utilisation is not told")
