"""Tables: CSV, TSV and Parquet, one document a row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kblib.corpora.corpus import Corpus
from kblib.corpora.delimited import SEPARATORS, Dialect, records, separator_advice
from kblib.corpora.finding import Found, Where, find_files
from kblib.corpora.parquet import checked_frame
from kblib.corpora.selection import Selection
from kblib.corpora.sheet import Sheet, named_row, nothing_read
from kblib.corpora.sources import MAX_LINE_MIB, Fault, Faults, Faulty, OnError, known_encoding
from kblib.corpora.steps import Step
from kblib.corpora.storage import Store
from kblib.errors import CorpusError

PARQUET = (".parquet", ".pq")


def read_table(
    where: Where,
    *,
    text: str = "text",
    id: str | None = None,  # noqa: A002  the column's name
    separator: str | None = None,
    quote: str | None = '"',
    name: str | None = None,
    encoding: str = "utf-8",
    on_error: OnError = "raise",
    max_line_mib: float = MAX_LINE_MIB,
    columns: Mapping[str, Any] | None = None,
) -> Corpus:
    """Read CSV, TSV (also compressed with gzip) or Parquet tables; all columns are kept.

    Parquet files are read through once to check them and then stay where they are; the corpus reads
    from them.

    Parameters
    ----------
    where
        A file, a list of files, a pattern, or a folder; all of one kind.
    text, id
        The columns that hold text and id. Without `id`, a column of that name is taken, else the
        file's name and the line or row.
    separator
        What divides values; by default a comma, or a tab in .tsv and .tab files.
    quote
        What quoted values stand in; None if quotes are part of the text.
    name
        The corpus's name; by default that of the file or folder.
    encoding
        Any that Python knows; bytes that do not belong to it are a fault, never replaced.
    on_error
        ``raise``: the first fault ends the reading. ``collect``: the row is left out and listed in
        ``corpus.left_out``.
    max_line_mib
        The longest line read, in MiB; a longer one is a fault, and no more than this of it is held.
    columns
        More columns, one value for all rows: ``{"language": "sv", "year": 1905}``; a column of the
        same name goes before.

    Returns
    -------
    Corpus
        Values from CSV stay text, but ``year`` is a whole number.

    Raises
    ------
    CorpusError
        Naming file and line of the first fault.
    """
    found = find_files(where, (*SEPARATORS, *PARQUET))
    known_encoding(encoding)
    parquet = {path.suffix.lower() in PARQUET for path in found.files}
    if len(parquet) > 1:
        raise CorpusError(
            f"{found.where} holds Parquet and delimited tables.",
            "One kind was expected.",
            "Give a pattern, such as '*.parquet'.",
        )
    if parquet == {True}:
        return _of_parquet(found, name, on_error, text=text, id_column=id, constant=columns or {})
    sheet = Sheet(found, name, on_error, columns or {})
    for path in found.files:
        dialect = Dialect(separator or _separator(path), quote, encoding, max_line_mib)
        with sheet.reading():
            _read_delimited(sheet, path, found.label(path), dialect, text=text, id_column=id)
    return sheet.corpus("read_table", {"text": text, "id": id, "encoding": encoding})


def _read_delimited(
    sheet: Sheet, path: Path, label: str, dialect: Dialect, *, text: str, id_column: str | None
) -> None:
    checked = False
    for number, record in records(path, dialect, sheet.faults):
        if not checked:
            _check_columns(path, list(record), dialect.separator, text=text, id_column=id_column)
            checked = True
        row, own_id = named_row(
            record, text=text, id_field=id_column, otherwise=f"{label}#{number}"
        )
        sheet.add(row, path, number, own_id=own_id)
    if not checked:
        raise Faulty(
            Fault(path, None, "the table has a head and no rows", "At least one row was expected.")
        )


def _check_columns(
    path: Path, there: list[str], separator: str, *, text: str, id_column: str | None
) -> None:
    for column in (text, *(() if id_column is None else (id_column,))):
        if column not in there:
            reason = f"no column '{column}'; its columns: {', '.join(there)}"
            raise Faulty(Fault(path, 1, reason, separator_advice(there, separator)))


def _separator(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return SEPARATORS.get(suffixes[-1] if suffixes else "", ",")


def _of_parquet(
    found: Found,
    name: str | None,
    on_error: OnError,
    *,
    text: str,
    id_column: str | None,
    constant: Mapping[str, Any],
) -> Corpus:
    faults = Faults(on_error)
    frame = checked_frame(found, faults, text=text, id_column=id_column, constant=constant)
    if frame is None:
        raise nothing_read(found, faults)
    store = Store(frame, left_out=tuple(one.to_dict() for one in faults.listed))
    if not store.height:
        raise nothing_read(found, faults)
    about = {
        **found.about,
        "text": text,
        "id": id_column,
        "kept": store.height,
        "left_out": len(faults.listed),
    }
    return Corpus(name or found.name, Selection(store, (Step("read_table", about),)))
