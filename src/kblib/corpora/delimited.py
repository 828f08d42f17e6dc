"""CSV and TSV cut into records, strictly: too few or too many values are a fault, never shifted."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kblib.corpora.sources import Fault, Faults, Faulty, Line, raw_lines
from kblib.errors import CorpusError

SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_OTHERS = {";": "semicolons", "\t": "tabs", ",": "commas", "|": "bars"}
_MIB = 1 << 20


@dataclass(frozen=True)
class Dialect:
    """How a file is written."""

    separator: str
    quote: str | None
    encoding: str
    max_line_mib: float

    def __post_init__(self) -> None:
        marks: dict[str, Any] = {"separator": self.separator, "quote": self.quote}
        for name, mark in marks.items():
            if mark is not None and (not isinstance(mark, str) or len(mark) != 1):
                raise CorpusError(
                    f"{name} is {mark!r}.",
                    "One mark was expected, such as a comma, a semicolon or a tab.",
                    "separator=\";\"; in a shell a tab is $'\\t'"
                    if name == "separator"
                    else "quote=None",
                )


def records(path: Path, dialect: Dialect, faults: Faults) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line and record (column to value), the first line giving the columns.

    Raises
    ------
    Faulty
        If the file cannot be read on, or its head is not right.
    """
    head: list[str] | None = None
    for number, values, fault in _rows(path, dialect):
        if fault is not None and head is None:
            raise Faulty(fault)
        if fault is not None:
            faults.add(fault)
        elif head is None:
            head = _head(path, number, values)
        elif len(values) != len(head):
            reason = f"{len(values)} values where the head has {len(head)} columns"
            faults.add(Fault(path, number, reason, _advice(dialect)))
        else:
            yield number, dict(zip(head, values, strict=True))
    if head is None:
        raise Faulty(
            Fault(
                path,
                None,
                "the file holds nothing but blank lines",
                "A head and rows were expected.",
            )
        )


def separator_advice(columns: list[str], separator: str) -> str:
    """Return what to try when the columns looked for are not there."""
    joined = " ".join(columns)
    other = next((mark for mark in _OTHERS if mark != separator and mark in joined), None)
    if other is None:
        return "Name the right ones with text='...' and id='...'."
    return f"The values seem to be divided by {_OTHERS[other]}: pass separator={other!r}."


def _rows(path: Path, dialect: Dialect) -> Iterator[tuple[int, list[str], Fault | None]]:
    feed = _Feed(
        path, raw_lines(path, encoding=dialect.encoding, max_line_mib=dialect.max_line_mib)
    )
    quoting: Literal[0, 3] = csv.QUOTE_NONE if dialect.quote is None else csv.QUOTE_MINIMAL
    reader = csv.reader(
        feed,
        delimiter=dialect.separator,
        quotechar=dialect.quote or '"',
        quoting=quoting,
        strict=True,
    )
    while True:
        start = feed.number + 1
        try:
            with _field_limit(dialect.max_line_mib):
                values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Faulty(_broken(path, start, error, dialect)) from None
        fault = feed.take_fault()
        if values or fault is not None:
            yield start, values, fault


class _Feed:
    """Hands lines to csv.reader, and remembers the fault of those that carry one."""

    def __init__(self, path: Path, lines: Iterator[Line]) -> None:
        self._path = path
        self._lines = lines
        self._fault: Fault | None = None
        self.number = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self.number = line.number
        self._fault = self._fault or line.fault
        if (
            line.too_long and line.fault is not None
        ):  # its quotes are not known: nor is what follows
            raise Faulty(line.fault.but(f"{line.fault.reason}; what follows it is not read"))
        return line.text + "\n"

    def take_fault(self) -> Fault | None:
        fault, self._fault = self._fault, None
        return fault


@contextmanager
def _field_limit(max_line_mib: float) -> Iterator[None]:
    before = csv.field_size_limit(int(max_line_mib * _MIB))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _head(path: Path, number: int, values: list[str]) -> list[str]:
    names = [value.strip() for value in values]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Faulty(
            Fault(path, number, f"two columns are called '{twice}'", "Each name once was expected.")
        )
    if "" in names:
        reason = f"column {names.index('') + 1} of {len(names)} has no name"
        raise Faulty(Fault(path, number, reason, "The first line should name the columns."))
    return names


def _broken(path: Path, start: int, error: csv.Error, dialect: Dialect) -> Fault:
    if "unexpected end" in str(error) or "field larger" in str(error):
        reason = "a quoted value begins in this record and does not end"
    else:
        reason = f"the record cannot be read ({error})"
    return Fault(path, start, reason, _advice(dialect))


def _advice(dialect: Dialect) -> str:
    if dialect.quote is None:
        return "If values are in quotes, pass quote='\"'."
    return "If quotes are part of the text and nothing is quoted, pass quote=None."
