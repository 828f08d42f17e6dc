"""The answer from the source: which film says the sentence, and what stands in its blank."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import polars as pl

from kblib.corpora import Corpus
from kblib.ladder.blank import Blank
from kblib.ngrams.words import words_of

LEAST_WORDS = 2
"""With fewer words around the blank, half the corpus would be an answer."""
_MOST = 20
_ORIGIN = ("year", "medium", "film", "reel", "start_s")
_WORD = r"(?P<word>\w(?:[\w:'’‐‑-]*\w)?)"


@dataclass(frozen=True)
class Source:
    """A text that holds the sentence, with a word where the blank is.

    Parameters
    ----------
    word
        What stands there.
    id, text
        The document.
    origin
        Year, medium, film, reel, ``start_s`` (seconds): what the corpus knows of them.
    part
        The part of the split it is in, such as ``test``; empty if it is not known. A model that has
        read the sentence itself may only be remembering it.
    """

    word: str
    id: str
    text: str
    origin: dict[str, Any]
    part: str = ""

    @property
    def time_code(self) -> str:
        """Where in the film it is said, ``00:01:07``; empty if that is not known."""
        start = self.origin.get("start_s")
        if start is None:
            return ""
        whole = int(start)
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"

    def __str__(self) -> str:
        """Return one line: the word, film, year, time code."""
        film = " ".join(str(self.origin[key]) for key in ("film", "reel") if self.origin.get(key))
        said = [film, str(self.origin.get("year") or "year unknown"), self.origin.get("medium")]
        place = ", ".join(str(part) for part in [*said, self.time_code] if part)
        return f"{self.word}: {place}"


def find_sources(corpus: Corpus, blank: Blank) -> tuple[Source, ...]:
    """Return the texts of a corpus that hold the sentence with a word in its blank, 20 at most.

    Letters and marks must be the same; white space may differ. A sentence with fewer than two words
    around its blank is not looked for.
    """
    if len(words_of(blank.before)) + len(words_of(blank.after)) < LEAST_WORDS:
        return ()
    columns = [name for name in ("id", "text", *_ORIGIN) if name in corpus.columns]
    pattern = re.compile(_inside(blank))
    text = pl.col("text").str.replace_all(r"\s+", " ")
    # Literal search first: it is ten times faster, and leaves few texts.
    holds = [
        text.str.contains(part.strip(), literal=True)
        for part in (blank.before, blank.after)
        if part.strip()
    ]
    rows = corpus.frame().select(columns).filter(*holds).collect()
    found = []
    for row in rows.iter_rows(named=True):
        match = pattern.search(" ".join(row["text"].split()))
        if match:
            origin = {name: row[name] for name in _ORIGIN if name in row}
            found.append(Source(match["word"], row["id"], row["text"], origin))
    return tuple(found[:_MOST])


def _inside(blank: Blank) -> str:
    """Return the sentence as an expression that neither begins nor ends inside a word."""
    begin = r"(?<!\w)" if blank.before[:1].isalnum() or not blank.before else ""
    end = r"(?!\w)" if blank.after[-1:].isalnum() or not blank.after else ""
    return f"{begin}{re.escape(blank.before)}{_WORD}{re.escape(blank.after)}{end}"
