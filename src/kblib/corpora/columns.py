"""The columns of a corpus: which are standard, how a table is brought to them, and what is refused.

``id`` and ``text`` are required. The standard columns below may be absent. Every other column is
*origin*: film, reel, page, time code ... and is kept flat and as it is.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from kblib.corpora.document import Document
from kblib.corpora.rows import frame_of_rows
from kblib.errors import CorpusError

REQUIRED = ("id", "text")
STANDARD = ("title", "date", "year", "source", "kind", "language", "licence", "rights")
DOCUMENT_FIELDS = ("title", "date", "source", "kind", "language", "licence", "rights")
LATEST = 9999
YEAR_AT_FRONT = r"^(\d{4})(?:-|$)"


def known_column(column: str, columns: Sequence[str], corpus: str) -> str:
    """Return `column` if it is one of `columns`.

    Raises
    ------
    CorpusError
        Listing the columns there are, and the nearest name.
    """
    if column in columns:
        return column
    near = difflib.get_close_matches(column, columns, n=1)
    raise CorpusError(
        f"Corpus '{corpus}' has no column '{column}'.",
        f"Its columns: {', '.join(columns)}.",
        f"Did you mean '{near[0]}'?" if near else "",
    )


def in_order(columns: Iterable[str]) -> list[str]:
    """Return column names in the order of a corpus: required, standard, then origin as given."""
    given = list(columns)
    first = [name for name in (*REQUIRED, *STANDARD) if name in given]
    return first + [name for name in given if name not in first]


def standard_frame(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Bring a table that has ``id`` and ``text`` to the standard columns and check every row.

    Raises
    ------
    CorpusError
        If a text is absent or empty, an id is absent or used twice, or a year is not a whole
        number.
    """
    frame = frame.with_columns(shown_series(frame["id"]), _text_column(frame, name))
    frame = frame.with_columns(strings(frame.columns))
    frame = _with_year(frame, name)
    check_rows(frame, name)
    return frame.select(in_order(frame.columns))


def shown(value: Any) -> str:
    """Return a value as a spreadsheet shows it: 12 and not 12.0, which pandas makes of it."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def shown_series(values: pl.Series) -> pl.Series:
    """Return values as text, each as `shown` does; nothing stays nothing."""
    if values.dtype.is_float():
        values = values.fill_nan(None)
        whole = (values.drop_nulls() % 1 == 0).all()
        values = values.cast(pl.Int64) if whole else values
    return values.cast(pl.String)


def column_names(by: Sequence[str], asked: str = "by") -> tuple[str, ...]:
    """Return a list of columns; one name alone would be taken for a list of letters.

    Raises
    ------
    CorpusError
        If it is a name alone.
    """
    if isinstance(by, str):
        raise CorpusError(
            f"{asked} is '{by}'.", "A list of columns was expected.", f"{asked}=['{by}']"
        )
    return tuple(by)


def strings(there: Iterable[str]) -> list[pl.Expr]:
    """Return the casts that make text of the standard columns that hold text."""
    names = set(there)
    return [pl.col(column).cast(pl.String) for column in DOCUMENT_FIELDS if column in names]


def constant_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns with one value for all rows, their year a whole number.

    Raises
    ------
    CorpusError
        If one is called id or text, or the year is none.
    """
    taken = next((name for name in REQUIRED if name in columns), None)
    if taken is not None:
        raise CorpusError(f"'{taken}' cannot be the same for all rows.", "Give other columns.")
    if "year" not in columns:
        return dict(columns)
    try:
        return {**columns, "year": year_of(columns["year"])}
    except ValueError:
        raise CorpusError(
            f"The year is {columns['year']!r}.", "A whole number was expected."
        ) from None


