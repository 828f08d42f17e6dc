"""Labelled texts in parts: whole groups by chance, or what is latest for the test."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.corpora.parts import rank
from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError

if TYPE_CHECKING:
    import pandas as pd

    from kblib.labels.labelled import Labels

GROUPS = ("film", "issue", "document", "title")
"""What texts hang together by, if it is known and nothing else is asked for."""


NAMED = 3
"""Labels that a part lacks are named, if they are no more."""
ALIKE = 8
"""Words in a row that two texts hardly have by chance."""
_YEAR_FIRST = re.compile(r"\d{4}(?!\d)")
"""How a time begins whose letters stand in the order of time: 1914, 1914-05-01."""
SOME_ALIKE = 0.05
"""The share of texts from which on it is told: quotations and set phrases are fewer."""


@dataclass(frozen=True)
class Chosen:
    """The rows of each part, and the column by which they were told apart."""

    by: str
    parts: list[tuple[str, pl.DataFrame]]


@dataclass(frozen=True, eq=False, repr=False)
class Parts:
    """Labels in parts; ``train, test = labels.split()`` unpacks them as a corpus does.

    Attributes
    ----------
    train, test, valid
        Labels; valid is None if it was not asked for.
    by
        The column whose values are each in one part only.
    """

    train: Labels
    test: Labels
    valid: Labels | None
    by: str

    def __iter__(self) -> Iterator[Labels]:
        return iter(self._named().values())

    @property
    def is_by_time(self) -> bool:
        """Whether the parts follow one another in time, the test part last."""
        split = self.test.provenance.get("split") or {}
        return split.get("time") == self.by

    def _named(self) -> dict[str, Labels]:
        found = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: labels for name, labels in found.items() if labels is not None}

    @property
    def table(self) -> pd.DataFrame:
        """How often each label is in each part; of a scale, its lowest, mean and highest point."""
        if self.train.is_scale:
            return self._points()
        columns = {
            name: part.counts.set_index("label")["count"] for name, part in self._named().items()
        }
        table = self.train.counts[["label"]]
        return table.assign(**{name: table["label"].map(one) for name, one in columns.items()})

    def _points(self) -> pd.DataFrame:
        of_parts = {name: part.table["label"] for name, part in self._named().items()}
        rows = [
            {
                "part": name,
                "texts": len(one),
                "low": one.min(),
                "mean": one.mean(),
                "high": one.max(),
            }
            for name, one in of_parts.items()
        ]
        return pandas_of(pl.DataFrame(rows).lazy())

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes scores on the test part hard to trust, in sentences."""
        sides = [part.counts.set_index("label")["count"] for part in (self.train, self.test)]
        said: list[str] = []
        for name, count in zip(("train", "test"), sides, strict=True):
            said += _absent([one for one in self.train.labels if not count[one]], name)
        known = set(self.train.rows["text"])
        again = sum(text in known for text in self.test.rows["text"])
        if again:
            said.append(f"{again:,} of {len(self.test):,} texts to test stand in train as well.")
        return (*said, *self._alike())

    def _alike(self) -> list[str]:
        """Return what has to be said of versions of one text that are in both parts."""
        known = {run for text in self.train.rows["text"] for run in runs_of_words(text)}
        alike = sum(not known.isdisjoint(runs_of_words(text)) for text in self.test.rows["text"])
        if alike < SOME_ALIKE * len(self.test):
            return []
        shared = f"{alike:,} of {len(self.test):,} texts to test share {ALIKE} words in a row"
        return [f"{shared} with train: versions of one text? Split by what they belong to."]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(part):,}" for name, part in self._named().items())
        notes = [f"  Note: {one}" for one in self.warnings]
        name = self.train.name.removesuffix("-train")
        return "\n".join([f"'{name}' split by {self.by}: {sizes}", *notes])


def hangs_by(labels: Labels, groups: str | None = None) -> str | None:
    """Return the column that says which texts hang together, or None where none does.

    Parameters
    ----------
    groups
        The one that was asked for; by default what the labels were split by, else film, issue,
        document or title.

    Raises
    ------
    LabelError
        If it is not there.
    """
    there = labels.rows.columns
    if groups is not None and groups not in there:
        raise LabelError(
            f"The labels have no column '{groups}'.", f"They have: {', '.join(there)}."
        )
    split = labels.provenance.get("split") or {}
    return next((name for name in (groups, split.get("by"), *GROUPS) if name in there), None)


