"""Which words mark one corpus against another: how sure, how much, how evenly, in how many films.

Four answers stand side by side, for none is enough alone. G² says how unlikely the difference is
if words were drawn one by one, which they are not: it ranks, but its p-value is far too small and
is not given. The log ratio says how large the difference is, with an interval that knows that words
of one film hang together. The test compares the rates of whole films by rank; its p-values are
corrected for the number of words. Dispersion says whether one film makes the difference.

References
----------
Dunning (1993), Accurate methods for the statistics of surprise and coincidence. Hardie (2014), Log
Ratio. Lijffijt et al. (2016), Significance testing of word frequencies in corpora. Benjamini and
Hochberg (1995), Controlling the false discovery rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.dispersion import spread
from kblib.ngrams.frequencies import check_least
from kblib.ngrams.index import Index, index_corpus
from kblib.ngrams.printed import Printed
from kblib.ngrams.resampling import FEWEST_UNITS, Floats, check_confidence
from kblib.ngrams.unit_counts import UnitCounts, unit_counts
from kblib.ngrams.units import media_of, mixed_media

PER_MILLION = 1e6
HALF_A_HIT = 0.5
"""What stands for no hit in a log ratio (Hardie)."""
SIDES = ("", "reference_")


@dataclass(frozen=True, eq=False, repr=False)
class KeynessTable(Printed):
    """Words with what marks them, most significant of the corpus first.

    Attributes
    ----------
    rows
        One row a word: word; count, per_million, units, dp, and the same of the reference; g2,
        log_ratio (base 2) with low and high; p_value and q_value of the test between units.
    warnings
        What a reader of the table has to know.
    provenance
        Both corpora with fingerprints and filters, version, and what was asked.
    """

    rows: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        reference = self.provenance["reference"]["corpus"]
        return f"Words of '{self.provenance['corpus']}' against '{reference}'"

    def top(self, n: int = 10, *, q: float | None = None) -> list[str]:
        """Return the `n` words that mark the corpus most by G², or of those below a q-value."""
        rows = self.rows.filter(pl.col("log_ratio") > 0)
        if q is not None:
            rows = rows.filter(pl.col("q_value") < q)
        return rows["word"].head(n).to_list()


def keyness(
    corpus: Corpus,
    reference: Corpus,
    *,
    min_count: int = 5,
    unit: str | None = None,
    confidence: float = 0.95,
) -> KeynessTable:
    """Rank the words that mark one corpus against another.

    Parameters
    ----------
    min_count
        Words rarer than this in both together are left out.
    unit
        What is compared by the test and the interval: by default film, else title, else document.
        There is neither for fewer than 10 units on one side.
    confidence
        Of the interval of the log ratio.

    Returns
    -------
    KeynessTable
        Sorted by G² with the sign of the log ratio.

    Raises
    ------
    CorpusError
        If both are the same corpus, one of them has no words, or a number makes no sense.

    Examples
    --------
    >>> sunny, rainy = Corpus.from_texts(["sol sol regn"]), Corpus.from_texts(["regn regn"])
    >>> keyness(sunny, rainy, min_count=1).top(1)
    ['sol']
    """
    check_least("min_count", min_count)
    check_confidence(confidence)
    indexes = (index_corpus(corpus), index_corpus(reference))
    if corpus.fingerprint == reference.fingerprint:
        raise CorpusError(
            f"'{corpus.name}' and '{reference.name}' hold the same documents.",
            "Two different corpora were expected.",
            "keyness(films.filter(years=(1930, 1939)), films.filter(years=(1940, 1959)))",
        )
    counts = (unit_counts(indexes[0], unit), unit_counts(indexes[1], unit))
    sides = [_side(index, one) for index, one in zip(indexes, counts, strict=True)]
    joined = _joined(sides, min_count)
    sizes = (counts[0].n_words, counts[1].n_words)
    enough = min(len(one.words) for one in counts) >= FEWEST_UNITS
    rows = _with_effect(joined, sizes, counts, confidence if enough else None)
    rows = _with_test(rows, indexes, counts, enough=enough)
    signed = pl.col("g2") * pl.col("log_ratio").sign()
    rows = rows.sort(signed, "word", descending=[True, False]).select(_COLUMNS)
    asked = {"min_count": min_count, "unit": counts[0].unit, "confidence": confidence}
    said = indexes[0].provenance(reference=indexes[1].provenance(), **asked)
    return KeynessTable(rows, _warnings(indexes, counts), said)


_COLUMNS = (
    *("word", "count", "reference_count", "per_million", "reference_per_million", "g2"),
    *("log_ratio", "low", "high", "p_value", "q_value"),
    *("units", "reference_units", "dp", "reference_dp"),
)


def _side(index: Index, counts: UnitCounts) -> pl.DataFrame:
    """Return count, units, dispersion and the spread of the rate of each word."""
    lengths = pl.DataFrame({"length": counts.words}).with_row_index("unit")
    squares = (
        counts.pairs.join(lengths, on="unit", how="left")
        .group_by("word")
        .agg(
            (pl.col("count") ** 2).sum().cast(pl.Float64).alias("hh"),
            (pl.col("count") * pl.col("length")).sum().cast(pl.Float64).alias("hw"),
        )
    )
    rows = spread(counts).join(squares, on="word", how="left")
    return rows.with_columns(word=index.text.words.gather(rows["word"]))


def _joined(sides: list[pl.DataFrame], min_count: int) -> pl.DataFrame:
    other = sides[1].rename({name: f"reference_{name}" for name in sides[1].columns[1:]})
    rows = sides[0].join(other, on="word", how="full", coalesce=True)
    zeros = [pl.col(f"{side}{name}").fill_null(0) for side in SIDES for name in ("count", "units")]
    rows = rows.with_columns(zeros)
    return rows.filter(pl.col("count") + pl.col("reference_count") >= min_count)


def _with_effect(
    rows: pl.DataFrame,
    sizes: tuple[int, int],
    counts: tuple[UnitCounts, UnitCounts],
    confidence: float | None,
) -> pl.DataFrame:
    hits = [rows[f"{side}count"].to_numpy().astype(float) for side in SIDES]
    rates = [np.maximum(one, HALF_A_HIT) / size for one, size in zip(hits, sizes, strict=True)]
    ratio = np.log2(rates[0] / rates[1])
    reach: Floats = np.full(len(ratio), np.nan)
    if confidence is not None:
        variance = sum(
            _log_variance(rows, side, one) for side, one in zip(SIDES, counts, strict=True)
        )
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        reach = z * np.sqrt(variance) / math.log(2)
    return rows.with_columns(
        per_million=PER_MILLION * pl.col("count") / sizes[0],
        reference_per_million=PER_MILLION * pl.col("reference_count") / sizes[1],
        g2=pl.Series(log_likelihood(hits[0], hits[1], *sizes)),
        log_ratio=pl.Series(ratio),
        low=pl.Series(ratio - reach, nan_to_null=True),
        high=pl.Series(ratio + reach, nan_to_null=True),
    )


def log_likelihood(hits: Floats, others: Floats, size: int, other_size: int) -> Floats:
    """Return Dunning's G² of the fourfold table: hits and other words, here and there."""
    total = size + other_size
    both = hits + others
    g2 = np.zeros(len(hits))
    for observed, row, column in (
        (hits, both, size),
        (others, both, other_size),
        (size - hits, total - both, size),
        (other_size - others, total - both, other_size),
    ):
        with np.errstate(divide="ignore", invalid="ignore"):
            g2 += np.where(observed > 0, observed * np.log(observed * total / (row * column)), 0)
    return np.maximum(2 * g2, 0)


