"""The table that a classifier of texts returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from numpy.typing import NDArray

EMPTY = "The text is empty."


def table_of(
    ids: Sequence[str], texts: Sequence[str], labels: Sequence[str], shares_NC: NDArray[Any]
) -> pl.DataFrame:
    """Return a row a text: id, label, score, ``score_LABEL`` for each label, note.

    Parameters
    ----------
    shares_NC
        The share of each label, a row for each text that is not empty.
    """
    schema: dict[str, Any] = {"id": pl.String, "label": pl.String, "score": pl.Float64}
    schema |= {f"score_{label}": pl.Float64 for label in labels}
    rows: list[dict[str, Any]] = []
    read = iter(shares_NC)
    for one, text in zip(ids, texts, strict=True):
        if not text.strip():
            rows.append({"id": one, "note": EMPTY})
            continue
        shares = next(read)
        best = int(shares.argmax())
        row = {"id": one, "label": labels[best], "score": float(shares[best])}
        rows.append(
            row
            | {f"score_{label}": float(share) for label, share in zip(labels, shares, strict=True)}
        )
    return pl.DataFrame(rows, schema={**schema, "note": pl.String})
