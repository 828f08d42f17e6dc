"""The sheet a reader fills: rows are checked one by one, faults raised or listed."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from kblib import settings
from kblib.corpora.columns import constant_columns, in_order, strings, year_of
from kblib.corpora.corpus import Corpus
from kblib.corpora.document import Document
from kblib.corpora.finding import Found
from kblib.corpora.rows import frame_of_rows, stacked
from kblib.corpora.selection import Selection
from kblib.corpora.sources import Fault, Faults, Faulty, OnError
from kblib.corpora.steps import Step
from kblib.corpora.storage import Store
from kblib.errors import CorpusError

SPILL_CHARACTERS = 16 << 20
"""Rows are written to disk when they hold more characters than this."""


class Sheet:
    """Collects the rows of one corpus from many files.

    Parameters
    ----------
    found
        The files that will be read.
    name
        The corpus's name; by default that of the file or folder.
    on_error
        Whether the first fault is raised, or all are listed.
    constant
        Columns with one value for all rows.
    """

    def __init__(
        self, found: Found, name: str | None, on_error: OnError, constant: Mapping[str, Any]
    ) -> None:
        self.name = name or found.name
        self.faults = Faults(on_error)
        self._found = found
        self._constant = constant_columns(constant)
        self._rows: list[dict[str, Any]] = []
        self._characters = 0
        self._pieces: list[pl.LazyFrame] = []
        self._folder: Path | None = None
        self._keeper: _Keeper | None = None
        self._height = 0
        self._ids: dict[str, str] = {}

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Guard the reading of one file: what stops it is raised or listed, with what was kept."""
        before = self._height
        try:
            yield
        except Faulty as faulty:
            fault = faulty.fault
            kept = self._height - before
            if kept and self.faults.on_error == "collect":
                fault = fault.but(f"{fault.reason}; the {kept} documents before it are kept")
            self.faults.add(fault)

    def add(
        self, row: Mapping[str, Any], path: Path, line: int | None, *, own_id: bool = False
    ) -> None:
        """Take a row, if it is right.

        Parameters
        ----------
        own_id
            Whether the id was in the file, and so may have been used before.
        """
        fault = self._fault(row, path, line, own_id=own_id)
        if fault is not None:
            self.faults.add(fault)
            return
        self._rows.append({**self._constant, **row, **_year(row)})
        self._height += 1
        self._characters += len(row["text"])
        if self._characters > SPILL_CHARACTERS:
            self._spill()

    def corpus(self, verb: str, about: Mapping[str, Any]) -> Corpus:
        """Return the corpus of all rows taken.

        Raises
        ------
        CorpusError
            If there are none.
        """
        listed = self.faults.listed
        if not self._height:
            raise nothing_read(self._found, self.faults)
        said = {**self._found.about, **about, "kept": self._height, "left_out": len(listed)}
        frame = self._frame()
        store = Store(
            frame, left_out=tuple(one.to_dict() for one in listed), keep_alive=self._keeper
        )
        return Corpus(self.name, Selection(store, (Step(verb, said),)))

    def _fault(
        self, row: Mapping[str, Any], path: Path, line: int | None, *, own_id: bool
    ) -> Fault | None:
        text, own = row["text"], row["id"]
        if not isinstance(text, str):
            return Fault(path, line, f"the text is {text!r}", "A string was expected.")
        if not text.strip():
            return Fault(path, line, "the text is empty", "Every document needs a text.")
        half = next(
            (key for key, value in row.items() if isinstance(value, str) and not _whole(value)),
            None,
        )
        if half is not None:
            return Fault(
                path, line, f"half of a character in '{half}'", "Text that can be written as UTF-8."
            )
        try:
            year_of(row.get("year"))
        except ValueError:
            return Fault(
                path,
                line,
                f"the year is {row['year']!r}",
                "A whole number, or nothing where unknown.",
            )
        return self._id_fault(own, path, line) if own_id else None

    def _id_fault(self, own: Any, path: Path, line: int | None) -> Fault | None:
        if not isinstance(own, str) or not own.strip():
            return Fault(path, line, f"the id is {own!r}", "Every document needs an id.")
        place = f"{path}, line {line}"
        first = self._ids.setdefault(own, place)
        if first is place:
            return None
        return Fault(
            path,
            line,
            f"the id '{own}' stands twice, first in {first}",
            "An id names one document.",
        )

    def _spill(self) -> None:
        if self._folder is None:
            settings.writable_home()
            parent = settings.corpora_folder()
            parent.mkdir(exist_ok=True)
            self._folder = Path(tempfile.mkdtemp(dir=parent, prefix=".reading-"))
            self._keeper = _Keeper()
            weakref.finalize(self._keeper, shutil.rmtree, self._folder, ignore_errors=True)
        piece = self._folder / f"{len(self._pieces):06d}.parquet"
        self._table().write_parquet(piece)
        self._pieces.append(pl.scan_parquet(piece, glob=False))
        self._rows, self._characters = [], 0

    def _table(self) -> pl.DataFrame:
        frame = frame_of_rows(self._rows)
        year = [pl.col("year").cast(pl.Int32)] if "year" in frame.columns else []
        return frame.with_columns(*strings(frame.columns), *year)

    def _frame(self) -> pl.LazyFrame:
        frames = [*self._pieces, *([self._table().lazy()] if self._rows else [])]
        frame = stacked(frames)
        return frame.select(in_order(frame.collect_schema().names()))


def _year(row: Mapping[str, Any]) -> dict[str, int | None]:
    """Return a row's year, from its column or the front of its date; nothing without both."""
    if "year" in row:
        return {"year": year_of(row["year"])}
    if isinstance(row.get("date"), str):
        return {"year": Document("", "", date=row["date"]).year}
    return {}


def nothing_read(found: Found, faults: Faults) -> CorpusError:
    """Return the error for files of which nothing could be used."""
    first = faults.listed[0] if faults.listed else None
    happened = f"Nothing in {found.where} could be used; faults: {len(faults.listed)}."
    return (
        CorpusError(happened)
        if first is None
        else CorpusError(happened, f"The first: {first.where}: {first.reason}.", first.advice)
    )


def named_row(
    record: Mapping[str, Any], *, text: str, id_field: str | None, otherwise: str
) -> tuple[dict[str, Any], bool]:
    """Return a record with its text and id under these names, and whether the id was in it.

    A field that stands in the way is kept as ``original_text`` or ``original_id``.
    """
    source = id_field or ("id" if record.get("id") not in (None, "") else None)
    renamed = {text: "text"} | ({} if source is None else {source: "id"})
    row: dict[str, Any] = {"id": otherwise}
    for field, value in record.items():
        name = renamed.get(field, f"original_{field}" if field in renamed.values() else field)
        row[name] = value
    if source is not None and isinstance(row["id"], int) and not isinstance(row["id"], bool):
        row["id"] = str(row["id"])
    return row, source is not None


class _Keeper:
    """Stands for a folder of passing files; when nothing refers to it any more, the folder goes."""


def _whole(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
