"""N-gram counts that may leave the house, for they disclose no text.

A table of n-grams is safe to publish only if no row leads back to one text. So each row stands for
several units (films, books), cells are fixed (decade and medium, never a year or a title), n is
small where texts are in copyright, and two tables cannot be subtracted to lay bare a third: a cell
is exported whole or not at all, and a document that left in one cell does not leave in another
(`kblib.ngrams.released`). The limits are a policy to be agreed with whoever holds the rights, not
law.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.files import write_atomic, write_json
from kblib.ngrams.frequencies import check_order
from kblib.ngrams.index import Index, Ints, index_corpus
from kblib.ngrams.ngram_counts import count_ngrams, named_ngrams
from kblib.ngrams.printed import Printed
from kblib.ngrams.released import Marks, marks_of, note_release
from kblib.ngrams.units import (
    DECADE,
    MEDIUM,
    cells_of,
    name_of,
    periods_of,
    strata_of,
    unit_codes,
    unit_of,
)

LEAST_UNITS = 5
LONGEST_IN_COPYRIGHT = 3
FREE = ("CC0", "PDM", "public domain", "Public Domain")


@dataclass(frozen=True, eq=False, repr=False)
class SafeTable(Printed):
    """Counts of n-grams that may leave the house.

    Attributes
    ----------
    rows
        decade, medium (where the corpus has one), ngram, count, units.
    held_back
        For each cell: n-grams and running n-grams that are not in the table.
    provenance
        Corpus, fingerprint, filters, version, threshold, n.
    documents
        The documents of each cell, as marks that say nothing of them.
    """

    rows: pl.DataFrame
    held_back: pl.DataFrame
    provenance: dict[str, Any]
    documents: dict[str, Marks] = field(repr=False)

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return (
            f"N-grams of '{self.provenance['corpus']}' (n={self.provenance['n']}) in at least "
            f"{self.provenance['least_units']} units of their cell"
        )

    @property
    def warnings(self) -> tuple[str, ...]:  # type: ignore[override]
        """What is held back, in a sentence."""
        running = int(self.held_back["running"].sum())
        return (f"{running:,} running n-grams are held back, for too few units have them.",)

    def save(self, path: str | Path) -> Path:
        """Write the table as CSV, and beside it what it is, as JSON; note that it leaves.

        Raises
        ------
        CorpusError
            If documents of a cell left before in another cell: the two could be subtracted.
        """
        target = Path(path).expanduser()
        note_release(self.documents, target.name)
        write_atomic(target, self.rows.write_csv().encode("utf-8"))
        write_json(target.with_suffix(".json"), self.provenance)
        return target


def export_ngrams(
    corpus: Corpus, *, n: int = 1, least_units: int = LEAST_UNITS, unit: str | None = None
) -> SafeTable:
    """Count n-grams by decade and medium, and hold back those of few units.

    Parameters
    ----------
    least_units
        In how many different units (film, else title, else document) of its cell an n-gram must
        stand; 5 or more.
    unit
        Another column, of which each value holds whole units; what one person or publisher made
        belongs together.

    Raises
    ------
    CorpusError
        If `n` is too large for texts in copyright, the threshold too low, the unit too small, the
        corpus holds a part of a cell, or the documents have no years.
    """
    check_order(n)
    index = index_corpus(corpus)
    name = unit_of(index, unit)
    _check_policy(index, n, least_units, name)
    media = (MEDIUM,) if MEDIUM in corpus.columns else ()
    _check_whole(index, media)
    units = unit_codes(index, name)[0]
    rows, held, marks = [], [], {}
    for label, documents in _cells(index, name, media):
        safe, gone = _parted(index, n, units, documents, least_units)
        held.append({**label, **gone})
        marks[_spoken(label)] = marks_of(index, documents)
        named = named_ngrams(index, safe, n).rename({"groups": "units"})
        rows.append(named.with_columns(pl.lit(value).alias(key) for key, value in label.items()))
    keys = ["decade", *media]
    table = pl.concat(rows).select(*keys, "ngram", "count", "units")
    said = index.provenance(n=n, least_units=least_units, unit=name, cells=keys)
    return SafeTable(
        table.sort(*keys, "count", "ngram", descending=[False] * len(keys) + [True, False]),
        pl.DataFrame(held),
        said,
        marks,
    )


def _cells(
    index: Index, unit: str, media: tuple[str, ...]
) -> Iterator[tuple[dict[str, Any], Ints]]:
    cells = cells_of(index, unit, "decade", media)
    labels = periods_of(index, "decade").labels
    strata = strata_of(index, media)[1]
    there = np.flatnonzero(cells.of_document >= 0)
    row = cells.of_document[there]
    key = cells.period[row] * len(strata) + cells.stratum[row]
    for one in np.unique(key).tolist():
        period, stratum = divmod(one, len(strata))
        about = {"decade": labels[period], **dict(zip(media, strata[stratum], strict=True))}
        yield about, there[key == one]


def _parted(
    index: Index, n: int, units: Ints, documents: Ints, least_units: int
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the n-grams of some documents that enough units have, and how many are held back."""
    counted = count_ngrams(index, n, units, documents)
    enough = pl.col("groups") >= least_units
    gone = counted.filter(~enough)["count"]
    return counted.filter(enough), {"ngrams": len(gone), "running": int(gone.sum())}


