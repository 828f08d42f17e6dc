"""Capitals and marks to be put back: every word of a text without them, with what it had."""

from __future__ import annotations

import re

import polars as pl

from kblib.tasks.material import Row, once, unshared
from kblib.tasks.passages import passages

LABELS = ("low", "low,", "low.", "low?", "cap", "cap,", "cap.", "cap?")
"""Lower case or capital, with the mark that followed: ``,`` stands for ``; :`` too, ``.`` for !."""
_MARKS = {",": ",", ";": ",", ":": ",", ".": ".", "!": ".", "?": "?"}
_WORD = re.compile(r"^\W*(\w(?:.*\w)?)(\W*)$")
_ENOUGH, _LEAST, _GAP_S = 20, 12, 8.0


def restored(cues: pl.DataFrame, n: int, seed: int) -> list[Row]:
    """Return passages of speech, word by word, each word with its label."""
    found = passages(
        unshared(cues).filter(medium="speech"), enough=_ENOUGH, least=_LEAST, gap_s=_GAP_S
    )
    drawn = once(found, seed)[:n]
    return [row | stripped(row["text"]) for row in drawn]


def stripped(text: str) -> Row:
    """Return tokens, label and text of a passage whose capitals and marks are taken away.

    Examples
    --------
    >>> stripped("Kungen, som ni ser, reser!")["label"]
    ['cap,', 'low', 'low', 'low,', 'low.']
    """
    met = [found for found in map(_WORD.match, text.split()) if found]
    tokens = [found[1].lower() for found in met]
    return {
        "text": " ".join(tokens),
        "tokens": tokens,
        "label": [_label(found[1], found[2]) for found in met],
    }


def _label(word: str, after: str) -> str:
    mark = next((_MARKS[one] for one in after if one in _MARKS), "")
    return ("cap" if word[0].isupper() else "low") + mark
