"""A corpus written to disk, a few documents at a time."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from kblib.corpora.selection import Selection
from kblib.corpora.storage import DOCUMENTS, DROPPED, holds
from kblib.corpora.tables import in_batches
from kblib.errors import CorpusError
from kblib.files import sealed_folder

GROUP_ROWS = 50_000
GROUP_BYTES = 16 << 20
"""A row group ends at one of these; a reader holds a few groups at once."""
BATCH = 1_000


def write_corpus(target: Path, about: dict[str, Any], rows: Selection, *, replace: bool) -> None:
    """Write documents, dropped documents and manifest as a sealed folder.

    If another process has just put the same corpus there, that one stays.

    Raises
    ------
    CorpusError
        If another folder is there and `replace` is False.
    """
    dropped = rows.dropped()
    try:
        with sealed_folder(target, about, replace=replace) as folder:
            _write(folder / DOCUMENTS, rows.batches(BATCH, None), rows.store.schema)
            if dropped is not None:
                _write(folder / DROPPED, in_batches(dropped, BATCH), dropped.collect_schema())
    except OSError as error:
        if not (isinstance(error, FileExistsError) or error.errno == errno.ENOTEMPTY):
            raise
        if holds(target, about):
            return
        raise CorpusError(
            f"{target} is there already.",
            "A saved corpus is never changed in place.",
            "Save under another name, or give replace=True.",
        ) from None


def _write(path: Path, batches: Iterator[pl.DataFrame], schema: pl.Schema) -> None:
    from pyarrow import parquet  # takes as long to import as all the rest

    empty = pl.DataFrame(schema=schema)
    with parquet.ParquetWriter(path, empty.to_arrow().schema, compression="zstd") as writer:
        for group in _groups(batches):
            writer.write_table(group.to_arrow(), row_group_size=GROUP_ROWS)


def _groups(batches: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    group: list[pl.DataFrame] = []
    for batch in batches:
        group.append(batch)
        rows = sum(one.height for one in group)
        if rows >= GROUP_ROWS or sum(one.estimated_size() for one in group) >= GROUP_BYTES:
            yield pl.concat(group)
            group = []
    if group:
        yield pl.concat(group)