def _log_variance(rows: pl.DataFrame, side: str, counts: UnitCounts) -> Floats:
    """Return the variance of the log of a rate, from its residuals over units (linearised)."""
    n, total = len(counts.words), counts.n_words
    lengths = counts.words.astype(float)
    hits = rows[f"{side}count"].to_numpy().astype(float)
    hh, hw = (rows[f"{side}{name}"].fill_null(0).to_numpy() for name in ("hh", "hw"))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(hits > 0, hits / total, np.nan)
        residuals = hh - 2 * rate * hw + rate**2 * (lengths**2).sum()
        variance: Floats = n / (n - 1) * residuals / (total * rate) ** 2
    return variance


def _with_test(
    rows: pl.DataFrame,
    indexes: tuple[Index, Index],
    counts: tuple[UnitCounts, UnitCounts],
    *,
    enough: bool,
) -> pl.DataFrame:
    if not enough:
        return rows.with_columns(p_value=pl.lit(None, pl.Float64), q_value=pl.lit(None, pl.Float64))
    rates = pl.concat(
        _rates(index, one, number)
        for number, (index, one) in enumerate(zip(indexes, counts, strict=True))
    ).join(rows.select("word"), on="word", how="semi")
    tested = rank_test(rates, len(counts[0].words), len(counts[1].words))
    rows = rows.join(tested, on="word", how="left")
    return rows.with_columns(q_value=pl.Series(false_discovery_rates(rows["p_value"].to_numpy())))


