"""JSON lines: one object a line, one document an object."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kblib.corpora.corpus import Corpus
from kblib.corpora.finding import Where, find_files
from kblib.corpora.sheet import Sheet, named_row
from kblib.corpora.sources import MAX_LINE_MIB, Fault, Line, OnError, known_encoding, raw_lines

SUFFIXES = (".jsonl", ".ndjson", ".jl")


def read_jsonl(
    where: Where,
    *,
    text: str = "text",
    id: str | None = None,  # noqa: A002  the field's name
    name: str | None = None,
    encoding: str = "utf-8",
    on_error: OnError = "raise",
    max_line_mib: float = MAX_LINE_MIB,
    columns: Mapping[str, Any] | None = None,
) -> Corpus:
    """Read files with one JSON object a line, also compressed with gzip; all fields are kept.

    Parameters
    ----------
    where
        A file, a list of files, a pattern, or a folder.
    text, id
        The fields that hold text and id. Without `id`, a field of that name is taken where it is,
        else the file's name and the line.
    name
        The corpus's name; by default that of the file or folder.
    encoding
        Any that Python knows; bytes that do not belong to it are a fault, never replaced.
    on_error
        ``raise``: the first fault ends the reading. ``collect``: the line is left out and listed in
        ``corpus.left_out``.
    max_line_mib
        The longest line read, in MiB; a longer one is a fault, and no more than this of it is held.
    columns
        More columns, one value for all rows: ``{"language": "sv", "year": 1905}``; a field of the
        same name goes before.

    Returns
    -------
    Corpus
        A field whose values are of several kinds, a list or an object, is kept as text (JSON).

    Raises
    ------
    CorpusError
        Naming file and line of the first fault.
    """
    found = find_files(where, SUFFIXES)
    sheet = Sheet(found, name, on_error, columns or {})
    known_encoding(encoding)
    for path in found.files:
        with sheet.reading():
            for line in raw_lines(path, encoding=encoding, max_line_mib=max_line_mib):
                if not line.text.strip() and line.fault is None:
                    continue
                record = _record(path, line, text, id)
                if isinstance(record, Fault):
                    sheet.faults.add(record)
                    continue
                row, own_id = named_row(
                    record, text=text, id_field=id, otherwise=f"{found.label(path)}#{line.number}"
                )
                sheet.add(row, path, line.number, own_id=own_id)
    return sheet.corpus("read_jsonl", {"text": text, "id": id, "encoding": encoding})


def _record(path: Path, line: Line, text: str, id_field: str | None) -> dict[str, Any] | Fault:
    if line.fault is not None:
        return line.fault
    try:
        record = json.loads(line.text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg} at character {error.colno} of {len(line.text)}"
        return Fault(path, line.number, reason, "One JSON object a line was expected.")
    except RecursionError:
        return Fault(path, line.number, "JSON nested too deeply", "A flat object was expected.")
    except _Twice as twice:
        return Fault(
            path, line.number, f"the field '{twice}' stands twice", "Each field once was expected."
        )
    if not isinstance(record, dict):
        return Fault(
            path,
            line.number,
            f"a JSON {type(record).__name__}",
            'An object such as {"text": ...} was expected.',
        )
    for field in (text, *(() if id_field is None else (id_field,))):
        if field not in record:
            fields = ", ".join(record) or "none"
            return Fault(
                path,
                line.number,
                f"no field '{field}'; its fields: {fields}",
                "Name them with text='...', id='...'.",
            )
    return record


class _Twice(ValueError):  # noqa: N818  carries a name, caught below its only use
    """A field that stands twice in an object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        names = [key for key, _ in pairs]
        raise _Twice(next(key for key in record if names.count(key) > 1))
    return record
