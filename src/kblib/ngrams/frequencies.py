"""How often words and n-grams occur: counts, rates per million, and in how many documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError
from kblib.ngrams.forms import Forms, how_forms
from kblib.ngrams.index import Index, Ints, index_corpus
from kblib.ngrams.queries import Absent, search
from kblib.ngrams.units import mixed_media

if TYPE_CHECKING:
    import pandas as pd

PER_MILLION = 1e6
MOST = 5
"""The longest n-gram: a longer one hardly ever comes twice."""
CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class FrequencyTable:
    """Words or n-grams with their counts, most frequent first.

    Attributes
    ----------
    rows
        One row an n-gram: ngram, count, per_million, documents.
    words
        The running words the rates are of.
    provenance
        Corpus, fingerprint, filters, version, and what was asked.
    warnings
        What a reader of the table has to know: media that are counted together.
    """

    rows: pl.DataFrame
    words: int
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def table(self) -> pd.DataFrame:
        """The counts as a pandas table."""
        return pandas_of(self.rows.lazy())

    def top(self, n: int = 10) -> list[str]:
        """Return the `n` most frequent."""
        return self.rows["ngram"].head(n).to_list()

    def __repr__(self) -> str:
        about = f"{self.rows.height:,} rows, {self.words:,} words, '{self.provenance['corpus']}'"
        return f"FrequencyTable: {about}\n{self.rows.head(10)}"


def frequencies(
    corpus: Corpus,
    *,
    n: int = 1,
    min_count: int = 1,
    most: int | None = None,
) -> FrequencyTable:
    """Count all words, or all runs of `n` words, of a corpus.

    Parameters
    ----------
    n
        From 1 to 5; an n-gram never crosses the end of a document.
    min_count
        Leave out what is rarer.
    most
        Keep only so many, the most frequent.

    Raises
    ------
    CorpusError
        If the corpus is empty or a number makes no sense.

    Examples
    --------
    >>> frequencies(Corpus.from_texts(["sol och regn", "sol och vind"]), n=2).top(1)
    ['sol och']
    """
    check_order(n)
    _check_least("min_count", min_count)
    index = index_corpus(corpus)
    counted = count_ngrams(index, n).filter(pl.col("count") >= min_count)
    named = named_ngrams(index, counted, n).sort("count", "ngram", descending=[True, False])
    if most is not None:
        _check_least("most", most)
        named = named.head(most)
    return FrequencyTable(
        _with_rates(named, index.n_words).select("ngram", "count", "per_million", "documents"),
        index.n_words,
        index.provenance(n=n, min_count=min_count, most=most),
        mixed_media(index),
    )


def query_frequencies(
    corpus: Corpus,
    queries: str | Iterable[str],
    *,
    forms: Forms = "surface",
    absent: Absent = "zero",
) -> FrequencyTable:
    """Count some words, phrases or patterns; each form is a row, and each query a row for all.

    Returns
    -------
    FrequencyTable
        Rows: query, form, why, count, per_million; ``form`` is ``(all)`` in the row of the sum.
        For a phrase there is the sum only.
    """
    index = index_corpus(corpus)
    tables = []
    for query in [queries] if isinstance(queries, str) else queries:
        hits = search(index, query, forms=forms, absent=absent)
        total = pl.DataFrame(
            {"query": [query], "form": ["(all)"], "why": ["sum"], "count": [hits.n]}
        )
        each = hits.forms.rename({"hits": "count"}).drop("part")
        tables += [total, each.select(total.columns)] if hits.length == 1 else [total]
    if not tables:
        raise CorpusError("No query was given.", "At least one was expected.", "['järnväg']")
    rows = _with_rates(pl.concat(tables), index.n_words)
    said = how_forms(forms)
    return FrequencyTable(
        rows.rename({"form": "ngram"}),
        index.n_words,
        index.provenance(forms=said),
        mixed_media(index),
    )


def count_ngrams(index: Index, n: int, documents: Ints | None = None) -> pl.DataFrame:
    """Return the n-grams of a corpus as numbers of words (columns w0, w1 ...), count, documents.

    Parameters
    ----------
    documents
        Only these documents, ascending; all of the corpus if None.
    """
    keys = [f"w{place}" for place in range(n)]
    sums = [pl.col("count").sum(), pl.col("documents").sum()]
    total: pl.DataFrame | None = None
    for part in documents_in_parts(index, documents):
        counted = ngrams_in(index, part, n).group_by([*keys, "document"]).len("count")
        counted = counted.group_by(keys).agg(pl.col("count").sum(), pl.len().alias("documents"))
        counted = counted.with_columns(pl.col("count", "documents").cast(pl.Int64))
        total = counted if total is None else pl.concat([total, counted]).group_by(keys).agg(sums)
    if total is None:
        kinds = {**dict.fromkeys(keys, pl.UInt32), "count": pl.Int64, "documents": pl.Int64}
        return pl.DataFrame(schema=kinds)
    return total


def named_ngrams(index: Index, counted: pl.DataFrame, n: int) -> pl.DataFrame:
    """Replace the numbers of words by one column ``ngram``, the words with spaces between."""
    words = [index.text.words.gather(counted[f"w{place}"]) for place in range(n)]
    joined = pl.select(pl.concat_str(words, separator=" ").alias("ngram"))["ngram"]
    return counted.drop([f"w{place}" for place in range(n)]).insert_column(0, joined)


def documents_in_parts(index: Index, documents: Ints | None = None) -> Iterator[Ints]:
    """Yield the documents that have words, some million words at a time."""
    chosen = np.flatnonzero(index.document_words) if documents is None else documents
    if not len(chosen):
        return
    ends = np.cumsum(index.document_words[chosen])
    cuts = np.flatnonzero(np.diff(ends // CHUNK)) + 1
    yield from np.split(chosen, cuts)


def ngrams_in(index: Index, documents: Ints, n: int) -> pl.DataFrame:
    """Return each n-gram of some documents as a row, with its document."""
    text = index.text
    lengths = index.document_words[documents]
    starts = np.maximum(lengths - n + 1, 0)
    document = np.repeat(documents, starts)
    within = np.arange(len(document)) - np.repeat(np.cumsum(starts) - starts, starts)
    at = text.word_starts[document] + within
    grams = {f"w{place}": text.words_at(at + place).astype(np.uint32) for place in range(n)}
    return pl.DataFrame({**grams, "document": document.astype(np.uint32)})


def _with_rates(rows: pl.DataFrame, words: int) -> pl.DataFrame:
    return rows.with_columns(per_million=PER_MILLION * pl.col("count") / words)


def check_order(n: int) -> None:
    """Refuse an n-gram of no words, or of more than are counted."""
    if type(n) is not int or not 1 <= n <= MOST:
        raise CorpusError(f"n is {n!r}.", f"A whole number from 1 to {MOST} was expected.", "n=2")


def _check_least(name: str, value: int) -> None:
    if type(value) is not int or value < 1:
        raise CorpusError(
            f"{name} is {value!r}.", "A whole number from 1 was expected.", f"{name}=5"
        )
