"""What example tasks are made from: cues of films, and draws that depend on nothing but a seed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import polars as pl

from kblib.corpora import Corpus, load_sample, newsreel_filters
from kblib.corpora.parts import rank
from kblib.errors import LabelError

Row = dict[str, Any]
NEEDED = ("id", "text", "film", "title", "medium", "year", "start_s", "end_s")
SHARED_WORDS = 5
"""A cue of so many words that two films have word for word is of an older film, shown again."""
DECADE = 10


@lru_cache(maxsize=1)
def newsreels() -> Corpus:
    """Return the cleaned newsreels, read once a session."""
    return load_sample("newsreels").filter(*newsreel_filters())


def cues_of(corpus: Corpus, columns: Sequence[str] = ()) -> pl.DataFrame:
    """Return the cues of a corpus, in the order of their reels.

    Parameters
    ----------
    columns
        What a task needs beside `NEEDED`.

    Raises
    ------
    LabelError
        If the corpus has no such columns: it is no corpus of cues.
    """
    if not isinstance(corpus, Corpus):
        raise LabelError(
            f"The corpus is {corpus!r:.60}.",
            "A Corpus was expected, of cues of films.",
            'kb.load_sample("newsreels")',
        )
    missing = next((one for one in (*NEEDED, *columns) if one not in corpus.columns), None)
    if missing is not None:
        raise LabelError(
            f"Corpus '{corpus.name}' has no column '{missing}', which this task is made from.",
            "Cues of films were expected, as kb.read_subtitles and the newsreels have them.",
            'kb.load_sample("newsreels")',
        )
    return corpus.frame().collect()


def unshared(cues: pl.DataFrame) -> pl.DataFrame:
    """Return the cues that only one film has; the shortest, which say nothing, apart."""
    films = pl.col("film").n_unique().over("text")
    short = pl.col("text").str.count_matches(r"\w+") < SHARED_WORDS
    return cues.filter(short | (films == 1))


def decade_of(row: Row) -> int | None:
    """Return the first year of a row's decade."""
    return None if row["year"] is None else row["year"] // DECADE * DECADE


def ranked(rows: Sequence[Row], seed: int, key: str = "id") -> list[Row]:
    """Return rows in an order that only the seed and the key decide."""
    return sorted(rows, key=lambda row: rank(seed, row[key]))


def once(rows: Sequence[Row], seed: int) -> list[Row]:
    """Return rows in a random order, each text once."""
    return list({row["text"]: row for row in ranked(rows, seed)}.values())


def balanced(
    rows: Sequence[Row],
    labels: Sequence[str],
    n: int,
    seed: int,
    *,
    alike: Callable[[Row], Any] = decade_of,
) -> list[Row]:
    """Draw equally many rows of each label, and equally many of each label in each stratum.

    Parameters
    ----------
    rows
        With a ``label`` each.
    labels
        All there are; where one has no row in a stratum, nothing is drawn of it.
    n
        Rows at most, of all labels together; fewer where a label has no more in a stratum.
    alike
        Returns the stratum of a row: what must not tell the labels apart.
    """
    cells: dict[Any, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in once(rows, seed):
        cells[alike(row)][row["label"]].append(row)
    there = {
        stratum: min(len(of_label[label]) for label in labels)
        for stratum, of_label in cells.items()
        if len(of_label) == len(labels)
    }
    share = min(1.0, n / (len(labels) * sum(there.values()))) if there else 0.0
    drawn = [
        row
        for stratum, least in there.items()
        for label in labels
        for row in cells[stratum][label][: round(share * least)]
    ]
    return ranked(drawn, seed)
