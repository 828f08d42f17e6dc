"""How far the texts reach: tokens that a model asks for, and epochs that still help."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

CHINCHILLA = 20
"""Tokens a parameter for the best model of a given compute (Hoffmann et al. 2022)."""
REPETITIONS = 15.39
"""The scale on which repeated tokens lose their worth (Muennighoff et al. 2023, R*_D)."""
GOOD_EPOCHS = 4
"""Up to here a repeated token is nearly worth a new one (Muennighoff et al. 2023)."""


@dataclass(frozen=True)
class DataLimits:
    """What a corpus gives a model; of a mixture the job's own corpus.

    Parameters
    ----------
    parameters
        Of the model.
    unique
        Tokens of the texts, read once.
    tokens
        That the training reads of them.
    continued
        Whether the model has read other texts before: it then asks for no number of tokens.
    """

    parameters: float
    unique: float
    tokens: float
    continued: bool = False

    @property
    def epochs(self) -> float:
        """Times that the texts are read."""
        return self.tokens / self.unique

    @property
    def worth(self) -> float:
        """New tokens that the repeated ones are worth together with the first reading."""
        return worth_of(self.unique, self.epochs)

    @property
    def wanted(self) -> float:
        """Tokens that a model of this size asks for when it is trained from nothing."""
        return CHINCHILLA * self.parameters

    @property
    def fitting_parameters(self) -> float:
        """Parameters that the texts, read `GOOD_EPOCHS` times, are enough for."""
        return worth_of(self.unique, GOOD_EPOCHS) / CHINCHILLA

    @property
    def advice(self) -> str:
        """One sentence: whether the texts are enough, and what to do where not."""
        if self.epochs > GOOD_EPOCHS:
            return (
                f"The texts are read {self.epochs:,.1f} times; beyond {GOOD_EPOCHS} a repetition "
                f"teaches little: {_about(self.tokens)} tokens are worth "
                f"{_about(self.worth)} new ones."
            )
        if self.continued:
            return f"The texts are worth {_about(self.worth)} new tokens to a model that goes on."
        if self.worth < self.wanted:
            return (
                f"From nothing, {_about(self.parameters)} parameters ask for "
                f"{_about(self.wanted)} tokens; these are worth {_about(self.worth)}. Continue an "
                f"existing model, or take one of at most {_about(self.fitting_parameters, 2)} "
                "parameters."
            )
        enough, wanted = _about(self.worth), _about(self.wanted)
        return f"The texts are enough: {enough} tokens where {wanted} are asked."

    @property
    def table(self) -> pd.DataFrame:
        """Tokens read, and what they are worth, by epochs."""
        epochs = sorted({1.0, 2.0, float(GOOD_EPOCHS), 8.0, 16.0, 40.0, self.epochs})
        rows = [(n, self.unique * n, worth_of(self.unique, n)) for n in epochs]
        return pd.DataFrame(rows, columns=["epochs", "tokens read", "worth in new tokens"])


def _about(number: float, digits: int = 3) -> str:
    """Return a large number rounded to some digits, written out."""
    return f"{float(f'{number:.{digits}g}'):,.0f}"


def worth_of(unique: float, epochs: float) -> float:
    """Return the new tokens that reading the same ones several times is worth.

    References
    ----------
    Muennighoff et al. (2023), Scaling data-constrained language models, equation 5.

    Examples
    --------
    >>> round(worth_of(100, 4))
    373
    """
    if epochs <= 1:
        return unique * epochs
    return unique * (1 + REPETITIONS * (1 - math.exp(-(epochs - 1) / REPETITIONS)))
