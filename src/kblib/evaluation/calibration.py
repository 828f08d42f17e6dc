"""How far a model that says 80 % holds in 80 of 100 cases.

Texts are put into bins of equally many by the model's score, and in each the mean score stands
beside the share that is right (Niculescu-Mizil and Caruana 2005). The expected calibration error is
the mean distance, weighted by texts (Naeini, Cooper and Hauskrecht 2015).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.errors import LabelError
from kblib.evaluation.scores import Scores
from kblib.ngrams.printed import Printed
from kblib.ngrams.stratified import Rule, wilson

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Printed):
    """How far a model's scores can be taken as probabilities.

    Attributes
    ----------
    rows
        One row a bin: texts, score (mean), right (share), low, high (Wilson's interval).
    error
        The expected calibration error, from 0 to 1.
    """

    rows: pl.DataFrame
    error: float
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Calibration: expected error {self.error:.3f}"


def calibration(scores: Scores, *, bins: int = 10) -> Calibration:
    """Compare a model's scores with how often it is right.

    Parameters
    ----------
    scores
        Of predictions with a column ``score``: the probability of the label that was said.
    bins
        How many; each holds equally many texts, up to one.

    Raises
    ------
    LabelError
        If the predictions had no scores, or there are fewer texts than bins.
    """
    if "score" not in scores.judged.columns:
        raise LabelError(
            "The predictions had no column 'score'.",
            "Calibration compares scores, from 0 to 1, with how often the model is right.",
        )
    judged = scores.judged.filter(pl.col("score").is_not_null()).sort("score")
    if type(bins) is not int or not 1 <= bins <= judged.height:
        raise LabelError(
            f"bins is {bins!r}, for {judged.height:,} texts.",
            "A number from 1 to that of the texts was expected.",
            "bins=10",
        )
    said, right = judged["score"].to_numpy(), judged["right"].to_numpy().astype(float)
    rows, critical = [], Rule().critical()
    for part in np.array_split(np.arange(judged.height), bins):
        low, high = wilson(float(right[part].mean()), len(part), critical)
        row = {"texts": len(part), "score": float(said[part].mean())}
        rows.append(row | {"right": float(right[part].mean()), "low": low, "high": high})
    table = pl.DataFrame(rows)
    apart = (table["score"] - table["right"]).abs() * table["texts"]
    return Calibration(table, float(apart.sum()) / judged.height, dict(scores.provenance))
