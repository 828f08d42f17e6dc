"""A sentence while it is being read, word by word, and what a fault in it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from kblib.corpora.sources import Fault, Faults, Line
from kblib.labels.records import Entry


@dataclass
class Sentence:
    """A sentence.

    Attributes
    ----------
    said
        What the file says of it: id, text, document.
    line
        Where its first word stands.
    tokens, label
        Its words, and a label for each.
    broken
        Whether a word could not be used: then the sentence is left out.
    """

    said: dict[str, Any]
    line: int = 0
    tokens: list[str] = field(default_factory=list)
    label: list[str] = field(default_factory=list)
    broken: bool = False

    def add(self, number: int, word: str, label: str) -> None:
        """Add a word."""
        self.line = self.line or number
        self.tokens.append(word)
        self.label.append(label)


def closed(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield lines and an empty one: the last sentence ends as the others do."""
    return chain(lines, [Line(0, "")])


def ended(path: Path, sentence: Sentence) -> Iterator[Entry]:
    """Yield the sentence, if it has words and all of them can be used."""
    if sentence.tokens and not sentence.broken:
        row = {"id": None, **sentence.said, "tokens": sentence.tokens, "label": sentence.label}
        yield Entry(Fault(path, sentence.line, ""), row)


def take(
    line: Line,
    word: list[str],
    label: list[str],
    fault: Fault | None,
    sentence: Sentence,
    faults: Faults,
) -> None:
    """Add a word to its sentence; one that cannot be used takes the sentence with it."""
    if fault is None:
        sentence.add(line.number, word[0], label[0])
        return
    sentence.broken = True
    faults.add(fault.but(f"{fault.reason}; its sentence is left out")
               if faults.on_error == "collect" else fault)  # fmt: skip
