"""Plain text: one document a file, a paragraph or a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from kblib.corpora.corpus import Corpus
from kblib.corpora.finding import Where, find_files
from kblib.corpora.sheet import Sheet
from kblib.corpora.sources import (
    MAX_LINE_MIB,
    Fault,
    Faulty,
    Line,
    OnError,
    known_encoding,
    raw_lines,
)
from kblib.errors import CorpusError

SUFFIXES = (".txt", ".text", ".md")
PER = ("file", "paragraph", "line")


def read_text(
    where: Where,
    *,
    per: Literal["file", "paragraph", "line"] = "file",
    name: str | None = None,
    encoding: str = "utf-8",
    on_error: OnError = "raise",
    max_line_mib: float = MAX_LINE_MIB,
    columns: Mapping[str, Any] | None = None,
) -> Corpus:
    """Read plain text files, also compressed with gzip.

    Parameters
    ----------
    where
        A file, a list of files, a pattern such as ``pages/**/*.txt``, or a folder.
    per
        What becomes a document. Paragraphs are divided by empty lines; empty lines are no
        documents.
    name
        The corpus's name; by default that of the file or folder.
    encoding
        Any that Python knows; bytes that do not belong to it are a fault, never replaced.
    on_error
        ``raise``: the first fault ends the reading. ``collect``: the document it is in is left out
        and listed in ``corpus.left_out``.
    max_line_mib
        The longest line read, in MiB; a longer one is a fault, and no more than this of it is held.
    columns
        More columns, one value for all rows: ``{"language": "sv", "year": 1905}``.

    Returns
    -------
    Corpus
        With ``title`` (the file's name), ``file`` and ``line`` beside id and text.

    Raises
    ------
    CorpusError
        Naming file and line of the first fault.
    """
    if per not in PER:
        raise CorpusError(f"per is {per!r}.", f"One of {', '.join(PER)} was expected.")
    found = find_files(where, SUFFIXES)
    sheet = Sheet(found, name, on_error, columns or {})
    known_encoding(encoding)
    for path in found.files:
        label = found.label(path)
        with sheet.reading():
            for lines in _pieces(
                path, raw_lines(path, encoding=encoding, max_line_mib=max_line_mib), per
            ):
                fault = next(filter(None, (line.fault for line in lines)), None)
                if fault is not None:
                    sheet.faults.add(fault)
                    continue
                first = lines[0].number
                own = label if per == "file" else f"{label}#{first}"
                text = "\n".join(line.text for line in lines)
                row = {
                    "id": own,
                    "text": text,
                    "title": path.name.split(".")[0],
                    "file": label,
                    "line": first,
                }
                sheet.add(row, path, None if per == "file" else first)
    return sheet.corpus("read_text", {"per": per, "encoding": encoding})


def _pieces(path: Path, lines: Iterator[Line], per: str) -> Iterator[list[Line]]:
    if per == "file":
        yield list(lines)
        return
    piece: list[Line] = []
    pieces = 0
    for line in lines:
        filled = bool(line.text.strip() or line.fault)
        if filled:
            piece.append(line)
        if piece and (per == "line" or not filled):
            yield piece
            pieces += 1
            piece = []
    if piece:
        yield piece
    elif not pieces:
        raise Faulty(
            Fault(path, None, "the file holds nothing but blank lines", "Text was expected.")
        )
