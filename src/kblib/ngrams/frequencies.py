"""How often words and n-grams occur: counts, rates per million, and in how many documents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.forms import Forms, how_forms
from kblib.ngrams.index import Index, index_corpus
from kblib.ngrams.ngram_counts import count_ngrams, named_ngrams
from kblib.ngrams.printed import Printed
from kblib.ngrams.queries import Absent, listed_queries, search
from kblib.ngrams.units import mixed_media

PER_MILLION = 1e6
MOST = 5
"""The longest n-gram: a longer one hardly ever comes twice."""


@dataclass(frozen=True, eq=False, repr=False)
class FrequencyTable(Printed):
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

    def top(self, n: int = 10) -> list[str]:
        """Return the `n` most frequent."""
        return self.rows["ngram"].head(n).to_list()

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Frequencies in '{self.provenance['corpus']}', {self.words:,} words"


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
    check_least("min_count", min_count)
    index = index_corpus(corpus)
    if most is not None:
        check_least("most", most)
    counted = _counted(index, n, min_count, most).rename({"groups": "documents"})
    named = named_ngrams(index, counted, n).sort("count", "ngram", descending=[True, False])
    named = named if most is None else named.head(most)
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
        Rows: query, ngram (the form), why, count, per_million; ``ngram`` is ``(all)`` in the row
        of the sum. For a phrase there is the sum only.

    Examples
    --------
    >>> table = query_frequencies(Corpus.from_texts(["sol och regn", "Sol!"]), "s*").table
    >>> table[["ngram", "why", "count"]].values.tolist()
    [['(all)', 'sum', 2], ['sol', 'matches s*', 2]]
    """
    index = index_corpus(corpus)
    listed = listed_queries(queries)
    tables = []
    for query in listed:
        hits = search(index, query, forms=forms, absent=absent)
        total = pl.DataFrame(
            {"query": [query], "form": ["(all)"], "why": ["sum"], "count": [hits.n]}
        )
        each = hits.forms.rename({"hits": "count"}).drop("part")
        tables += [total, each.select(total.columns)] if hits.length == 1 else [total]
    rows = _with_rates(pl.concat(tables), index.n_words)
    said = how_forms(forms)
    return FrequencyTable(
        rows.rename({"form": "ngram"}),
        index.n_words,
        index.provenance(queries=listed, forms=said, absent=absent),
        mixed_media(index),
    )


def _counted(index: Index, n: int, min_count: int, most: int | None) -> pl.DataFrame:
    """Return n-grams with counts and documents; single words of a whole text are in its index."""
    if n > 1 or index.kept is not None:
        documents = np.arange(len(index.document_words))
        return count_ngrams(index, n, documents, min_count=min_count, most=most)
    counts = np.diff(index.text.starts)
    least = min_count
    if most is not None and most < len(counts):
        least = max(least, int(np.partition(counts, -most)[-most]))
    words = np.flatnonzero(counts >= least)
    documents = index.text.document_counts[words].astype(np.int64)
    return pl.DataFrame({"w0": words, "count": counts[words], "groups": documents})


def _with_rates(rows: pl.DataFrame, words: int) -> pl.DataFrame:
    return rows.with_columns(per_million=PER_MILLION * pl.col("count") / words)


def check_order(n: int) -> None:
    """Refuse an n-gram of no words, or of more than are counted."""
    if type(n) is not int or not 1 <= n <= MOST:
        raise CorpusError(f"n is {n!r}.", f"A whole number from 1 to {MOST} was expected.", "n=2")


def check_least(name: str, value: int) -> None:
    """Refuse a number that is no whole number from 1."""
    if type(value) is not int or value < 1:
        raise CorpusError(
            f"{name} is {value!r}.", "A whole number from 1 was expected.", f"{name}=5"
        )
