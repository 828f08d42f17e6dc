"""Tables of labels and predictions, as they come from a spreadsheet or a model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.columns import shown, shown_series
from kblib.errors import LabelError
from kblib.labels import Labels

if TYPE_CHECKING:
    import pandas as pd

    Table = pl.DataFrame | pd.DataFrame | Labels

WITH_ZEROS = 'pandas.read_csv(path, dtype={"id": str})'
"""How ids are read as they are written, with zeros in front and all their digits."""
_LARGEST = 2**53
"""The whole numbers from here on are not all there among decimal ones."""
UNSURE = "unsure"
"""The label of a text that was read, but not decided; it counts as no, and the bounds tell."""
NEEDED = ("id", "label")
BYTE_ORDER_MARKS = ("\N{ZERO WIDTH NO-BREAK SPACE}", "ï»¿")
"""What Excel writes before a UTF-8 file, and the same where it was read as Latin-1."""


def frame_of(table: Table, name: str) -> pl.DataFrame:
    """Return labels or predictions as a table whose columns ``id`` and ``label`` are text.

    A number is written without a point where it is whole: where one cell of a column is empty,
    pandas makes 1.0 of every 1. Spaces around a label are no part of it, and an empty one is none.

    Raises
    ------
    LabelError
        If it is no table, one of the two columns is missing, a row has no id, or ids were rounded.
    """
    if isinstance(table, Labels):
        table = table.rows
    if not hasattr(table, "columns"):
        raise LabelError(
            f"The {name} were given as a {type(table).__name__}.",
            "A table with the columns 'id' and 'label' was expected.",
            f'pandas.DataFrame({{"id": ..., "label": {name}}})',
        )
    there = [str(one) for one in table.columns]
    twice = next((one for one in there if there.count(one) > 1), None)
    if twice is not None:
        raise LabelError(
            f"Two columns of the {name} are called '{twice}'.", "Each name once was expected."
        )
    missing = [one for one in NEEDED if one not in there]
    if missing:
        raise LabelError(
            f"The {name} have no column '{missing[0]}'; they have: {_named(there)}.",
            "Columns 'id' and 'label' were expected.",
            _advice(there, missing[0], name),
        )
    frame = table if isinstance(table, pl.DataFrame) else _polars(table)
    _check_exact(frame["id"], name)
    label = shown_series(frame["label"]).str.strip_chars().replace("", None)
    frame = frame.with_columns(shown_series(frame["id"]), label)
    absent = frame["id"].is_null().arg_true()
    if len(absent):
        raise LabelError(
            f"Row {absent[0] + 1} of the {name} has no id; {len(absent):,} of {frame.height:,} "
            "rows have none.",
            "A label is joined to its text by the id.",
            f'{name}.dropna(subset="id"), if those rows are empty',
        )
    return frame


def check_zeros(ids: pl.Series, texts: pl.Series, corpus: str) -> None:
    """Refuse ids that lack the zeros in front that those of texts have: they would be left out.

    Parameters
    ----------
    ids, texts
        The ids of labels, and of the texts of the corpus.
    """
    there = pl.DataFrame({"id": texts})
    padded = there.filter(pl.col("id").str.starts_with("0")).rename({"id": "written"})
    padded = padded.with_columns(id=pl.col("written").str.strip_chars_start("0"))
    lost = pl.DataFrame({"id": ids}).join(there, "id", how="anti").join(padded, "id")
    if lost.height:
        first, written = lost.row(0)
        raise LabelError(
            f"'{first}' is no id of corpus '{corpus}', and '{written}' is one; "
            f"{lost.height:,} labels lack the zeros in front.",
            "Ids as the corpus has them were expected.",
            WITH_ZEROS,
        )


def check_corpus(corpus: object, example: str) -> None:
    """Refuse what is no corpus, such as the table that it would be made of."""
    if not isinstance(corpus, Corpus):
        raise LabelError(
            f"The corpus is a {type(corpus).__name__}.",
            "A Corpus was expected; of a table: kb.Corpus.from_table(table).",
            example,
        )


def check_spelling(labels: Iterable[str]) -> None:
    """Refuse two labels that differ in capitals only: one would count as another label."""
    first: dict[str, str] = {}
    for label in sorted(labels):
        other = first.setdefault(label.casefold(), label)
        if other != label:
            raise LabelError(
                f"'{other}' and '{label}' differ in capitals only.",
                "Each label is written one way, by the model and by readers.",
                'labels["label"] = labels["label"].str.lower(), and so of the predictions',
            )


def is_share(given: Any) -> bool:
    """Tell whether a reader gave a share: a number between 0 and 1."""
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return number and 0 < given < 1


def check_numbers(values: pl.Series, name: str) -> None:
    """Refuse a column of scores that holds text, such as numbers with a decimal comma."""
    if not values.dtype.is_numeric():
        first, kind = values.drop_nulls(), "text" if values.dtype == pl.String else values.dtype
        raise LabelError(
            f"Column '{values.name}' of the {name} holds {kind}"
            f"{f', such as {first[0]!r}' if len(first) else ''}.",
            "Numbers were expected.",
            'With decimal commas: pandas.read_csv("file.csv", sep=";", decimal=",")',
        )


def _check_exact(ids: pl.Series, name: str) -> None:
    """Refuse large ids that are decimal numbers: pandas makes them so beside an empty cell."""
    if not ids.dtype.is_float():
        return
    large = ids.filter(ids.abs() >= _LARGEST)
    if len(large):
        raise LabelError(
            f"An id of the {name} is the decimal number {large[0]:.0f}; of so large ones the last "
            "digits are lost.",
            "Ids as text were expected.",
            WITH_ZEROS,
        )


def _polars(table: pd.DataFrame) -> pl.DataFrame:
    try:
        return pl.from_pandas(table)
    except (TypeError, ValueError):  # a column of numbers and text mixed: all of it is text
        mixed = [str(name) for name in table if table[name].dtype == object]
        texts = {name: table[name].map(shown, na_action="ignore") for name in mixed}
        return pl.from_pandas(table.assign(**texts))


def _advice(there: list[str], missing: str, name: str) -> str:
    joined = " ".join(there)
    if len(there) == 1 and (mark := next((one for one in ";\t" if one in joined), "")):
        return f'pandas.read_csv("file.csv", sep={mark!r}, decimal=",")'
    if any(one.startswith(BYTE_ORDER_MARKS) for one in there):
        return 'pandas.read_csv("file.csv", encoding="utf-8-sig")'
    like = [one for one in there if one.strip().casefold() == missing]
    others = [one for one in there if one not in (*NEEDED, "text")]
    old = like[0] if like else others[0] if len(others) == 1 else "..."
    return f'{name}.rename(columns={{"{old}": "{missing}"}})'


def _named(columns: Iterable[str]) -> str:
    return ", ".join(one if one.isprintable() else repr(one) for one in columns) or "none"
