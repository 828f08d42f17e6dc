"""What follows: a segment of speech and the next one, or one from another film.

Films are put together two by two, of one collection and decade. Of half of their segments what
follows is exchanged between the two: so both labels have equally many texts of each film, first and
second, and only how they fit together tells. The two films are one group: a split never parts them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from kblib.tasks.material import Row, decade_of, ranked, unshared
from kblib.tasks.passages import plain

LABELS = ("next", "other film")
OF_TWO_FILMS = 8
"""Rows of two films at most, so that many films are there."""
WORDS = (5, 25)
GAP_S = 5.0
_WHOLE = re.compile(r"[A-ZÅÄÖÉ].*[.!?]", re.DOTALL)


def next_segment(cues: pl.DataFrame, n: int, seed: int) -> list[Row]:
    """Return pairs of segments; equally many are neighbours and of two films."""
    films: dict[str, list[Row]] = defaultdict(list)
    for pair in _neighbours(unshared(cues).filter(medium="speech")):
        films[pair["film"]].append(pair)
    kinds: dict[Any, list[Row]] = defaultdict(list)
    for film, pairs in films.items():
        kinds[_kind(pairs[0])].append({"film": film, "pairs": ranked(pairs, seed)})
    twos = [
        {"film": f"{one['film']}+{other['film']}", "rows": _exchanged(one["pairs"], other["pairs"])}
        for some in kinds.values()
        for one, other in _two_by_two(ranked(some, seed, "film"))
    ]
    rows = [
        row | {"film": two["film"]} for two in ranked(twos, seed, "film") for row in two["rows"]
    ]
    return ranked(rows[: n // OF_TWO_FILMS * OF_TWO_FILMS], seed)


def _neighbours(cues: pl.DataFrame) -> Iterator[Row]:
    """Yield pairs of whole sentences that follow one another; no cue is in two of them."""
    met: set[str] = set()
    for one, other in pairwise(cues.iter_rows(named=True)):
        near = one["title"] == other["title"] and other["start_s"] - one["end_s"] <= GAP_S
        new = not met & {one["id"], one["text"], other["text"]}
        if near and new and _fits(one["text"]) and _fits(other["text"]):
            met |= {other["id"], one["text"], other["text"]}
            texts = {"text": plain(one["text"]), "text_pair": plain(other["text"])}
            yield {**one, **texts, "second": other["id"]}


def _fits(text: str) -> bool:
    words = len(text.split())
    return WORDS[0] <= words <= WORDS[1] and _WHOLE.fullmatch(text.strip()) is not None


def _kind(pair: Row) -> tuple[Any, int | None]:
    return pair.get("collection"), decade_of(pair)


def _two_by_two(films: Sequence[Row]) -> Iterator[tuple[Row, Row]]:
    enough = [film for film in films if len(film["pairs"]) >= OF_TWO_FILMS // 2]
    return zip(enough[::2], enough[1::2], strict=False)


def _exchanged(ours: Sequence[Row], theirs: Sequence[Row]) -> list[Row]:
    """Return rows of two films: of half of the pairs what follows is the other film's."""
    rows: list[Row] = []
    for place, (one, other) in enumerate(zip(ours, theirs, strict=False)):
        if place == OF_TWO_FILMS // 2:
            break
        swap = place % 2 == 1
        for first, second in ((one, other), (other, one)):
            rows.append(_row(first, second if swap else first, LABELS[swap]))
    return rows


def _row(first: Row, second: Row, label: str) -> Row:
    about: Row = {name: first[name] for name in ("year", "medium", "collection") if name in first}
    texts = {"text": first["text"], "text_pair": second["text_pair"], "label": label}
    return {"id": f"{first['id']}+{second['second']}", **texts, **about}
