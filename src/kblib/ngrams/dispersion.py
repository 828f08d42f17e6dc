"""How evenly words are spread: Gries' deviation of proportions, over films rather than cues.

References
----------
Gries (2008), Dispersions and adjusted frequencies in corpora, International Journal of Corpus
Linguistics 13(4); the normalised form of Lijffijt and Gries (2012), ibid. 17(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.forms import similar_words
from kblib.ngrams.frequencies import check_least
from kblib.ngrams.index import Index, index_corpus
from kblib.ngrams.printed import Printed
from kblib.ngrams.unit_counts import UnitCounts, unit_counts
from kblib.ngrams.units import mixed_media
from kblib.ngrams.words import folded

FEWEST_PARTS = 2


@dataclass(frozen=True, eq=False, repr=False)
class DispersionTable(Printed):
    """Words with how evenly they are spread over units.

    Attributes
    ----------
    rows
        One row a word: word, count, units, unit_share, dp, dp_norm. ``dp`` is 0 for a word that
        each unit has in proportion to its length, near 1 for one that a single short unit has.
    n_units
        How many units there are.
    provenance
        Corpus, fingerprint, filters, version, and what was asked.
    warnings
        What a reader of the table has to know: media that are counted together.
    """

    rows: pl.DataFrame
    n_units: int
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return (
            f"Words of '{self.provenance['corpus']}' over {self.n_units:,} units "
            f"({self.provenance['unit']})"
        )


def dispersion(
    corpus: Corpus,
    words: str | Sequence[str] | None = None,
    *,
    min_count: int = 5,
    unit: str | None = None,
) -> DispersionTable:
    """Measure how evenly words are spread over the units of a corpus.

    Parameters
    ----------
    words
        Some words, in their order; all of at least `min_count` if None, the most frequent first.
    unit
        By default film, else title, else each document.

    Raises
    ------
    CorpusError
        If there is only one unit, or a word is not in the corpus.

    Examples
    --------
    >>> spread = dispersion(Corpus.from_texts(["sol sol", "regn regn"]), ["sol"])
    >>> spread.table[["word", "dp", "dp_norm"]].values.tolist()
    [['sol', 0.5, 1.0]]
    """
    check_least("min_count", min_count)
    index = index_corpus(corpus)
    counts = unit_counts(index, unit)
    _check_parts(index, counts)
    found = spread(counts).with_columns(
        dp_norm=pl.col("dp") / (1 - int(counts.words.min()) / counts.n_words),
        unit_share=pl.col("units") / len(counts.words),
    )
    named = found.with_columns(word=index.text.words.gather(found["word"]))
    rows = _some(index, named, words) if words is not None else _frequent(named, min_count)
    asked = {"unit": counts.unit, "min_count": None if words is not None else min_count}
    columns = ("word", "count", "units", "unit_share", "dp", "dp_norm")
    said = index.provenance(**asked)
    return DispersionTable(rows.select(columns), len(counts.words), said, mixed_media(index))


def spread(counts: UnitCounts) -> pl.DataFrame:
    """Return count, units and deviation of proportions of each word, given by its number.

    Half the sum of |expected - observed share| over all units; those without the word add their
    expected share.
    """
    shares = pl.DataFrame({"share": counts.words / counts.n_words}).with_row_index("unit")
    pairs = counts.pairs.join(shares, on="unit", how="left")
    observed = pl.col("count") / pl.col("count").sum().over("word")
    pairs = pairs.with_columns(off=(pl.col("share") - observed).abs())
    return pairs.group_by("word").agg(
        pl.col("count").sum(),
        pl.len().cast(pl.Int64).alias("units"),
        ((pl.col("off").sum() + 1 - pl.col("share").sum()) / 2).alias("dp"),
    )


def _some(index: Index, rows: pl.DataFrame, words: str | Sequence[str]) -> pl.DataFrame:
    asked = [words] if isinstance(words, str) else list(words)
    if not asked or not all(isinstance(word, str) for word in asked):
        raise CorpusError(
            f"words is {words!r}.", "A word or a list of them was expected.", "['järnväg', 'och']"
        )
    wanted = folded(asked)
    there = set(rows["word"].to_list())
    missing = next((word for word in wanted if word not in there), None)
    if missing is not None:
        alike = similar_words(index.text, missing) if missing else []
        near = [word for word in alike if word in there]
        other = "Single words were expected." if " " in missing else "No word is much like it."
        raise CorpusError(
            f"The word '{missing}' is nowhere in corpus '{index.corpus.name}'.",
            f"Written alike: {', '.join(near)}." if near else other,
        )
    return pl.DataFrame({"word": wanted}).join(rows, on="word", how="left", maintain_order="left")


def _frequent(rows: pl.DataFrame, min_count: int) -> pl.DataFrame:
    enough = rows.filter(pl.col("count") >= min_count)
    return enough.sort("count", "word", descending=[True, False])


def _check_parts(index: Index, counts: UnitCounts) -> None:
    if len(counts.words) < FEWEST_PARTS:
        raise CorpusError(
            f"Corpus '{index.corpus.name}' has one unit by its column '{counts.unit}'.",
            "Spread needs several.",
            f"Other columns: {', '.join(index.corpus.columns)}. Name one with unit='...'",
        )