def year_of(value: object) -> int | None:
    """Return a year given as a whole number or its digits; None for nothing.

    Raises
    ------
    ValueError
        For anything else.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(value)
    number = float(value)
    if not (number.is_integer() and abs(number) <= LATEST):
        raise ValueError(value)
    return int(number)


def check_rows(frame: pl.DataFrame, name: str) -> None:
    """Refuse absent or empty texts, absent ids, and ids used twice, naming the first row."""
    for column in REQUIRED:
        bad = frame.select(
            pl.arg_where(pl.col(column).is_null() | (pl.col(column).str.strip_chars() == ""))
        ).to_series()
        if len(bad):
            raise CorpusError(
                f"Row {bad[0] + 1} of '{name}' has no {column}; "
                f"{len(bad)} of {frame.height} rows have none.",
                f"Every document needs its {column}.",
                "Leave those rows out before making the corpus, and say so where you publish.",
            )
    twice = frame.select(pl.arg_where(~pl.col("id").is_first_distinct())).to_series()
    if len(twice):
        again = frame["id"][twice[0]]
        first = frame.select(pl.arg_where(pl.col("id") == again)).to_series()[0]
        raise CorpusError(
            f"Rows {first + 1} and {twice[0] + 1} of '{name}' have the same id '{again}'; "
            f"{len(twice)} ids are used again.",
            "An id names one document.",
            "Give another column as id, or none: then rows are numbered.",
        )


def frame_of_documents(documents: Iterable[Document]) -> pl.DataFrame:
    """Return the flat table of some documents; what is in their origins becomes columns."""
    rows: list[dict[str, Any]] = []
    for document in documents:
        row: dict[str, Any] = {"id": document.id, "text": document.text}
        row |= {column: getattr(document, column) for column in DOCUMENT_FIELDS}
        clash = next((key for key in document.origin if key in (*REQUIRED, *STANDARD)), None)
        if clash:
            raise CorpusError(
                f"Document '{document.id}' has '{clash}' in its origin.",
                "That name belongs to the document itself.",
                f"Give it as Document(..., {clash}=...), or call it something else in the origin.",
            )
        rows.append(row | dict(document.origin) | {"year": document.year})
    if not rows:
        return empty_frame()
    return frame_of_rows(rows)


def empty_frame() -> pl.DataFrame:
    """Return a table without rows, with the required columns and a year."""
    return pl.DataFrame(schema={"id": pl.String, "text": pl.String, "year": pl.Int32})


def document_of_row(row: Mapping[str, Any]) -> Document:
    """Return the document a row stands for; absent values are left out of its origin."""
    fields = {column: row[column] for column in DOCUMENT_FIELDS if row.get(column) is not None}
    if not fields.get("date") and row.get("year") is not None:
        fields["date"] = f"{row['year']:04d}"
    own = (*REQUIRED, *STANDARD)
    origin = {key: value for key, value in row.items() if key not in own and value is not None}
    return Document(row["id"], row["text"], **fields, origin=origin)


def _text_column(frame: pl.DataFrame, name: str) -> pl.Expr:
    kind = frame.schema["text"]
    if kind not in (pl.String, pl.Null) and not isinstance(kind, pl.Categorical | pl.Enum):
        raise CorpusError(
            f"Column 'text' of '{name}' holds {kind}.",
            "Text was expected.",
            f"Columns there: {', '.join(frame.columns)}. Name the right one with text='...'.",
        )
    return pl.col("text").cast(pl.String)


def _with_year(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    if "year" not in frame.columns:
        if "date" not in frame.columns:
            return frame
        return frame.with_columns(year=pl.col("date").str.extract(YEAR_AT_FRONT).cast(pl.Int32))
    given = frame["year"]
    years = given.cast(pl.Int32, strict=False)
    lost = (years.is_null() & given.is_not_null()).arg_true()
    if len(lost):
        raise CorpusError(
            f"Row {lost[0] + 1} of '{name}' has the year {given[lost[0]]!r}.",
            "A year is a whole number, or absent where it is unknown.",
            f"{len(lost)} of {len(given)} rows have such a year.",
        )
    return frame.with_columns(years.alias("year"))
