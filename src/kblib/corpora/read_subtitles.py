"""Subtitles, SRT and WebVTT: one document a cue, with its time code, or one a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from kblib.corpora.subtitles import Cue, cues
from kblib.errors import CorpusError

SUFFIXES = (".srt", ".vtt")
PER = ("cue", "file")


def read_subtitles(
    where: Where,
    *,
    per: Literal["cue", "file"] = "cue",
    strip_tags: bool = True,
    name: str | None = None,
    encoding: str = "utf-8",
    on_error: OnError = "raise",
    max_line_mib: float = MAX_LINE_MIB,
    columns: Mapping[str, Any] | None = None,
) -> Corpus:
    r"""Read subtitle files; the lines of a cue are joined by a space.

    Parameters
    ----------
    where
        A file, a list of files, a pattern, or a folder.
    per
        What becomes a document. A file's cues are divided by line ends.
    strip_tags
        Whether ``<i>``, ``<v Name>``, ``{\an8}`` and the like are taken out.
    name
        The corpus's name; by default that of the file or folder.
    encoding
        Any that Python knows; bytes that do not belong to it are a fault, never replaced.
    on_error
        ``raise``: the first fault ends the reading. ``collect``: the cue is left out and listed in
        ``corpus.left_out``.
    max_line_mib
        The longest line read, in MiB; a longer one is a fault, and no more than this of it is held.
    columns
        More columns, one value for all rows: ``{"language": "sv", "year": 1905}``.

    Returns
    -------
    Corpus
        With ``title`` (the file's name), ``file``, ``line``, ``start_s`` and ``end_s`` beside id
        and text.

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
            lines = _right_lines(
                sheet, raw_lines(path, encoding=encoding, max_line_mib=max_line_mib)
            )
            read = cues(path, lines, faults=sheet.faults, strip_tags=strip_tags)
            for row in (
                _rows(path, read, label) if per == "cue" else _one_row(path, list(read), label)
            ):
                sheet.add(row, path, row["line"])
    return sheet.corpus(
        "read_subtitles", {"per": per, "strip_tags": strip_tags, "encoding": encoding}
    )


def _right_lines(sheet: Sheet, lines: Iterator[Line]) -> Iterator[Line]:
    for line in lines:
        if line.fault is not None:
            sheet.faults.add(line.fault)
        yield line


def _rows(path: Path, read: Iterator[Cue], label: str) -> Iterator[dict[str, Any]]:
    seen = 0
    for cue in read:
        seen += 1
        yield _row(path, label, f"{label}#{cue.position}", cue.text, cue, cue)
    if not seen:
        raise Faulty(_no_cue(path))


def _one_row(path: Path, read: Sequence[Cue], label: str) -> Iterator[dict[str, Any]]:
    if not read:
        raise Faulty(_no_cue(path))
    yield _row(path, label, label, "\n".join(cue.text for cue in read), read[0], read[-1])


def _row(path: Path, label: str, own: str, text: str, first: Cue, last: Cue) -> dict[str, Any]:
    times = {"start_s": first.start_s, "end_s": last.end_s}
    return {
        "id": own,
        "text": text,
        "title": path.name.split(".")[0],
        "file": label,
        "line": first.line,
        **times,
    }


def _no_cue(path: Path) -> Fault:
    return Fault(
        path, None, "the file has no cue that can be used", "Is it a subtitle file, SRT or WebVTT?"
    )
