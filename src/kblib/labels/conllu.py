"""CoNLL-U: sentences with a tag a word, as https://universaldependencies.org/format.html says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kblib.corpora.sources import Fault, Faults, Line, raw_lines
from kblib.labels.records import Entry
from kblib.labels.sentences import Sentence, closed, ended, take

FIELDS = ("id", "form", "lemma", "upos", "xpos", "feats", "head", "deprel", "deps", "misc")
NO_WORD = re.compile(r"\d+[-.]\d+")
"""Several words written as one (3-4), and words that are left out (8.1): neither has a tag."""
MAY_BE_EMPTY = ("feats", "deps", "misc")
"""Columns in which ``_`` says that a word has none, which is a label like others."""
_COMMENT = re.compile(r"#\s*(sent_id|text|newdoc|newpar)(?:\s+id)?\s*(?:=\s*(.*))?$")


def of_conllu(
    path: Path, faults: Faults, *, column: str, encoding: str, max_line_mib: float
) -> Iterator[Entry]:
    """Yield the sentences of a CoNLL-U file; `column` is where the labels are, such as upos."""
    place, sentence = FIELDS.index(column), Sentence({})
    said: dict[str, Any] = {}
    for line in closed(raw_lines(path, encoding=encoding, max_line_mib=max_line_mib)):
        if line.fault is None and not line.text.strip():
            yield from ended(path, sentence)
            sentence = Sentence(dict(said))
        elif line.text.startswith("#"):
            _comment(line.text, said, sentence)
        else:
            _word(path, line, place, sentence, faults)


def _comment(text: str, said: dict[str, Any], sentence: Sentence) -> None:
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


def _word(path: Path, line: Line, place: int, sentence: Sentence, faults: Faults) -> None:
    values = line.text.split("\t")
    fault = line.fault
    if fault is None and len(values) != len(FIELDS):
        reason = f"{len(values)} columns where CoNLL-U has {len(FIELDS)}"
        fault = Fault(path, line.number, reason, "One tab between columns was expected.")
    if fault is None and NO_WORD.fullmatch(values[0]):
        return
    empty = ("",) if FIELDS[place] in MAY_BE_EMPTY else ("", "_")
    if fault is None and (not values[1] or values[place] in empty):
        reason = f"word {values[0]} has no {FIELDS[place] if values[1] else 'form'}"
        fault = Fault(path, line.number, reason, "Every word needs one.")
    take(line, values[1:2], values[place : place + 1], fault, sentence, faults)