def numbered(groups: Sequence[Any]) -> list[int]:
    """Return a number for each text: that of its group, and of its own where it has none.

    Examples
    --------
    >>> numbered(["a", None, "b", "a", None])
    [0, 1, 2, 0, 3]
    """
    places: dict[Any, int] = {}
    keys = [("", n) if one is None else ("of", one) for n, one in enumerate(groups)]
    return [places.setdefault(key, len(places)) for key in keys]


def runs_of_words(text: str) -> set[str]:
    """Return every `ALIKE` words in a row of a text; nothing of a shorter one.

    Examples
    --------
    >>> runs_of_words("ett två tre fyra fem sex sju åtta")
    {'ett två tre fyra fem sex sju åtta'}
    """
    words = text.casefold().split()
    return {" ".join(words[at : at + ALIKE]) for at in range(len(words) - ALIKE + 1)}


def rows_of_parts(
    rows: pl.DataFrame, *, test: float, valid: float, by: str | None, time: str | None, seed: int
) -> Chosen:
    """Return the rows of each part: train, valid (if asked for), test."""
    if not (0 < test < 1 and 0 <= valid < 1 and test + valid < 1):
        raise LabelError(
            f"test={test} and valid={valid} leave no train part or no test part.",
            "Shares between 0 and 1 that add up to less than 1 were expected.",
            "labels.split(test=0.2)",
        )
    if by is not None and time is not None:
        raise LabelError(
            f"by='{by}' and time='{time}' were both given.",
            "One of them was expected: groups by chance, or what is latest for the test.",
            f"labels.split(test={test}, time='{time}')",
        )
    column = time or by or next((name for name in GROUPS if name in rows.columns), "text")
    groups = _ordered(rows, column, None if time else seed)
    n_test = max(1, round(test * len(groups)))
    n_valid = max(1, round(valid * len(groups))) if valid else 0
    if n_test + n_valid >= len(groups):
        raise LabelError(
            f"There are {len(groups)} different values of '{column}', too few to split.",
            f"At least {2 + bool(valid)} were expected, so that every part has one.",
            "Split by another column; by='id' makes each text its own group.",
        )
    cut = [groups[n_test + n_valid :], groups[n_test : n_test + n_valid], groups[:n_test]]
    named = zip(("train", "valid", "test"), cut, strict=True)
    return Chosen(column, [(name, _of(rows, column, some)) for name, some in named if some])


def _absent(labels: list[str], part: str) -> list[str]:
    """Return sentences about labels that a part lacks."""
    if len(labels) <= NAMED:
        return [f"'{label}' is not in the {part} part." for label in labels]
    named = ", ".join(labels[:NAMED])
    return [f"{len(labels):,} labels are not in the {part} part: {named}…"]


def _ordered(rows: pl.DataFrame, column: str, seed: int | None) -> list[Any]:
    """Return the groups, those for the test first."""
    if column not in rows.columns:
        raise LabelError(
            f"The labels have no column '{column}'.", f"They have: {', '.join(rows.columns)}."
        )
    groups = rows[column].unique().to_list()
    if seed is not None:
        return sorted(groups, key=lambda group: rank(seed, group))
    unknown = rows[column].null_count()
    if unknown:
        raise LabelError(
            f"{unknown:,} of {rows.height:,} texts have no {column}.",
            "A split by time needs a time for each.",
            "Leave them out, or split by chance: by='...'",
        )
    return _latest_first(groups, column)


def _latest_first(times: list[Any], column: str) -> list[Any]:
    """Return times in order; files give them as text, in which 9 would be later than 12."""
    if not all(isinstance(one, str) for one in times):
        return sorted(times, reverse=True)
    if all(one.strip().isdecimal() for one in times):
        return sorted(times, key=lambda one: (int(one), one), reverse=True)
    strange = next((one for one in sorted(times) if not _YEAR_FIRST.match(one)), None)
    if strange is not None:
        raise LabelError(
            f"A {column} is '{strange}', and what is later than that cannot be told.",
            "Numbers, or times with the year first were expected: 1914, 1914-05-01.",
            "Put the year into a column of its own: labels.split(time='year')",
        )
    return sorted(times, reverse=True)


def _of(rows: pl.DataFrame, column: str, groups: list[Any]) -> pl.DataFrame:
    chosen = pl.DataFrame({column: pl.Series(groups, dtype=rows.schema[column])})
    return rows.join(chosen, on=column, how="semi", nulls_equal=True, maintain_order="left")
