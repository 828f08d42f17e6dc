"""Operations of a training, and the GPU-hours they take.

Two numbers hide behind one word: *model* operations are what the training needs, *hardware*
operations are what the GPU does, recomputed layers included. Published rates are either.
"""

from __future__ import annotations

import math
from numbers import Real

from kblib.errors import PlanError
from kblib.models.shape import ModelShape
from kblib.sites.cards import peak_tflops

RECOMPUTED = 4 / 3
"""Hardware operations for one of the model where every layer is computed twice: a forward pass is a
third of the whole (Korthikanti et al. 2022)."""
TERA = 1e12
_NO_CARD = 10_000.0
"""Far above the cards of today: more is in other units."""
_MOST_KEPT = 1.5
"""No whole run is half again as fast as its own short run: more is a per cent."""


def model_flops(shape: ModelShape, tokens: float, *, seq_len: int | None = None) -> float:
    """Return the operations that training on so many tokens needs: 6 N D, and attention.

    References
    ----------
    Kaplan et al. (2020), Scaling laws; Chowdhery et al. (2022), PaLM, appendix B.
    """
    return shape.flops_per_token(seq_len) * tokens


def hardware_flops(
    shape: ModelShape, tokens: float, *, seq_len: int | None = None, recompute: bool
) -> float:
    """Return the operations that the GPUs carry out: with recomputation 8 N D, and attention."""
    times = RECOMPUTED if recompute else 1.0
    return model_flops(shape, tokens, seq_len=seq_len) * times


def training_gpu_hours(
    parameters: float, tokens: float, tflops_per_gpu: float, goodput: float = 1.0
) -> float:
    """Return the GPU-hours of a training: 6 N D operations at a rate.

    Parameters
    ----------
    parameters, tokens
        N and D.
    tflops_per_gpu
        Model TFLOP/s of one GPU in a short run. A published *hardware* rate of a run that
        recomputes its layers is to be multiplied by 3/4 before.
    goodput
        Share of the short run's rate that a whole run keeps: evaluations, checkpoints, restarts,
        slow nodes. 1 is none lost.

    Raises
    ------
    PlanError
        If a number is not above 0, the goodput is above 1.5 (a per cent, perhaps), or the rate is
        above the highest peak of the cards known here.

    Examples
    --------
    GPT-NeoX-20B at the 92 TFLOP/s of its own whole run:

    >>> round(training_gpu_hours(20.556e9, 472.5e9, 92.1), -2)
    175800.0
    """
    given = {
        "parameters": parameters,
        "tokens": tokens,
        "tflops_per_gpu": tflops_per_gpu,
        "goodput": goodput,
    }
    for name, value in given.items():
        check_positive("training_gpu_hours", name, value)
    check_speed("training_gpu_hours", tflops_per_gpu, goodput)
    return 6 * parameters * tokens / (tflops_per_gpu * TERA * goodput) / 3600


def check_speed(
    who: str, tflops_per_gpu: float | None, goodput: float | None, card: str | None = None
) -> None:
    """Refuse a rate or a goodput that must be meant in another unit, or of another card.

    Parameters
    ----------
    card
        What the site has; a rate beyond its published peak is refused.

    Raises
    ------
    PlanError
        With what was expected.
    """
    if tflops_per_gpu is not None:
        check_positive(who, "tflops_per_gpu", tflops_per_gpu)
        peak, _ = peak_tflops(card)
        if tflops_per_gpu > (peak or _NO_CARD):
            known = f"of {card} is {peak:g}" if peak else f"of no card is above {_NO_CARD:,.0f}"
            raise PlanError(
                f"{who} got tflops_per_gpu={tflops_per_gpu:g}.",
                f"The published peak {known} TFLOP/s, dense, in bfloat16.",
                f"In units of 1e12 operations a second: kb.{who}(..., tflops_per_gpu=150)",
            )
    if goodput is not None:
        check_positive(who, "goodput", goodput)
        if goodput > _MOST_KEPT:
            raise PlanError(
                f"{who} got goodput={goodput!r}.",
                "A share was expected: 1 is a run that loses nothing.",
                f"kb.{who}(..., goodput={min(1.0, goodput / 100):g})",
            )


def check_positive(who: str, name: str, value: object) -> None:
    """Refuse what is no number above 0.

    Raises
    ------
    PlanError
        Naming it.
    """
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < float(value) < math.inf:
        raise PlanError(f"{who} got {name}={value!r}.", "A number above 0 was expected.")


def check_whole(who: str, name: str, value: float, most: int | None = None) -> None:
    """Refuse what is no whole number from 1 on, or above the most there can be.

    Raises
    ------
    PlanError
        Naming it.
    """
    check_positive(who, name, value)
    if value != int(value) or (most is not None and value > most):
        raise PlanError(
            f"{who} got {name}={value!r}.",
            "A whole number from 1 on was expected."
            if most is None
            else f"A whole number from 1 to {most} was expected.",
        )