def _rates(index: Index, counts: UnitCounts, number: int) -> pl.DataFrame:
    lengths = pl.DataFrame({"length": counts.words}).with_row_index("unit")
    pairs = counts.pairs.join(lengths, on="unit", how="left")
    return pairs.select(
        index.text.words.gather(pairs["word"]).alias("word"),
        (pl.col("count") / pl.col("length")).alias("rate"),
        pl.lit(number).alias("side"),
    )


def rank_test(rates: pl.DataFrame, n: int, m: int) -> pl.DataFrame:
    """Return the two-sided Mann-Whitney p-value of each word, by the normal approximation.

    Parameters
    ----------
    rates
        Columns word, rate (above 0) and side (0 or 1): one row a unit that has the word.
    n, m
        How many units there are on each side; those without the word have the rate 0.
    """
    total = n + m
    there = pl.len().over("word")
    zeros = total - there
    ranked = rates.with_columns(
        zeros=zeros, rank=zeros + pl.col("rate").rank("average").over("word")
    )
    ties = ranked.group_by("word", "rate").agg(pl.len().cast(pl.Float64).alias("t"))
    ties = ties.group_by("word").agg((pl.col("t") ** 3 - pl.col("t")).sum().alias("ties"))
    first = pl.col("side") == 0
    sums = (
        ranked.group_by("word")
        .agg(
            pl.col("rank").filter(first).sum().alias("rank_sum"),
            first.sum().cast(pl.Float64).alias("there"),
            pl.col("zeros").first().cast(pl.Float64),
        )
        .join(ties, on="word")
    )
    zero = pl.col("zeros")
    u = pl.col("rank_sum") + (n - pl.col("there")) * (zero + 1) / 2 - n * (n + 1) / 2
    tied = pl.col("ties") + zero**3 - zero
    spread_of_u = (n * m / 12 * (total + 1 - tied / (total * (total - 1)))).sqrt()
    off = ((u - n * m / 2).abs() - 0.5).clip(lower_bound=0)
    z = sums.select("word", z=pl.when(spread_of_u > 0).then(off / spread_of_u).otherwise(0.0))
    p = [math.erfc(one / math.sqrt(2)) for one in z["z"].to_list()]
    return z.select("word", p_value=pl.Series(p, dtype=pl.Float64))


def false_discovery_rates(p_values: Floats) -> Floats:
    """Return the smallest false discovery rate at which each p-value counts."""
    n = len(p_values)
    order = np.argsort(p_values)
    stepped = p_values[order] * n / np.arange(1, n + 1)
    q = np.empty(n)
    q[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1)
    return q


def _warnings(
    indexes: tuple[Index, Index], counts: tuple[UnitCounts, UnitCounts]
) -> tuple[str, ...]:
    said = []
    media = [" and ".join(media_of(index)) for index in indexes]
    if media[0] != media[1]:
        said.append(
            f"{media[0] or 'unknown medium'} against {media[1] or 'unknown medium'}: "
            "what marks the words may be the medium."
        )
    elif mixed_media(indexes[0]):
        said.append(
            f"{media[0]} are counted together on both sides: what marks the words may be their mix."
        )
    if any(len(one.words) < FEWEST_UNITS for one in counts):
        said.append(f"Fewer than {FEWEST_UNITS} units on one side: no interval and no test.")
    if indexes[0].text is indexes[1].text:
        both = int(((indexes[0].document_words > 0) & (indexes[1].document_words > 0)).sum())
        if both:
            said.append(f"{both:,} documents are in both.")
    return tuple(said)
