"""Word order: sentences as they were said, and sentences of which one word was moved."""

from __future__ import annotations

import random
import re

import polars as pl

from kblib.tasks.material import Row, once, unshared
from kblib.tasks.passages import KEPT, bare_words

LABELS = ("as said", "moved")
WORDS = (6, 20)
FARTHEST = 4
"""Places a word is moved by, from 2: a neighbour's place would often be right too."""
_SENTENCE = re.compile(r"\s*[A-ZÅÄÖÉ][^.!?]*[.!?]\s*")


def word_order(cues: pl.DataFrame, n: int, seed: int) -> list[Row]:
    """Return sentences without capitals and marks; every second one has a word moved."""
    speech = unshared(cues).filter(medium="speech").iter_rows(named=True)
    found = [_sentence(cue) for cue in speech if _SENTENCE.fullmatch(cue["text"])]
    fitting = [row for row in found if WORDS[0] <= len(row["text"].split()) <= WORDS[1]]
    drawn = once(fitting, seed)[:n]
    rows = [_labelled(row, LABELS[place % 2], seed) for place, row in enumerate(drawn)]
    return once(rows, seed)


def moved(words: list[str], draw: random.Random) -> list[str]:
    """Return words of which one stands 2 to `FARTHEST` places elsewhere, in another order than now.

    Examples
    --------
    >>> moved("kungen reser till malmö".split(), random.Random(1))
    ['kungen', 'till', 'malmö', 'reser']
    """
    steps = [
        (start, end)
        for start in range(len(words))
        for end in range(len(words))
        if 2 <= abs(start - end) <= FARTHEST
    ]
    draw.shuffle(steps)
    for start, end in steps:
        rest = words[:start] + words[start + 1 :]
        found = [*rest[:end], words[start], *rest[end:]]
        if found != words:
            return found
    return words


def _sentence(cue: Row) -> Row:
    about = {name: cue[name] for name in ("id", *KEPT) if name in cue}
    return {**about, "text": " ".join(bare_words(cue["text"]))}


def _labelled(row: Row, label: str, seed: int) -> Row:
    if label == LABELS[0]:
        return row | {"label": label}
    words = moved(row["text"].split(), random.Random(f"{seed}:{row['id']}"))
    return row | {"text": " ".join(words), "label": label}
