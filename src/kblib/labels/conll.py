"""Words and labels in columns, as in CoNLL-2003 and its kin, often called IOB.

Columns stand between any run of spaces and tabs, the word first and the label last, and an empty
line ends a sentence. A no-break space is part of a word.

Before a sentence there may be comments: ``# id`` as in MultiCoNER, ``# sent_id =`` and ``# text =``
as in the files of Universal NER, whose first column counts the words and whose third is the label.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kblib.corpora.sources import Fault, Line, raw_lines
from kblib.labels.faults import LabelFaults
from kblib.labels.records import Entry
from kblib.labels.sentences import Sentence, closed, ended, take

NEW_DOCUMENT = "-DOCSTART-"
WORD_AND_LABEL = 2
_SPACE = re.compile(r"[ \t]+")
_COMMENT = re.compile(r"#\s+(id|sent_id|text|newdoc|newpar)\b(?:\s+id)?\s*=?\s*([^\t]*)")
_IN_NUMBERED = 2  # number, word, label


@dataclass
class _Columns:
    """The columns of a file.

    Attributes
    ----------
    label
        Which holds the labels; -1 is the last.
    width
        How many there are, as in the first line that has a label.
    spaced
        How many words had spaces in them.
    numbered
        Whether the first column counts the words; None before the first word.
    """

    label: int
    width: int = 0
    spaced: int = 0
    numbered: bool | None = None

    def cut(self, text: str) -> list[str]:
        """Return the columns of a line; before a last label, spaces are the word's own."""
        parts = _SPACE.split(text.strip(" \t"))
        if not self.width and len(parts) >= WORD_AND_LABEL:
            self.width = len(parts)
        extra = len(parts) - self.width
        if self.width != WORD_AND_LABEL or extra <= 0:
            return parts
        self.spaced += 1
        return [" ".join(parts[:-1]), parts[-1]]

    def without_number(self, parts: list[str], said: dict[str, Any]) -> list[str]:
        """Return word and label of a line whose first column is the word's number, else all."""
        if self.numbered is None:
            several = len(parts) > _IN_NUMBERED
            self.numbered = several and parts[0] == "1" and "id" in said and self.label == -1
        return parts[1 : _IN_NUMBERED + 1] if self.numbered else parts

    def wrong(self, path: Path, line: Line, parts: list[str]) -> Fault | None:
        """Return what is wrong with a line."""
        if line.fault is not None:
            return line.fault
        n = len(parts)
        if n < WORD_AND_LABEL:
            reason = f"'{parts[0]}' stands alone"
            return Fault(path, line.number, reason, "A word and a label were expected.")
        if n != self.width:
            reason = f"{n} columns, and {self.width} in the lines before"
            advice = "A word and its labels were expected; of a table: format='table'."
            return Fault(path, line.number, reason, advice)
        if not -n <= self.label < n:
            reason = f"{n} columns, and the label should be in column {self.label}"
            return Fault(path, line.number, reason, "Counted from 0; -1 is the last.")
        return None


def of_columns(
    path: Path, faults: LabelFaults, *, column: int, encoding: str, max_line_mib: float
) -> Iterator[Entry]:
    """Yield the sentences of a file; `column` is where the labels are, -1 the last."""
    columns, documents, sentence = _Columns(column), 0, Sentence({})
    for line in closed(raw_lines(path, encoding=encoding, max_line_mib=max_line_mib)):
        if line.fault is None and not line.text.strip(" \t"):
            yield from ended(path, sentence)
            sentence = Sentence({"document": f"{path.name}/{documents}"} if documents else {})
        elif not sentence.tokens and (comment := _COMMENT.match(line.text)):
            _comment(comment[1], comment[2].strip(), sentence)
        elif line.text.startswith(NEW_DOCUMENT):
            documents += 1
            sentence.said["document"] = f"{path.name}/{documents}"
        else:
            parts = columns.cut(line.text)
            fault = columns.wrong(path, line, parts)
            if fault is None:
                parts = columns.without_number(parts, sentence.said)
            label = [] if fault is not None else [parts[column]]
            take(line, parts[:1], label, fault, sentence, faults)
    if columns.spaced:
        faults.notes.append(
            f"Lines of {path.name} with spaces before the last column: {columns.spaced:,}; "
            "all before it is taken as the word."
        )


def _comment(name: str, value: str, sentence: Sentence) -> None:
    """Keep what a comment says of the sentence that follows."""
    kept = {"id": "id", "sent_id": "id", "text": "text"}
    if name in kept and value:
        sentence.said[kept[name]] = value
