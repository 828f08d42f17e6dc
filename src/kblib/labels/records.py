"""Records of labelled texts, from tables and from JSON lines: which column is what."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kblib.corpora.delimited import Dialect, records, separator_advice
from kblib.corpora.sources import Fault, Faults, Faulty, Line, raw_lines

ABSENT = object()
"""What stands for a value that is not there; None is a value that a file may hold."""
OWN = ("id", "text", "text_pair", "tokens", "label")
"""Columns that labels have; what a file calls so, and is not asked for, is left out."""


@dataclass(frozen=True)
class Columns:
    """Which columns hold what.

    Attributes
    ----------
    texts
        One, or two where a label is of a pair; none where the texts are those of a corpus.
    label, id
        The label's column, and the id's if it is named. A dot leads into an object of JSON lines:
        ``first.context``.
    """

    texts: tuple[str, ...]
    label: str
    id: str | None

    def missing(self, record: Mapping[str, Any]) -> str | None:
        """Return the first column that is needed and not there."""
        needed = (*self.texts, self.label, *(() if self.id is None else (self.id,)))
        return next((name for name in needed if _value(record, name) is ABSENT), None)

    def entry(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Return a record under the names that labels have."""
        taken = {*OWN, *self.texts, self.label, self.id}
        rest = {key: value for key, value in record.items() if key not in taken}
        own_id = _value(record, self.id) if self.id else record.get("id")
        texts = [_value(record, name) for name in self.texts]
        if texts and isinstance(texts[0], list):
            named: dict[str, Any] = {"tokens": texts[0]}
        else:
            named = dict(zip(("text", "text_pair"), texts, strict=False))
        return {"id": own_id, **named, "label": _value(record, self.label), **rest}


@dataclass(frozen=True)
class Entry:
    """A labelled text as a file has it.

    Attributes
    ----------
    where
        Its place.
    row
        id (None if the file has none), text or tokens, label, and what else is said.
    """

    where: Fault
    row: dict[str, Any]


def of_table(path: Path, dialect: Dialect, columns: Columns, faults: Faults) -> Iterator[Entry]:
    """Yield the rows of a CSV or TSV file.

    Raises
    ------
    Faulty
        If a column is not there, or the file cannot be read on.
    """
    checked = False
    for number, record in records(path, dialect, faults):
        missing = None if checked else columns.missing(record)
        if missing is not None:
            there = list(record)
            reason = f"no column '{missing}'; its columns: {', '.join(there)}"
            raise Faulty(Fault(path, 1, reason, _naming(there, dialect.separator)))
        checked = True
        yield Entry(Fault(path, number, "", unit="row"), columns.entry(record))
    if not checked:
        advice = "At least one row was expected."
        raise Faulty(Fault(path, None, "the table has a head and no rows", advice))


def of_jsonl(
    path: Path, columns: Columns, faults: Faults, *, encoding: str, max_line_mib: float
) -> Iterator[Entry]:
    """Yield the objects of a file of JSON lines."""
    for line in raw_lines(path, encoding=encoding, max_line_mib=max_line_mib):
        if not line.text.strip() and line.fault is None:
            continue
        found = line.fault or _object(path, line, columns)
        if isinstance(found, Fault):
            faults.add(found)
        else:
            yield Entry(Fault(path, line.number, ""), columns.entry(found))


def _object(path: Path, line: Line, columns: Columns) -> dict[str, Any] | Fault:
    try:
        record = json.loads(line.text)
    except (json.JSONDecodeError, RecursionError) as error:
        reason = f"not JSON: {getattr(error, 'msg', 'nested too deeply')}"
        return Fault(path, line.number, reason, "One JSON object a line was expected.")
    if not isinstance(record, dict):
        advice = "An object a line was expected; of one list: read_labels(json.load(open(file)))."
        return Fault(path, line.number, f"a JSON {type(record).__name__}", advice)
    missing = columns.missing(record)
    if missing is None:
        return record
    reason = f"no field '{missing}'; its fields: {', '.join(record) or 'none'}"
    return Fault(path, line.number, reason, _naming(list(record), ","))


def _value(record: Mapping[str, Any], name: str) -> Any:
    """Return what a record has under a name, or under a way into its objects; else `ABSENT`."""
    if name in record:
        return record[name]
    first, _, rest = name.partition(".")
    inside = record.get(first)
    return _value(inside, rest) if rest and isinstance(inside, Mapping) else ABSENT


def _naming(there: list[str], separator: str) -> str:
    advice = separator_advice(there, separator)
    if "separator=" in advice:
        return advice
    words = " Of a word a line: format='conll'." if separator == "\t" else ""
    return f"Name them: text='...', label='...', id='...'.{words}"
