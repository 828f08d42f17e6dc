"""The numbers of contrastive finetuning; no torch is needed to write them down."""

from __future__ import annotations

import math
from dataclasses import dataclass

from kblib.errors import LabelError

_SMALL = 20_000_000
"""Parameters; below, models bear, and need, larger steps."""


@dataclass(frozen=True)
class Contrast:
    """How an encoder is finetuned on pairs of labelled texts.

    Parameters
    ----------
    pairs_per_text
        Pairs of one label for each text, and as many of two labels.
    batch_size
        Pairs a step.
    most_steps
        An end for many labels: pairs grow with them, and soon say the same again.
    learning_rate
        At the top, after the warm-up; it then falls linearly to zero. By default 3e-4 for models
        below 20 million parameters (tried on the embedded one), else 2e-5 (as in the package of the
        paper's authors).
    warmup
        Share of the steps from zero to the top.
    most_tokens
        Tokens of a text that are read in training; vectors are made of the whole text all the same.

    Raises
    ------
    LabelError
        If a number makes no sense.
    """

    pairs_per_text: int = 10
    batch_size: int = 16
    most_steps: int = 200
    learning_rate: float | None = None
    warmup: float = 0.1
    most_tokens: int = 64

    def __post_init__(self) -> None:
        whole = {"pairs_per_text": 1, "batch_size": 2, "most_steps": 1, "most_tokens": 8}
        for name, least in whole.items():
            value = getattr(self, name)
            if type(value) is not int or value < least:
                raise LabelError(f"{name} is {value!r}.", f"A whole number from {least} on fits.")
        for name, most in {"learning_rate": 1.0, "warmup": 1.0}.items():
            value = getattr(self, name)
            if name == "learning_rate" and value is None:
                continue
            if not isinstance(value, int | float) or not 0 <= value < most:
                raise LabelError(
                    f"{name} is {value!r}.", f"A number from 0 to below {most:g} fits."
                )

    def rate_for(self, n_parameters: int) -> float:
        """Return the learning rate that was asked for, or the usual one of a model's size."""
        usual = 3e-4 if n_parameters < _SMALL else 2e-5
        return usual if self.learning_rate is None else self.learning_rate

    def steps(self, n_texts: int) -> int:
        """Return how many steps so many texts take."""
        pairs = 2 * self.pairs_per_text * n_texts
        return min(self.most_steps, math.ceil(pairs / self.batch_size))
