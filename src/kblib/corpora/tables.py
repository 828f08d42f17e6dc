"""Between tables and corpora: Polars inside, pandas at the surface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.errors import CorpusError

if TYPE_CHECKING:
    import pandas as pd


def frame_of_texts(texts: Iterable[str], name: str, extra: Mapping[str, Any]) -> pl.DataFrame:
    """Return a table of texts with numbered ids; more columns are a list or one value for all."""
    if isinstance(texts, str):
        raise CorpusError(
            f"One string was given ({texts[:40]!r}).",
            "A list of strings was expected.",
            "Corpus.from_texts([text])",
        )
    listed = list(texts)
    wrong = next((index for index, kind in enumerate(map(type, listed)) if kind is not str), None)
    if wrong is not None:
        raise CorpusError(
            f"Text {wrong + 1} of {len(listed)} is {listed[wrong]!r}.",
            "Every text must be a string.",
        )
    given = {column: _as_long(column, values, len(listed)) for column, values in extra.items()}
    _refuse_surrogates(listed)
    data = {
        "id": [f"{name}/{number}" for number in range(1, len(listed) + 1)],
        "text": listed,
        **given,
    }
    try:
        return pl.DataFrame(data, schema_overrides={"text": pl.String, "id": pl.String})
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise _unusable(given, str(error)) from None


def _unusable(given: dict[str, Any], why: str) -> CorpusError:
    """Say which column holds values that do not go together."""
    for column, values in given.items():
        first = {type(value).__name__: value for value in reversed(values) if value is not None}
        if len(first) > 1:
            shown = ", ".join(f"{value!r} ({kind})" for kind, value in first.items())
            return CorpusError(
                f"Column '{column}' holds values of {len(first)} types: {shown}.",
                "One type a column was expected, and None where nothing is known.",
            )
    return CorpusError(
        f"A column given with the texts cannot be used: {why}.", "One type a column was expected."
    )


def frame_of_table(
    table: pl.DataFrame | pd.DataFrame, name: str, *, text: str, id_column: str | None
) -> pl.DataFrame:
    """Return a Polars table with ``id`` and ``text``, made from a table of either kind."""
    frame = table if isinstance(table, pl.DataFrame) else pl.from_pandas(table)
    for column in (text, *(() if id_column is None else (id_column,))):
        if column not in frame.columns:
            raise CorpusError(
                f"The table has no column '{column}'.",
                f"Its columns: {', '.join(frame.columns)}.",
                "Name the right ones with text='...' and id='...'.",
            )
    return with_id_and_text(frame.lazy(), name, text=text, id_column=id_column).collect()


def with_id_and_text(
    frame: pl.LazyFrame, name: str, *, text: str, id_column: str | None
) -> pl.LazyFrame:
    """Rename the two columns; without `id_column`, ``id`` is taken, else rows are numbered."""
    there = frame.collect_schema().names()
    source = id_column or ("id" if "id" in there else None)
    renamed = {text: "text"} | ({} if source is None else {source: "id"})
    covered = [
        new for old, new in renamed.items() if old != new and new in there and new not in renamed
    ]
    frame = frame.drop(covered).rename(renamed)
    if source is not None:
        return frame
    number = pl.format("{}/{}", pl.lit(name), pl.col("__number"))
    return (
        frame.with_row_index("__number", offset=1).with_columns(number.alias("id")).drop("__number")
    )


def in_batches(
    frame: pl.LazyFrame, size: int, kept: pl.Series | None = None
) -> Iterator[pl.DataFrame]:
    """Yield the rows of a lazy frame in order, `size` at a time, holding only a few batches.

    Parameters
    ----------
    kept
        The numbers of the rows wanted, ascending; all rows if None. Cutting them out of each piece
        keeps memory level, where a join would gather more of a large file the larger it is.
    """
    rest: pl.DataFrame | None = None
    for piece in _pieces(frame, size, kept):
        table = piece if rest is None else pl.concat([rest, piece])
        whole = table.height - table.height % size
        for start in range(0, whole, size):
            yield table.slice(start, size)
        rest = table.slice(whole) if whole < table.height else None
    if rest is not None:
        yield rest


def _pieces(frame: pl.LazyFrame, size: int, kept: pl.Series | None) -> Iterator[pl.DataFrame]:
    start = 0
    for piece in frame.collect_batches(chunk_size=size, maintain_order=True, engine="streaming"):
        if kept is None:
            yield piece
            continue
        first, last = (int(kept.search_sorted(at)) for at in (start, start + piece.height))
        if last > first:
            yield piece[kept[first:last] - start]
        start += piece.height


def pandas_of(frame: pl.LazyFrame) -> pd.DataFrame:
    """Collect into a pandas table; whole numbers stay whole where some are absent."""
    table = frame.collect(engine="streaming")
    numbers = {
        name: "Int64"
        for name, kind in table.schema.items()
        if kind.is_integer() and table[name].has_nulls()
    }
    return table.to_pandas().astype(numbers)


def _as_long(column: str, values: Any, length: int) -> Any:
    if isinstance(values, str) or not isinstance(values, Sequence | pl.Series):
        values = values if not hasattr(values, "tolist") else values.tolist()
        if not isinstance(values, list):
            return [values] * length
    if len(values) != length:
        raise CorpusError(
            f"Column '{column}' has {len(values)} values for {length} texts.",
            "One a text, or one value for all.",
        )
    return values


def _refuse_surrogates(texts: list[str]) -> None:
    for number, text in enumerate(texts, start=1):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise CorpusError(
                f"Text {number} has {text[error.start]!r}, half of a character, "
                f"at character {error.start + 1}.",
                "Text that can be written as UTF-8 was expected.",
                "It was read with errors='surrogateescape'; read it again with the right encoding.",
            ) from None
