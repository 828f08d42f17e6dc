"""Sentences with a label a word: CoNLL-U, and the older CoNLL and IOB columns.

CoNLL-U is as https://universaldependencies.org/format.html says: ten columns, one tab between. In
the older files columns stand between any run of spaces and tabs, the word first and the label last,
and an empty line ends a sentence; a no-break space is part of a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from kblib.corpora.sources import Fault, Faults, Line, raw_lines
from kblib.labels.records import Entry

FIELDS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
NO_WORD = re.compile(r"\d+[-.]\d+")
"""Several words written as one (3-4), and words that are left out (8.1): neither has a tag."""
_COMMENT = re.compile(r"#\s*(sent_id|text|newdoc|newpar)(?:\s+id)?\s*(?:=\s*(.*))?$")
_SPACE = re.compile(r"[ \t]+")
NEW_DOCUMENT = "-DOCSTART-"


@dataclass
class _Sentence:
    """A sentence while it is being read."""

    said: dict[str, Any]
    line: int = 0
    tokens: list[str] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    broken: bool = False

    def add(self, number: int, word: str, label: str) -> None:
        self.line = self.line or number
        self.tokens.append(word)
        self.label.append(label)


def of_conllu(
    path: Path, faults: Faults, *, column: str, encoding: str, max_line_mib: float
) -> Iterator[Entry]:
    """Yield the sentences of a CoNLL-U file; `column` is where the labels are, such as upos."""
    place, sentence = FIELDS.index(column), _Sentence({})
    said: dict[str, Any] = {}
    for line in _closed(raw_lines(path, encoding=encoding, max_line_mib=max_line_mib)):
        if line.fault is None and not line.text.strip():
            yield from _ended(path, sentence)
            sentence = _Sentence(dict(said))
        elif line.text.startswith("#"):
            _comment(line.text, said, sentence)
        else:
            _word(path, line, place, sentence, faults)


def of_columns(
    path: Path, faults: Faults, *, column: int, encoding: str, max_line_mib: float
) -> Iterator[Entry]:
    """Yield the sentences of a CoNLL or IOB file; `column` is where the labels are, -1 the last."""
    documents, sentence = 0, _Sentence({})
    for line in _closed(raw_lines(path, encoding=encoding, max_line_mib=max_line_mib)):
        parts = _SPACE.split(line.text.strip(" \t"))
        if line.fault is None and parts == [""]:
            yield from _ended(path, sentence)
            sentence = _Sentence({"document": f"{path.name}/{documents}"} if documents else {})
        elif parts[0] == NEW_DOCUMENT:
            documents += 1
            sentence.said["document"] = f"{path.name}/{documents}"
        else:
            _columns(path, line, parts, column, sentence, faults)


def _closed(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield lines and an empty one: the last sentence ends as the others do."""
    return chain(lines, [Line(0, "")])


def _ended(path: Path, sentence: _Sentence) -> Iterator[Entry]:
    if sentence.tokens and not sentence.broken:
        row = {"id": None, **sentence.said, "tokens": sentence.tokens, "label": sentence.label}
        yield Entry(Fault(path, sentence.line, ""), row)


def _comment(text: str, said: dict[str, Any], sentence: _Sentence) -> None:
    found = _COMMENT.match(text)
    if found is None:
        return
    name, value = found[1], (found[2] or "").strip() or None
    if name == "newdoc":  # paragraphs are of the document before
        said.pop("paragraph", None)
        sentence.said.pop("paragraph", None)
    if name in ("newdoc", "newpar"):
        said["document" if name == "newdoc" else "paragraph"] = value
        sentence.said |= said
    else:
        sentence.said["id" if name == "sent_id" else "text"] = value


def _word(path: Path, line: Line, place: int, sentence: _Sentence, faults: Faults) -> None:
    values = line.text.split("\t")
    fault = line.fault
    if fault is None and len(values) != len(FIELDS):
        reason = f"{len(values)} columns where CoNLL-U has {len(FIELDS)}"
        fault = Fault(path, line.number, reason, "One tab between columns was expected.")
    if fault is None and NO_WORD.fullmatch(values[0]):
        return
    if fault is None and (not values[1] or values[place] in ("", "_")):
        reason = f"word {values[0]} has no {FIELDS[place] if values[1] else 'form'}"
        fault = Fault(path, line.number, reason, "Every word needs one.")
    _take(line, values[1:2], values[place : place + 1], fault, sentence, faults)


def _columns(
    path: Path, line: Line, parts: list[str], column: int, sentence: _Sentence, faults: Faults
) -> None:
    fault = line.fault
    if fault is None and len(parts) < 2:
        reason = f"'{parts[0]}' stands alone"
        fault = Fault(path, line.number, reason, "A word and a label were expected.")
    if fault is None and not -len(parts) <= column < len(parts):
        reason = f"{len(parts)} columns, and the label should be in column {column}"
        fault = Fault(path, line.number, reason, "Columns are counted from 0; -1 is the last.")
    label = [] if fault is not None else [parts[column]]
    _take(line, parts[:1], label, fault, sentence, faults)


def _take(
    line: Line,
    word: list[str],
    label: list[str],
    fault: Fault | None,
    sentence: _Sentence,
    faults: Faults,
) -> None:
    """Add a word to its sentence; one that cannot be used takes the sentence with it."""
    if fault is None:
        sentence.add(line.number, word[0], label[0])
        return
    sentence.broken = True
    faults.add(fault.but(f"{fault.reason}; its sentence is left out")
               if faults.on_error == "collect" else fault)  # fmt: skip
