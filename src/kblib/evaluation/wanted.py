"""How much a label of each text is wanted: what a model is unsure of, what is typical and new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.errors import LabelError

if TYPE_CHECKING:
    import pandas as pd

    Vectors = pl.DataFrame | pd.DataFrame

Floats = NDArray[np.float64]
SCORE, SCORES = "score", "score_"
ROWS = 4_096
"""Texts compared with those labelled at a time, so that their table stays small."""


def uncertainty(ids: pl.Series, predictions: pl.DataFrame) -> Floats:
    """Return how unsure a model is of each text, from 0 to 1.

    With the scores of all labels it is one less the distance of the two highest (margin); with the
    score of the said label alone, one less that. A model that abstained is wholly unsure.

    Raises
    ------
    LabelError
        If there are no scores, or a text has no prediction.
    """
    scores = [name for name in predictions.columns if name.startswith(SCORES)]
    if len(scores) > 1:
        highest = pl.concat_list(scores).list.sort(descending=True)
        sure = highest.list.get(0) - highest.list.get(1)
    elif SCORE in predictions.columns:
        sure = pl.col(SCORE)
    else:
        raise LabelError(
            f"The predictions have no scores; they have: {', '.join(predictions.columns)}.",
            "A column 'score', or one for each label ('score_LABEL'), says how sure the model is.",
            "kb.BatchPredict(model, corpus, task='labels') gives both.",
        )
    unsure = pl.when(pl.col("label").is_null()).then(1.0).otherwise(1 - sure.cast(pl.Float64))
    said = predictions.select("id", unsure=unsure.clip(0, 1)).unique("id", maintain_order=True)
    found = ids.to_frame("id").join(said, "id", how="left", maintain_order="left")["unsure"]
    _check_complete(ids, found.is_null(), "prediction with a score")
    return found.to_numpy()


def density(ids: pl.Series, labelled: pl.Series, vectors: Vectors) -> Floats:
    """Return how typical each text is of all, times how unlike it is to those that are labelled.

    Typical is the cosine to the mean of all directions; unlike is one less the cosine to the
    nearest labelled text. Both from 0 to 1.

    Parameters
    ----------
    vectors
        Columns ``id`` and ``vector``, of equally many numbers each.

    Raises
    ------
    LabelError
        If a column or a text is missing.
    """
    table = vectors if isinstance(vectors, pl.DataFrame) else pl.from_pandas(vectors)
    if missing := [name for name in ("id", "vector") if name not in table.columns]:
        raise LabelError(
            f"The vectors have no column '{missing[0]}'; they have: {', '.join(table.columns)}.",
            "Columns 'id' and 'vector' were expected.",
            "kb.BatchPredict(model, corpus, task='vectors')",
        )
    table = table.with_columns(pl.col("id").cast(pl.String))
    there = table.drop_nulls("vector").unique("id", maintain_order=True)
    _check_complete(ids, ~ids.is_in(there["id"].implode()), "vector")
    texts = _directions(ids, there)
    known = _directions(labelled.filter(labelled.is_in(there["id"].implode())).unique(), there)
    middle = texts.mean(axis=0)
    typical = np.clip(texts @ middle / max(float(np.linalg.norm(middle)), 1e-12), 0, 1)
    return np.asarray(typical * _unlike(texts, known), dtype=np.float64)


def _unlike(texts: NDArray[np.float32], known: NDArray[np.float32]) -> Floats:
    if not len(known):
        return np.ones(len(texts))
    nearest = [(texts[at : at + ROWS] @ known.T).max(axis=1) for at in range(0, len(texts), ROWS)]
    return np.asarray(np.clip(1 - np.concatenate(nearest), 0, 1), dtype=np.float64)


def _directions(ids: pl.Series, table: pl.DataFrame) -> NDArray[np.float32]:
    """Return vectors of length one, shape (texts, numbers)."""
    rows = ids.to_frame("id").join(table, "id", how="left", maintain_order="left")["vector"]
    wide = len(table["vector"][0])
    found = np.array(rows.to_list(), dtype=np.float32).reshape(len(ids), wide)
    return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))


def _check_complete(ids: pl.Series, lacking: pl.Series, what: str) -> None:
    if lacking.any():
        first = ids.filter(lacking)[0]
        raise LabelError(
            f"{int(lacking.sum()):,} of {len(ids):,} texts have no {what}; the first is '{first}'.",
            "Every text of the corpus may be chosen, so each needs one.",
            "Predict the whole corpus that the sample was drawn from.",
        )
