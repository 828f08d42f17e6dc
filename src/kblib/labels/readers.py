"""What several readers say of the same items, in a plain file that grows by a line each time.

Nothing is written over: who thinks again adds a line, and the last one of each reader counts. Where
readers differ, the item counts as unsure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from kblib.errors import IntegrityError
from kblib.runs import journal

WHO = "who"
UNSURE = "unsure"
ENDING = ".jsonl"


def add(path: Path, record: Mapping[str, Any]) -> None:
    """Append a line, and return when it is on the disk.

    Raises
    ------
    OSError
        If the disk is full.
    """
    journal.append(path, record)
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def now() -> str:
    """Return the time as it stands in such files."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def lines(path: Path, fields: Collection[str], what: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the record of each line.

    Parameters
    ----------
    what
        What a line is called, such as ``mark``.

    Raises
    ------
    IntegrityError
        If a line lacks a field or is no JSON.
    """
    for number, line in enumerate(journal.Tail(path).lines(), start=1):
        if line:
            yield number, _record(path, number, line, fields, what)


def last_of_each(rows: pl.DataFrame, item: str) -> pl.DataFrame:
    """Return the last row of each item and reader."""
    return rows.unique([item, WHO], keep="last", maintain_order=True)


def by_reader(rows: pl.DataFrame, item: str, said: str) -> dict[str, dict[str, str]]:
    """Return what each reader says of each item; the last row counts."""
    found: dict[str, dict[str, str]] = {}
    for one, who, label in rows.select(item, WHO, said).iter_rows():
        found.setdefault(who, {})[one] = label
    return found


def by_item(readers: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Return what was said of each item."""
    found: dict[str, list[str]] = {}
    for said in readers.values():
        for item, label in said.items():
            found.setdefault(item, []).append(label)
    return found


def settled(readers: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return for each item what all its readers say, else unsure."""
    items = by_item(readers).items()
    return {item: said[0] if len(set(said)) == 1 else UNSURE for item, said in items}


def differing(readers: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the items on which readers differ."""
    return [item for item, said in by_item(readers).items() if len(set(said)) > 1]


def _record(
    path: Path, number: int, line: str, fields: Collection[str], what: str
) -> dict[str, Any]:
    try:
        record = json.loads(line)
        return {name: record[name] for name in fields}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"Line {number} of {path} is no {what}: {error!r}.",
            f"A JSON object with {', '.join(fields)} was expected.",
        ) from None
