"""Tables made of rows whose columns and types are not known beforehand, without losing a value.

Polars guesses a column's type from its first rows and turns what does not fit into null. Here a
column gets the narrowest type that holds *all* its values; a column of several kinds becomes text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

_INT64 = 1 << 63
_EXACT = 1 << 53  # whole numbers up to here are the same as Float64


def frame_of_rows(rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return the table of some rows; a column absent from a row is null there."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame({name: _series(name, [row.get(name) for row in rows]) for name in names})


def stacked(frames: Sequence[pl.LazyFrame]) -> pl.LazyFrame:
    """Put tables under one another; a column of different kinds becomes text in all of them."""
    schemas = [frame.collect_schema() for frame in frames]
    kinds: dict[str, set[pl.DataType]] = {}
    for schema in schemas:
        for name, kind in schema.items():
            kinds.setdefault(name, set()).add(kind)
    mixed = {name for name, found in kinds.items() if not _go_together(found)}
    as_text = [
        frame.with_columns(pl.col(name).cast(pl.String) for name in mixed if name in schema)
        for frame, schema in zip(frames, schemas, strict=True)
    ]
    return pl.concat(as_text, how="diagonal_relaxed")


def _series(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {str}:
        return pl.Series(name, values, dtype=pl.String)
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds == {int} and all(value is None or -_INT64 <= value < _INT64 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds <= {int, float} and all(_exact(value) for value in values):
        numbers = [None if value is None else float(value) for value in values]
        return pl.Series(name, numbers, dtype=pl.Float64)
    return pl.Series(name, [_as_text(value) for value in values], dtype=pl.String)


def _exact(value: Any) -> bool:
    return value is None or isinstance(value, float) or abs(value) <= _EXACT


def _as_text(value: Any) -> str | None:
    return (
        value
        if value is None or isinstance(value, str)
        else json.dumps(value, ensure_ascii=False, default=str)
    )


def _go_together(kinds: set[pl.DataType]) -> bool:
    known = kinds - {pl.Null()}
    return len(known) <= 1 or all(kind.is_numeric() for kind in known)
