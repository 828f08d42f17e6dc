"""What readers say of the items of a sample: a plain file that grows by a line a mark.

JSON lines: sample, item, document, word, mark, who, when, guideline. A mark is in the file before
the next item is shown. Nothing is written over: who thinks again adds a line, and the last one of
each reader counts. Where readers differ, the item counts as unsure.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError, IntegrityError
from kblib.ngrams.samples import QuerySample
from kblib.runs import journal

if TYPE_CHECKING:
    import pandas as pd

Mark = Literal["yes", "no", "unsure"]
MARKS: tuple[Mark, ...] = get_args(Mark)
FIELDS = {
    "sample": pl.String,
    "item": pl.String,
    "document": pl.String,
    "word": pl.Int64,
    "mark": pl.String,
    "who": pl.String,
    "when": pl.String,
    "guideline": pl.String,
}
ENDING = ".jsonl"


@dataclass(frozen=True, eq=False)
class Marks:
    """The marks of a sample, in a file.

    Attributes
    ----------
    sample
        What is marked.
    path
        The file; several samples and readers may share one.
    """

    sample: QuerySample
    path: Path

    @classmethod
    def open(cls, sample: QuerySample, path: str | Path) -> Marks:
        """Open the marks of a sample, or begin a new file.

        Raises
        ------
        CorpusError
            If the file holds marks of other samples only, or its name does not end in .jsonl.
        IntegrityError
            If a line of it is no mark.

        Examples
        --------
        >>> from kblib.corpora import Corpus
        >>> from kblib.ngrams.samples import sample_query
        >>> sample = sample_query(Corpus.from_texts(["sol", "sol"], year=1931), "sol")
        >>> marks = Marks.open(sample, "sun.jsonl")
        >>> marks.add(1, "yes", who="Selma")
        >>> Marks.open(sample, "sun.jsonl")
        Marks of 'sol' in sun.jsonl: 1 yes, 0 no, 0 unsure; 2 items
        """
        file = Path(path)
        if file.suffix != ENDING:
            raise CorpusError(
                f"Marks cannot be kept in '{file.name}'.",
                "A file of JSON lines was expected.",
                f"'{file.with_suffix(ENDING)}'",
            )
        file.parent.mkdir(parents=True, exist_ok=True)
        journal.mend(file)  # a mark that was being written when the machine stopped
        marks = cls(sample, file)
        others = {line["sample"] for line in marks._lines()} - {sample.key}
        if others and not marks.rows.height:
            raise CorpusError(
                f"{file} holds marks of another sample: {', '.join(sorted(others))}.",
                f"This one is {sample.key}: corpus, query, net, periods or seed differ.",
                "Draw the same sample again, or begin another file.",
            )
        return marks

    def add(self, number: int, mark: Mark, *, who: str, guideline: str = "") -> None:
        """Save what a reader says of an item, items counted from 1 as in the sample.

        Raises
        ------
        CorpusError
            If the mark is none of yes, no, unsure, or nobody is named.
        OSError
            If the disk is full.
        """
        if mark not in MARKS:
            raise CorpusError(f"The mark is {mark!r}.", f"There are: {', '.join(MARKS)}.")
        if not str(who or "").strip():
            raise CorpusError(
                "It is not said who marks.",
                "A name was expected, so that readers can be compared.",
                "who='Selma'",
            )
        self.sample.item(number)  # refuses a number that is not there
        row = self.sample.rows.row(number - 1, named=True)
        about = {name: row[name] for name in ("item", "document", "word")}
        when = datetime.now(UTC).isoformat(timespec="seconds")
        said = {"mark": mark, "who": who, "when": when, "guideline": guideline}
        journal.append(self.path, {"sample": self.sample.key, **about, **said})
        with open(self.path, "rb") as file:
            os.fsync(file.fileno())

    @property
    def rows(self) -> pl.DataFrame:
        """Every mark of this sample that was ever made, in that order."""
        lines = [line for line in self._lines() if line["sample"] == self.sample.key]
        return pl.DataFrame(lines, schema=FIELDS)

    @property
    def table(self) -> pd.DataFrame:
        """The marks that count, the last of each item and reader, as a pandas table."""
        return pandas_of(self._last().lazy())

    @property
    def readers(self) -> list[str]:
        """Who has marked."""
        return self.rows["who"].unique().sort().to_list()

    def by(self, who: str) -> dict[str, Mark]:
        """Return what one reader says of each item."""
        last = self._last().filter(pl.col("who") == who)
        return dict(zip(last["item"], last["mark"], strict=True))

    def settled(self) -> dict[str, Mark]:
        """Return one mark for each item: what all its readers say, else unsure."""
        return {
            item: next(iter(marks)) if len(marks) == 1 else "unsure"
            for item, marks in self._by_item().items()
        }

    @property
    def differing(self) -> int:
        """On how many items readers differ."""
        return sum(len(marks) > 1 for marks in self._by_item().values())

    @property
    def agreement(self) -> pd.DataFrame:
        """How far each two readers agree: items both marked, share of equal marks, Cohen's kappa.

        References
        ----------
        Cohen (1960), A coefficient of agreement for nominal scales.
        """
        rows = [
            {"reader": a, "other": b, **_agreement(self.by(a), self.by(b))}
            for a, b in combinations(self.readers, 2)
        ]
        schema = {"reader": pl.String, "other": pl.String, "items": pl.Int64}
        numbers = {"equal": pl.Float64, "kappa": pl.Float64}
        return pandas_of(pl.DataFrame(rows, schema={**schema, **numbers}).lazy())

    def _by_item(self) -> dict[str, set[Mark]]:
        found: dict[str, set[Mark]] = {}
        for item, mark in self._last().select("item", "mark").iter_rows():
            found.setdefault(item, set()).add(mark)
        return found

    def _last(self) -> pl.DataFrame:
        return self.rows.unique(["item", "who"], keep="last", maintain_order=True)

    def _lines(self) -> list[dict[str, Any]]:
        lines = journal.Tail(self.path).lines()
        return [_read(self.path, at, line) for at, line in enumerate(lines, start=1) if line]

    def __repr__(self) -> str:
        counts = Counter(self.settled().values())
        said = ", ".join(f"{counts[mark]:,} {mark}" for mark in MARKS)
        return f"Marks of '{self.sample.query}' in {self.path}: {said}; {self.sample.n:,} items"


def _read(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
        found = {name: record[name] for name in FIELDS}
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise IntegrityError(
            f"Line {number} of {path} is no mark: {error!r}.",
            f"A JSON object with {', '.join(FIELDS)} was expected.",
        ) from None
    if found["mark"] not in MARKS:
        raise IntegrityError(
            f"Line {number} of {path} has the mark {found['mark']!r}.",
            f"There are: {', '.join(MARKS)}.",
        )
    return found


def _agreement(one: dict[str, Mark], other: dict[str, Mark]) -> dict[str, Any]:
    both = sorted(one.keys() & other.keys())
    if not both:
        return {"items": 0, "equal": None, "kappa": None}
    equal = sum(one[item] == other[item] for item in both) / len(both)
    shares = [Counter(side[item] for item in both) for side in (one, other)]
    chance = sum(shares[0][mark] * shares[1][mark] for mark in MARKS) / len(both) ** 2
    kappa = (equal - chance) / (1 - chance) if chance < 1 else None
    return {"items": len(both), "equal": equal, "kappa": kappa}
