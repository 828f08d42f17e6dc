"""Parquet tables as they lie on disk: checked once, file after file, and never loaded whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from kblib.corpora.columns import YEAR_AT_FRONT, constant_columns, in_order, strings
from kblib.corpora.finding import Found
from kblib.corpora.rows import stacked
from kblib.corpora.sources import Fault, Faults, Faulty
from kblib.corpora.tables import with_id_and_text

_ROW = "__row"
_FILE_ROW = "__file_row"
_FILE = "__file"
_FAULT = "__fault"


def checked_frame(
    found: Found, faults: Faults, *, text: str, id_column: str | None, constant: Mapping[str, Any]
) -> pl.LazyFrame | None:
    """Return the rows of Parquet files that are right, read lazily; None if there are none.

    Ids, texts and years of each file are read through once, a piece at a time: a damaged page is
    found here and not in the middle of a training.
    """
    frames = []
    for path in found.files:
        try:
            frames.append(_file(found, path, faults, text=text, id_column=id_column))
        except Faulty as faulty:
            faults.add(faulty.fault)
    if not frames:
        return None
    frame = _without_repeats(stacked(frames), faults).drop(_FILE, _FILE_ROW)
    there = frame.collect_schema().names()
    added = constant_columns(constant).items()
    frame = frame.with_columns(
        pl.lit(value).alias(name) for name, value in added if name not in there
    )
    frame = frame.with_columns(strings(frame.collect_schema().names()))
    if "year" not in frame.collect_schema() and "date" in there:
        year = pl.col("date").str.extract(YEAR_AT_FRONT).cast(pl.Int32)
        frame = frame.with_columns(year=year)
    return frame.select(in_order(frame.collect_schema().names()))


def _file(
    found: Found, path: Path, faults: Faults, *, text: str, id_column: str | None
) -> pl.LazyFrame:
    names = _columns(path)
    for column in (text, *(() if id_column is None else (id_column,))):
        if column not in names:
            reason = f"no column '{column}'; its columns: {', '.join(names)}"
            advice = "Name the right ones with text='...' and id='...'."
            raise Faulty(Fault(path, None, reason, advice))
    scan = pl.scan_parquet(path, glob=False)
    frame = with_id_and_text(scan, found.label(path), text=text, id_column=id_column)
    kind = frame.collect_schema()["text"]
    if kind != pl.String and not isinstance(kind, pl.Categorical | pl.Enum):
        raise Faulty(Fault(path, None, f"column '{text}' holds {kind}", "Text was expected."))
    frame = frame.with_columns(pl.col("id", "text").cast(pl.String), pl.lit(str(path)).alias(_FILE))
    frame = frame.with_row_index(_FILE_ROW, offset=1)
    wrong = _wrong(frame)
    bad = _collected(path, frame.filter(wrong.is_not_null()).select(_FILE_ROW, wrong.alias(_FAULT)))
    for row, reason in bad.iter_rows():
        faults.add(Fault(path, row, reason, "Every document needs a text and an id.", unit="row"))
    if "year" in names:
        frame = frame.with_columns(pl.col("year").cast(pl.Int32, strict=False))
    return _without(frame, bad, _FILE_ROW)


def _columns(path: Path) -> list[str]:
    if path.is_dir():
        reason = "a folder stands where a file was expected"
        raise Faulty(Fault(path, None, reason, "Name the files in it."))
    if not path.exists():
        raise Faulty(Fault(path, None, "there is no such file", f"Look in {path.parent}."))
    if path.stat().st_size == 0:
        advice = "Get it again from where it came from, or take it away."
        raise Faulty(Fault(path, None, "the file is empty", advice))
    try:
        return pl.scan_parquet(path, glob=False).collect_schema().names()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Faulty(_damaged(path, error)) from None


def _wrong(frame: pl.LazyFrame) -> pl.Expr:
    blank = pl.col("text").is_null() | (pl.col("text").str.strip_chars() == "")
    nameless = pl.col("id").is_null() | (pl.col("id").str.strip_chars() == "")
    blanks = pl.when(blank).then(pl.lit("the text is empty"))
    wrong = blanks.when(nameless).then(pl.lit("the id is empty"))
    if "year" not in frame.collect_schema():
        return wrong
    lost = pl.col("year").is_not_null() & pl.col("year").cast(pl.Int32, strict=False).is_null()
    return wrong.when(lost).then(pl.format("the year is {}", pl.col("year").cast(pl.String)))


def _without_repeats(frame: pl.LazyFrame, faults: Faults) -> pl.LazyFrame:
    numbered = frame.with_row_index(_ROW)
    keys = numbered.select(_ROW, pl.col("id").hash().alias("key")).collect(engine="streaming")
    again = keys.filter(~pl.col("key").is_first_distinct()).select(_ROW)
    if not again.height:
        return frame
    rows = numbered.join(again.lazy(), on=_ROW, how="semi", maintain_order="left")
    places = rows.select(_FILE, _FILE_ROW, "id").collect(engine="streaming")
    for file, row, own in places.iter_rows():
        reason = f"the id '{own}' stands a second time"
        faults.add(Fault(Path(file), row, reason, "An id names one document.", unit="row"))
    return _without(numbered, again, _ROW).drop(_ROW)


def _without(frame: pl.LazyFrame, rows: pl.DataFrame, column: str) -> pl.LazyFrame:
    if not rows.height:
        return frame
    lost = rows.select(column).lazy()
    return frame.join(lost, on=column, how="anti", maintain_order="left")


def _collected(path: Path, frame: pl.LazyFrame) -> pl.DataFrame:
    try:
        return frame.collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise Faulty(_damaged(path, error)) from None


def _damaged(path: Path, error: Exception) -> Fault:
    first = str(error).splitlines()[0]
    advice = "Get it again; it may have been cut short."
    return Fault(path, None, f"not a whole Parquet file ({first})", advice)
