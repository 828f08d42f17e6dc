"""Cues of made-up newsreels: films of three decades and collections, spoken and shown."""

from __future__ import annotations

import random

import polars as pl

from kblib.corpora import Corpus

FILMS, CUES = 24, 60
COLLECTIONS = ("sf", "kino", "nuet")
_SUBJECTS = ("Kungen", "Drottningen", "Båten", "Tåget", "Laget", "Bonden", "Orkestern", "Flickan")
_VERBS = ("besöker", "lämnar", "bygger", "ser", "hör", "vinner", "möter", "visar")
_OBJECTS = ("Stockholm", "hamnen", "fjällen", "matchen", "bron", "åkern", "staden", "havet")
_WHEN = ("i dag", "i går", "på söndag", "om våren", "under natten", "hela veckan")


def made_cues() -> Corpus:
    """Return the corpus: a quarter of the cues are intertitles in capitals."""
    draw = random.Random(3)
    rows = [_cue(film, number, draw) for film in range(FILMS) for number in range(CUES)]
    rows.sort(key=lambda row: (row["film"], row["medium"], row["start_s"]))
    return Corpus.from_table(pl.DataFrame(rows), name="made")


def _cue(film: int, number: int, draw: random.Random) -> dict:
    shown = number % 4 == 3
    said = " ".join(
        [draw.choice(_SUBJECTS), draw.choice(_VERBS), draw.choice(_OBJECTS), draw.choice(_WHEN)]
    )
    ends = f"nummer {film}x{number} {draw.choice(_VERBS)} {draw.choice(_OBJECTS)}"
    text = f"{said}, säger man, och {ends}."
    medium = "intertitle" if shown else "speech"
    return {
        "id": f"R{film}/{medium}/{number}",
        "text": text.upper().rstrip(".") if shown else text,
        "title": f"R{film}",
        "film": f"F{film}",
        "medium": medium,
        "collection": COLLECTIONS[film % 3],
        "year": 1930 + 10 * (film % 4) if film % 4 < 2 else 1950 + film % 10,
        "start_s": 4.0 * number,
        "end_s": 4.0 * number + 3.0,
    }
