"""Cells of a corpus: its words and hits by unit, period and stratum, before anything is divided.

A *unit* is the highest thing whose words depend on one another, here a film: cues of one film
share a topic, so they are never resampled one by one. A *stratum* is a medium and a collection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from kblib.errors import CorpusError
from kblib.ngrams.index import Index, Ints

UNITS = ("film", "title")
STRATA = ("medium", "collection")
MEDIUM = "medium"
DECADE = 10
SEVERAL = 2


def unit_of(index: Index, unit: str | None) -> str:
    """Return the column that names the units: as given, else film, title or the document itself."""
    if unit is None:
        return next((name for name in UNITS if name in index.corpus.columns), "id")
    index.column(unit)
    return unit


def unit_codes(index: Index, unit: str) -> tuple[Ints, int]:
    """Return the unit of each document as a number, and how many numbers there are.

    A document that names no unit is its own.
    """
    if unit == "id":
        n = len(index.document_words)
        return np.arange(n), n
    codes, labels = index.codes(unit)
    if labels and labels[-1] is None:
        alone = np.flatnonzero(codes == len(labels) - 1)
        codes = codes.copy()
        codes[alone] = len(labels) - 1 + np.arange(len(alone))
        return codes, len(labels) - 1 + len(alone)
    return codes, len(labels)


@dataclass(frozen=True, eq=False)
class Periods:
    """The period of each document.

    Attributes
    ----------
    codes
        A number into `labels` for each document; -1 where the date is unknown or nothing is kept.
    labels
        First years of decades, years, or the values of another column, in order and without holes
        where they are years.
    """

    codes: Ints
    labels: list[Any]


def periods_of(index: Index, per: str) -> Periods:
    """Return the periods of a corpus: ``year``, ``decade``, or the values of any column.

    Raises
    ------
    CorpusError
        If no document of the corpus has a year, or the column is not there.
    """
    if not isinstance(per, str):
        raise CorpusError(
            f"per is {per!r}.", "year, decade or the name of a column was expected.", "per='decade'"
        )
    if ("periods", per) not in index.memory:
        index.memory["periods", per] = _periods(index, per)
    found: Periods = index.memory["periods", per]
    return found


def _periods(index: Index, per: str) -> Periods:
    there = index.document_words > 0
    if per not in ("year", "decade"):
        codes, labels = index.codes(per)
        known = len(labels) - (labels[-1:] == [None])
        return Periods(np.where(there & (codes < known), codes, -1), labels[:known])
    if "year" not in index.corpus.columns:
        raise _without_years(index, "has no column 'year'")
    years = index.column("year").fill_null(-1).to_numpy().astype(np.int64)
    there &= years >= 0
    if not there.any():
        raise _without_years(index, "has no document of known year")
    step = DECADE if per == "decade" else 1
    first, last = years[there].min() // step, years[there].max() // step
    codes = np.where(there, years // step - first, -1)
    return Periods(codes, [int(one) * step for one in range(first, last + 1)])


def strata_of(index: Index, columns: Sequence[str]) -> tuple[Ints, list[tuple[Any, ...]]]:
    """Return the stratum of each document as a number, and the strata with words, by that number.

    Without columns there is one stratum.
    """
    key = ("strata", tuple(columns))
    if key not in index.memory:
        index.memory[key] = _strata(index, columns)
    found: tuple[Ints, list[tuple[Any, ...]]] = index.memory[key]
    return found


def _strata(index: Index, columns: Sequence[str]) -> tuple[Ints, list[tuple[Any, ...]]]:
    codes = np.zeros(len(index.document_words), dtype=np.int64)
    labels: list[tuple[Any, ...]] = [()]
    for name in columns:
        more, values = index.codes(name)
        codes = codes * len(values) + more
        labels = [(*label, value) for label in labels for value in values]
    there = np.unique(codes[index.document_words > 0])
    place = np.zeros(len(labels), dtype=np.int64)
    place[there] = np.arange(len(there))
    return place[codes], [labels[number] for number in there.tolist()]


def media_of(index: Index) -> list[str]:
    """Return the media that have words in a corpus; none if it has no such column."""
    if MEDIUM not in index.corpus.columns:
        return []
    return sorted(name_of(stratum[0]) for stratum in strata_of(index, (MEDIUM,))[1])


def name_of(value: Any) -> str:
    """Return a value as a label; an absent one is unknown."""
    return "unknown" if value is None else str(value)


def mixed_media(index: Index) -> tuple[str, ...]:
    """Return what a count over several media must say; nothing if there is one medium."""
    media = media_of(index)
    if len(media) < SEVERAL:
        return ()
    return (f"{' and '.join(media)} are counted together; their errors and their years differ.",)


@dataclass(frozen=True, eq=False)
class Cells:
    """One row for each unit, period and stratum that has words, sorted by unit.

    Attributes
    ----------
    of_document
        The row of each document; -1 for one that is in no cell.
    unit, period, stratum, words
        Of each row.
    """

    of_document: Ints
    unit: Ints
    period: Ints
    stratum: Ints
    words: Ints

    def count(self, documents: Ints) -> Ints:
        """Return how many of some hits, given by their documents, are in each row."""
        rows = self.of_document[documents]
        return np.bincount(rows[rows >= 0], minlength=len(self.words))


def cells_of(index: Index, unit: str, per: str, strata: Sequence[str]) -> Cells:
    """Return the cells of a corpus, worked out once for each way of cutting it."""
    key = ("cells", unit, per, tuple(strata))
    if key not in index.memory:
        index.memory[key] = _cells(index, unit, per, strata)
    found: Cells = index.memory[key]
    return found


def _cells(index: Index, unit: str, per: str, strata: Sequence[str]) -> Cells:
    periods = periods_of(index, per)
    stratum, labels = strata_of(index, strata)
    units, _ = unit_codes(index, unit)
    there = np.flatnonzero((index.document_words > 0) & (periods.codes >= 0))
    key = (units[there] * len(periods.labels) + periods.codes[there]) * len(labels) + stratum[there]
    keys, rows = np.unique(key, return_inverse=True)
    of_document = np.full(len(index.document_words), -1, dtype=np.int64)
    of_document[there] = rows
    words = np.bincount(rows, weights=index.document_words[there]).astype(np.int64)
    rest, strata_codes = np.divmod(keys, len(labels))
    unit_numbers, period_codes = np.divmod(rest, len(periods.labels))
    return Cells(of_document, unit_numbers, period_codes, strata_codes, words)


def size_table(index: Index, per: str, unit: str) -> pl.DataFrame:
    """Return size, mix and noise of each period and medium: what a trend must be read beside.

    ``rare_share`` is the share of running words that no other document has: misread words, and
    names. It compares periods of one corpus; between corpora it depends on their size.
    """
    key = ("sizes", per, unit)
    if key not in index.memory:
        index.memory[key] = _size_table(index, per, unit)
    found: pl.DataFrame = index.memory[key]
    return found


def _size_table(index: Index, per: str, unit: str) -> pl.DataFrame:
    periods = periods_of(index, per)
    frame = pl.DataFrame(
        {
            "period": periods.codes,
            "unit": unit_codes(index, unit)[0],
            "words": index.document_words,
            "rare": index.text.rare,
        }
    )
    mix = [name for name in STRATA if name in index.corpus.columns]
    frame = frame.with_columns(index.column(name).alias(name) for name in mix)
    frame = frame.filter(pl.col("words") > 0, pl.col("period") >= 0)
    sums: list[pl.Expr] = [
        pl.len().alias("documents"),
        pl.col("unit").n_unique().alias("units"),
        pl.col("words").sum(),
        (pl.col("rare").sum() / pl.col("words").sum()).alias("rare_share"),
    ]
    for name in mix:
        for value in frame[name].unique().sort().drop_nulls().to_list():
            share = pl.col("words").filter(pl.col(name) == value).sum() / pl.col("words").sum()
            sums.append(share.alias(f"{name} {value}"))
    table = frame.group_by("period").agg(sums).sort("period")
    labels = pl.DataFrame({"period": np.arange(len(periods.labels)), "label": periods.labels})
    joined = labels.join(table, on="period", how="left", maintain_order="left")
    counts = [pl.col(name).fill_null(0) for name in ("documents", "units", "words")]
    return joined.with_columns(counts).drop("period").rename({"label": "period"})


def check_window(smooth: int) -> None:
    """Refuse a smoothing window that has no middle."""
    if type(smooth) is not int or smooth < 1 or smooth % 2 == 0:
        raise CorpusError(
            f"smooth is {smooth!r}.",
            "The number of periods in the window was expected, odd so that it has a middle.",
            "smooth=1 (none), smooth=3, smooth=5",
        )


def _without_years(index: Index, what: str) -> CorpusError:
    return CorpusError(
        f"Corpus '{index.corpus.name}' {what}.",
        "A trend over time needs years.",
        f"Its columns: {', '.join(index.corpus.columns)}. Another one can be the axis: per='...'",
    )
