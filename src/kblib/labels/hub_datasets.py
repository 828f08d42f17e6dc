"""Labels in objects: ``datasets`` of Hugging Face, which are never imported here, tables, rows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from kblib.errors import LabelError


def is_dataset(given: Any) -> bool:
    """Return whether this is a dataset of the package ``datasets``, if somebody imported that.

    Raises
    ------
    LabelError
        If it is several datasets by name.
    """
    package = sys.modules.get("datasets")
    if package is None:
        return False
    several = (package.DatasetDict, package.IterableDatasetDict)
    if isinstance(given, several):
        raise LabelError(
            f"This is a {type(given).__name__} with the parts {', '.join(given)}.",
            "One part was expected.",
            f"read_labels(dataset['{next(iter(given))}'], ...)",
        )
    return isinstance(given, package.Dataset | package.IterableDataset)


def names_of(dataset: Any, label: str | int) -> Sequence[str] | None:
    """Return the names that a dataset's numbers stand for, if it knows them."""
    feature = (dataset.features or {}).get(str(label))
    feature = getattr(feature, "feature", feature)  # of a list of labels, that of one
    names: Sequence[str] | None = getattr(feature, "names", None)
    return names


def rows_of(given: Any) -> Iterator[Any]:
    """Return the rows of a dataset, a pandas or Polars table, or a list.

    Raises
    ------
    LabelError
        If it is none of these.
    """
    if isinstance(given, pl.DataFrame):
        return given.iter_rows(named=True)
    if hasattr(given, "to_dict") and hasattr(given, "itertuples"):
        table: pl.DataFrame = pl.from_pandas(given)
        return table.iter_rows(named=True)
    if is_dataset(given) or (
        isinstance(given, Iterable) and not isinstance(given, Mapping | str | bytes)
    ):
        return iter(given)
    raise LabelError(
        f"Labels cannot be read from {type(given).__name__}.",
        "A file, a dataset, a table, or a list of dictionaries was expected.",
        "read_labels('genres.csv', text='text', label='genre')",
    )
