"""A corpus on disk: a sealed folder with documents.parquet, dropped.parquet and a manifest."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from kblib import settings
from kblib.corpora.steps import ROW, Step
from kblib.errors import CorpusError, IntegrityError
from kblib.files import MANIFEST, check_folder, read_manifest

DOCUMENTS = "documents.parquet"
DROPPED = "dropped.parquet"
FORMAT = 1
SHORT = 12
FINGERPRINT_AT_END = re.compile(rf"-[0-9a-f]{{{SHORT}}}$")
NOT_IN_NAMES = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Store:
    """Rows that never change, in memory or in Parquet; corpora made from one another share them.

    Attributes
    ----------
    frame
        The rows, not read until something asks.
    dropped
        Rows that earlier steps dropped before this store was saved, with a column ``reason``.
    left_out
        What a reader could not use: file, line, reason.
    folder
        The sealed folder, if there is one.
    manifest
        What its manifest says; empty for a store that is not a sealed folder.
    keep_alive
        Whatever must live as long as the rows, such as a folder of passing files.
    """

    frame: pl.LazyFrame
    dropped: pl.LazyFrame | None = None
    left_out: tuple[Mapping[str, Any], ...] = ()
    folder: Path | None = None
    manifest: Mapping[str, Any] = field(default_factory=dict)
    keep_alive: object = None

    @cached_property
    def schema(self) -> pl.Schema:
        """The columns and their types."""
        return self.frame.collect_schema()

    @cached_property
    def height(self) -> int:
        """How many rows there are."""
        return int(self.frame.select(pl.len()).collect(engine="streaming").item())

    def numbered(self) -> pl.LazyFrame:
        """Return the rows with their numbers."""
        return self.frame.with_row_index(ROW)

    def rows(self, kept: pl.DataFrame) -> pl.LazyFrame:
        """Return some rows, in their order, without their numbers."""
        return (
            self.numbered().join(kept.lazy(), on=ROW, how="semi", maintain_order="left").drop(ROW)
        )


def fingerprint_of(frames: Iterable[pl.DataFrame]) -> str:
    """Return the BLAKE2b (32 bytes) of ids and texts in order.

    Each id and text goes in as its length in bytes, a colon and its UTF-8, so that no two corpora
    run into one another.
    """
    digest = hashlib.blake2b(digest_size=32)
    for frame in frames:
        lengths = frame.select(
            pl.concat_str(
                pl.col("id").str.len_bytes().cast(pl.String),
                pl.lit(":"),
                pl.col("id"),
                pl.col("text").str.len_bytes().cast(pl.String),
                pl.lit(":"),
                pl.col("text"),
            )
        ).to_series()
        digest.update("".join(lengths.to_list()).encode("utf-8"))
    return digest.hexdigest()


def content_of(frames: Iterable[pl.DataFrame]) -> str:
    """Return the BLAKE2b (32 bytes) of all columns of all rows in order.

    Each row goes in as JSON, its columns sorted by name, after its length in bytes; so the order of
    columns, and how wide a number is stored, make no difference.
    """
    digest = hashlib.blake2b(digest_size=32)
    for frame in frames:
        cells = [_as_json(name, kind) for name, kind in sorted(frame.schema.items())]
        lines = frame.select(pl.struct(cells).struct.json_encode()).to_series()
        for line in lines.to_list():
            row = line.encode("utf-8")
            digest.update(b"%d:%s" % (len(row), row))
    return digest.hexdigest()


def _as_json(name: str, kind: pl.DataType) -> pl.Expr:
    """Return a column that JSON can hold: bytes and Python's own objects by what they look like."""
    if "Binary" in str(kind) or "Object" in str(kind):
        return pl.col(name).map_elements(repr, return_dtype=pl.String)
    return pl.col(name)


def open_store(folder: Path) -> Store:
    """Open a saved corpus: names and sizes of its files are checked, Parquet footers read.

    Raises
    ------
    IntegrityError
        If a file is missing, too short or too long, or its footer is damaged.
    """
    manifest = check_folder(folder, contents=False)
    if manifest.get("kind") != "corpus" or manifest.get("format") != FORMAT:
        raise CorpusError(
            f"{folder} says kind={manifest.get('kind')!r}, format={manifest.get('format')!r}.",
            f"A corpus of format {FORMAT} was expected.",
        )
    dropped = folder / DROPPED
    return Store(
        frame=_scan(folder / DOCUMENTS),
        dropped=_scan(dropped) if dropped.is_file() else None,
        left_out=tuple(manifest.get("left_out", ())),
        folder=folder,
        manifest=manifest,
    )


def holds(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Return whether a folder holds a corpus with just this manifest, and its files are whole."""
    try:
        there = check_folder(folder, contents=False)
    except IntegrityError:
        return False
    return all(there.get(key) == said for key, said in json.loads(json.dumps(manifest)).items())


def holds_content(folder: Path, content: str) -> bool:
    """Return whether a folder holds these documents, or is too damaged to say what it holds."""
    try:
        return read_manifest(folder).get("content") == content
    except IntegrityError:
        return True


def steps_of(manifest: Mapping[str, Any]) -> tuple[Step, ...]:
    """Return the steps that a manifest lists."""
    listed = manifest.get("steps", ())
    return tuple(
        Step(said["step"], {key: said[key] for key in said if key != "step"}) for said in listed
    )


def folder_name(name: str, content: str) -> str:
    """Return what a corpus's folder is called: its name, as it can stand there, and digits."""
    plain = NOT_IN_NAMES.sub("-", name).strip(".-") or "corpus"
    return f"{plain}-{content[:SHORT]}"


def find_folder(name_or_path: str | Path) -> Path:
    """Return the folder of a saved corpus, by path or by the name it was saved under.

    Raises
    ------
    CorpusError
        If there is none, listing those there are; or if several have the name.
    """
    path = Path(name_or_path).expanduser()
    if (path / MANIFEST).is_file():
        return path
    named = {folder.name: folder for folder in _saved()}
    if str(name_or_path) in named:
        return named[str(name_or_path)]
    same = [
        folder
        for name, folder in named.items()
        if FINGERPRINT_AT_END.sub("", name) == str(name_or_path)
    ]
    if len(same) == 1:
        return same[0]
    if same:
        raise CorpusError(
            f"{len(same)} corpora are named '{name_or_path}': "
            f"{', '.join(one.name for one in same)}.",
            "They hold different documents.",
            f"Give the whole name, as in Corpus.open('{same[0].name}').",
        )
    raise _unknown(str(name_or_path), list(named))


def _unknown(name: str, known: list[str]) -> CorpusError:
    short = sorted({FINGERPRINT_AT_END.sub("", one) for one in known})
    near = difflib.get_close_matches(name, [*short, *known], n=1)
    return CorpusError(
        f"No corpus named '{name}'.",
        f"Known here: {', '.join(short)}."
        if short
        else f"None is saved in {settings.corpora_folder()} yet.",
        f"Did you mean Corpus.open('{near[0]}')?" if near else "",
    )


def _saved() -> list[Path]:
    folder = settings.corpora_folder()
    if not folder.is_dir():
        return []
    return sorted(
        one
        for one in folder.iterdir()
        if not one.name.startswith(".") and (one / MANIFEST).is_file()
    )


def _scan(path: Path) -> pl.LazyFrame:
    frame = pl.scan_parquet(path, glob=False)
    try:
        frame.collect_schema()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise IntegrityError(
            f"{path} is damaged: {error}.", "A Parquet file was expected."
        ) from None
    return frame