def _spoken(label: dict[str, Any]) -> str:
    """Return a cell as a reader says it: ``1930s, speech``."""
    return ", ".join(
        [f"{label['decade']}s", *(name_of(label[key]) for key in label if key != "decade")]
    )


def _check_whole(index: Index, media: tuple[str, ...]) -> None:
    """Refuse a corpus that holds some documents of a cell and leaves out others it was made of."""
    if index.kept is None:
        return
    there = np.diff(index.text.word_starts) > 0
    frame = pl.DataFrame(
        {
            "decade": index.column("year") // DECADE * DECADE,
            **{name: index.column(name) for name in media},
            "kept": index.kept,
        }
    )
    cells = frame.filter(pl.Series(there)).drop_nulls("decade").group_by("decade", *media)
    counted = cells.agg(pl.col("kept").sum(), pl.len().alias("all")).sort("decade", *media)
    partly = counted.filter(pl.col("kept") > 0, pl.col("kept") < pl.col("all"))
    for row in partly.head(1).iter_rows(named=True):
        label = {name: row[name] for name in ("decade", *media)}
        raise CorpusError(
            f"Corpus '{index.corpus.name}' holds {row['kept']:,} of the {row['all']:,} documents "
            f"of the cell {_spoken(label)}.",
            "A cell is exported whole: a table of a part, taken from one of the whole, would show "
            "the n-grams of the rest.",
            "Filter by whole decades or media only. If what was filtered out is never to leave, "
            "save what is left and export that: corpus.save()",
        )


def _check_policy(index: Index, n: int, least_units: int, unit: str) -> None:
    if type(least_units) is not int or least_units < LEAST_UNITS:
        raise CorpusError(
            f"least_units is {least_units!r}.",
            f"At least {LEAST_UNITS} was expected: fewer texts could be recognised.",
            f"least_units={LEAST_UNITS}",
        )
    if n > LONGEST_IN_COPYRIGHT and not _all_free(index):
        raise CorpusError(
            f"n is {n}, and corpus '{index.corpus.name}' holds texts that are not marked as free.",
            f"Up to {LONGEST_IN_COPYRIGHT} was expected: longer n-grams quote.",
            f"n={LONGEST_IN_COPYRIGHT}, or a corpus whose licence or rights column says "
            f"{' or '.join(FREE[:2])}.",
        )
    usual = unit_of(index, None)
    codes, finer = unit_codes(index, usual)[0], unit_codes(index, unit)[0]
    pairs = pl.DataFrame({"usual": codes, "unit": finer}).filter(index.document_words > 0)
    split = pairs["usual"].n_unique() < pairs.n_unique()
    if split:
        raise CorpusError(
            f"unit is '{unit}', and one {usual} has several.",
            f"Units that hold whole {usual}s were expected: {least_units} smaller ones may be one "
            "text.",
            f"unit='{usual}'",
        )


def _all_free(index: Index) -> bool:
    kept = index.document_words > 0
    for name in ("licence", "rights"):
        if name in index.corpus.columns:
            values = index.column(name).filter(pl.Series(kept)).unique().to_list()
            if all(value is not None and value.startswith(FREE) for value in values):
                return True
    return False
