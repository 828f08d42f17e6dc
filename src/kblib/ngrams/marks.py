"""What readers say of the items of a sample: a plain file that grows by a line a mark.

JSON lines: sample, item, document, word, mark, who, when, guideline. A mark is in the file before
the next item is shown. Nothing is written over: who thinks again adds a line, and the last one of
each reader counts. Where readers differ, the item counts as unsure.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError, IntegrityError
from kblib.labels import readers
from kblib.labels.agreement import pairs
from kblib.labels.readers import ENDING
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
        >>> from tempfile import TemporaryDirectory
        >>> from kblib.corpora import Corpus
        >>> from kblib.ngrams.samples import sample_query
        >>> sample = sample_query(Corpus.from_texts(["sol", "sol"], year=1931), "sol")
        >>> with TemporaryDirectory() as folder:
        ...     marks = Marks.open(sample, f"{folder}/sun.jsonl")
        ...     marks.add(1, "yes", who="Selma")
        ...     Marks.open(sample, f"{folder}/sun.jsonl")
        Marks of 'sol' in ...sun.jsonl: 1 yes, 0 no, 0 unsure; 2 items
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
        said = {"mark": mark, "who": who, "when": readers.now(), "guideline": guideline}
        readers.add(self.path, {"sample": self.sample.key, **about, **said})

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
        return self._by_reader().get(who, {})

    def settled(self) -> dict[str, Mark]:
        """Return one mark for each item: what all its readers say, else unsure."""
        return cast(dict[str, Mark], readers.settled(self._by_reader()))

    @property
    def differing(self) -> int:
        """On how many items readers differ."""
        return len(readers.differing(self._by_reader()))

    @property
    def agreement(self) -> pd.DataFrame:
        """How far each two readers agree: items both marked, share of equal marks, Cohen's kappa.

        References
        ----------
        Cohen (1960), A coefficient of agreement for nominal scales.
        """
        rows = pairs(self._by_reader())
        schema = {"reader": pl.String, "other": pl.String, "items": pl.Int64}
        numbers = {"equal": pl.Float64, "kappa": pl.Float64}
        return pandas_of(pl.DataFrame(rows, schema={**schema, **numbers}).lazy())

    def _by_reader(self) -> dict[str, dict[str, Mark]]:
        return cast(dict[str, dict[str, Mark]], readers.by_reader(self._last(), "item", "mark"))

    def _last(self) -> pl.DataFrame:
        return readers.last_of_each(self.rows, "item")

    def _lines(self) -> list[dict[str, Any]]:
        found = readers.lines(self.path, FIELDS, "mark")
        return [_known(self.path, at, line) for at, line in found]

    def __repr__(self) -> str:
        counts = Counter(self.settled().values())
        said = ", ".join(f"{counts[mark]:,} {mark}" for mark in MARKS)
        return f"Marks of '{self.sample.query}' in {self.path}: {said}; {self.sample.n:,} items"


def _known(path: Path, number: int, line: dict[str, Any]) -> dict[str, Any]:
    if line["mark"] not in MARKS:
        raise IntegrityError(
            f"Line {number} of {path} has the mark {line['mark']!r}.",
            f"There are: {', '.join(MARKS)}.",
        )
    return line
