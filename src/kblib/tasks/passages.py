"""Longer texts of cues: passages as they were said or shown, and windows of bare words.

A cue is a sentence or a line. What a text is about often takes a few of them, and a model that
should not tell texts apart by their length needs equally many words of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

import polars as pl

Row = dict[str, Any]
KEPT = ("film", "title", "medium", "collection", "year")
"""What a passage has of its cues, as far as the corpus knows it."""
BROKEN = re.compile(r"(?<=\w)-\s*\t+\s*(?=[a-zåäöé])")
"""A word that a card divides at the end of a line; a reader of intertitles writes lines as tabs."""
WORD = re.compile(r"\w+")


def plain(text: str) -> str:
    r"""Return a text on one line, with words that lines had divided put together.

    Examples
    --------
    >>> plain("Konunga-\tparet\tanländer")
    'Konungaparet anländer'
    """
    return " ".join(BROKEN.sub("", text).split())


def bare_words(text: str) -> list[str]:
    """Return the words of a text in lower case, without any mark.

    Examples
    --------
    >>> bare_words("Kungen - och Drottningen!")
    ['kungen', 'och', 'drottningen']
    """
    return WORD.findall(plain(text).lower())


def passages(frame: pl.DataFrame, *, enough: int, least: int, gap_s: float) -> list[Row]:
    """Join cues that follow one another in a reel, until there are words enough.

    Parameters
    ----------
    frame
        Cues, in the order of their reels: id, text, title, medium, start_s, end_s.
    enough
        A passage ends with the cue that brings it to so many words.
    least
        Shorter passages are left out.
    gap_s
        Seconds without a cue after which a new passage begins.

    Returns
    -------
    list of dict
        id (of the first cue, with the number of the last), text, and what the cues have of `KEPT`.
    """
    found: list[Row] = []
    for cues in _of_reels(frame):
        found += [_joined(some) for some in _cut(cues, enough, gap_s)]
    return [one for one in found if len(WORD.findall(one["text"])) >= least]


def windows(frame: pl.DataFrame, *, words: int) -> list[Row]:
    """Cut each reel's speech, or its intertitles, into windows of equally many bare words.

    Returns
    -------
    list of dict
        id (of the cue in which it begins, with the place of its first word), text, and what the
        cues have of `KEPT`. What is left at a reel's end is left out.
    """
    found: list[Row] = []
    for cues in _of_reels(frame):
        at = [(cue["id"], place, word) for cue in cues
              for place, word in enumerate(bare_words(cue["text"]))]  # fmt: skip
        for start in range(0, len(at) - words + 1, words):
            some = at[start : start + words]
            text = " ".join(word for _, _, word in some)
            found.append({"id": f"{some[0][0]}:{some[0][1]}", "text": text, **_about(cues[0])})
    return found


def joined_ranges(frame: pl.DataFrame, names: Sequence[str]) -> dict[str, Row]:
    """Return the passages that `passages` called by these names, as far as their cues are there."""
    cues_of = {name: _ids(name) for name in names}
    wanted = [one for ids in cues_of.values() for one in ids]
    there = {cue["id"]: cue for cue in frame.filter(pl.col("id").is_in(wanted)).to_dicts()}
    found = {name: [there[one] for one in ids if one in there] for name, ids in cues_of.items()}
    return {name: _joined(cues) | {"id": name} for name, cues in found.items() if cues}


def _ids(name: str) -> list[str]:
    reel, _, numbers = name.rpartition("/")
    first, _, last = numbers.partition("-")
    return [f"{reel}/{number}" for number in range(int(first), int(last or first) + 1)]


def _of_reels(frame: pl.DataFrame) -> Iterator[list[Row]]:
    """Yield the cues of each reel and medium; they stand together, in the order of time."""
    rows = frame.iter_rows(named=True)
    for _, cues in groupby(rows, key=lambda cue: (cue["title"], cue["medium"])):
        yield list(cues)


def _cut(cues: list[Row], enough: int, gap_s: float) -> Iterator[list[Row]]:
    some: list[Row] = []
    n_words = 0
    for cue in cues:
        if some and (n_words >= enough or cue["start_s"] - some[-1]["end_s"] > gap_s):
            yield some
            some, n_words = [], 0
        some.append(cue)
        n_words += len(WORD.findall(cue["text"]))
    if some:
        yield some


def _joined(cues: list[Row]) -> Row:
    last = cues[-1]["id"].rpartition("/")[2]
    text = " ".join(plain(cue["text"]) for cue in cues)
    return {"id": f"{cues[0]['id']}-{last}", "text": text, **_about(cues[0])}


def _about(cue: Row) -> Row:
    return {name: cue[name] for name in KEPT if name in cue}
