"""From which score should a method give a label? Fewer texts, and more of them right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kblib.errors import LabelError
from kblib.labels.labelled import Labels
from kblib.ngrams.printed import Printed
from kblib.ngrams.stratified import Rule, wilson
from kblib.zeroshot.evidence import Floats
from kblib.zeroshot.result import ZeroShotLabels

_FEWEST = 10
_LIMITS = 10


@dataclass(frozen=True, eq=False, repr=False)
class Limits(Printed):
    """What it costs to abstain, and what it brings.

    Attributes
    ----------
    rows
        One row a limit: least, labelled (share of texts that get a label), right (of those), low,
        high (Wilson's 95 % interval), texts.
    provenance
        Of the result that was judged.
    """

    rows: pl.DataFrame
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Labels from which score? By method '{self.provenance['method']}'"

    def least(self, right: float) -> float | None:
        """Return the lowest limit above which, by the lower end, so many are right; None if none.

        Parameters
        ----------
        right
            A share, such as 0.9.
        """
        good = self.rows.filter(pl.col("low") >= right)["least"]
        return float(good.min()) if len(good) else None  # type: ignore[arg-type]


def abstention(result: ZeroShotLabels, labels: Labels) -> Limits:
    """Compare limits by labelled texts: how many texts get a label, and how many are right.

    Parameters
    ----------
    result
        Of these texts; a limit that it has is put aside.
    labels
        What each of them is: kept apart from the texts that the method is judged by afterwards.

    Raises
    ------
    LabelError
        If fewer than ten of the texts are labelled, or these are no labels of that kind.
    """
    got: tuple[Any, Any] = (result, labels)
    if not isinstance(got[0], ZeroShotLabels) or not isinstance(got[1], Labels):
        raise LabelError(
            f"abstention got a {type(result).__name__} and a {type(labels).__name__}.",
            "What zero_shot returned and labelled texts were expected.",
            "abstention(zero_shot(labels, names), labels)",
        )
    given = labels.rows.select(pl.col("id").cast(pl.String), so=pl.col("label"))
    both = result.abstain(0.0).rows.select("id", "label", "score").join(given, on="id", how="inner")
    both = both.filter(pl.col("label").is_not_null() & pl.col("so").is_not_null())
    if both.height < _FEWEST:
        raise LabelError(
            f"{both.height:,} of {result.rows.height:,} texts have a label of both.",
            f"At least {_FEWEST} were expected; they are joined by 'id'.",
            "result = judge.predict(labels)",
        )
    scores = both["score"].to_numpy()
    right = (both["label"] == both["so"]).to_numpy()
    limits = np.unique([0.0, *np.quantile(scores, np.arange(1, _LIMITS) / _LIMITS)])
    rows = [_row(float(limit), scores, right) for limit in limits]
    return Limits(pl.DataFrame(rows), result.provenance)


def _row(limit: float, scores: Floats, right: npt.NDArray[np.bool_]) -> dict[str, Any]:
    kept = right[scores >= limit]
    share = float(kept.mean())
    low, high = wilson(share, len(kept), Rule().critical())
    told = {"least": limit, "labelled": len(kept) / len(right), "right": share}
    return told | {"low": low, "high": high, "texts": len(kept)}
