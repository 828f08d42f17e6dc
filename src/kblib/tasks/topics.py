"""Topics of passages, read and labelled for this project, by a written guideline.

Only ids and labels are kept here; the texts stay in the package of the newsreels, which has terms
of its own.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import polars as pl

from kblib.errors import LabelError
from kblib.labels import GivenLabels, krippendorff_alpha
from kblib.labels.readers import UNSURE, lines
from kblib.tasks.material import Row, once
from kblib.tasks.passages import joined_ranges

LABELS = ("royalty", "sport", "war", "work", "culture", "society", "nature", "other")
FIRST, AGAIN, GUIDELINE = "labels.jsonl", "again.jsonl", "guideline.md"


def folder() -> Path:
    """Return where labels and guideline are."""
    return Path(str(resources.files("kblib.tasks"))) / "topic_labels"


def guideline() -> str:
    """Return what the labels mean, in Markdown."""
    return (folder() / GUIDELINE).read_text(encoding="utf-8")


def read_twice() -> list[list[str]]:
    """Return the two labels of each passage that was read a second time."""
    first, again = _said(FIRST), _said(AGAIN)
    return [[first[one], again[one]] for one in again]


def agreement() -> float | None:
    """Return Krippendorff's alpha of the first and the second reading."""
    return krippendorff_alpha(read_twice())


def topics(cues: pl.DataFrame, n: int, seed: int) -> list[Row]:
    """Return the passages with their topics, without those that are unsure.

    Raises
    ------
    LabelError
        If a passage is not in the corpus.
    """
    said = _said(FIRST)
    found = joined_ranges(cues, list(said))
    missing = next((one for one in said if one not in found), None)
    if missing is not None:
        raise LabelError(
            f"Passage '{missing}' is not in this corpus.",
            "Its topic was read in the newsreels, cleaned as newsreel_filters() cleans them.",
            'kb.example_labels("topics")',
        )
    rows = [found[one] | {"label": label} for one, label in said.items() if label != UNSURE]
    return once(rows, seed)[:n]


def _said(name: str) -> dict[str, str]:
    """Return the label of each passage in a file; all are by one reader."""
    path = folder() / name
    ids = [line["id"] for _, line in lines(path, ("id",), "label")]
    given = GivenLabels(path, tuple(dict.fromkeys(ids)), LABELS)
    return given.by(given.readers[0])
