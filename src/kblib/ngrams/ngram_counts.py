"""Counting runs of words, some million at a time, with nothing to put together afterwards.

Up to four million words are counted at once. A larger corpus is read by way of its positional
index: all places where one range of words stands, then the next. Each n-gram is met in a single
part, so what is rare can be left out at once, and memory does not grow with the corpus.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from kblib.ngrams.index import Index, Ints
from kblib.ngrams.indexing import Ids

AT_ONCE = 4_000_000
"""Words counted at a time: some 200 MB."""


def ngrams_by_part(
    index: Index, n: int, group: Ints | Ids, documents: Ints | None = None
) -> Iterator[pl.DataFrame]:
    """Yield how often each n-gram stands in each group: w0, w1 ... (words), group, count.

    All rows of one n-gram are in one part; parts are in the order of the first word.

    Parameters
    ----------
    group
        The group of each document as a number: its unit, or itself.
    documents
        Only these, ascending; all of the corpus if None.
    """
    keys = [f"w{place}" for place in range(n)]
    for at in starts_by_part(index, n, documents):
        grams = {
            key: index.text.words_at(at + place).astype(np.uint32) for place, key in enumerate(keys)
        }
        frame = pl.DataFrame({**grams, "group": group[index.text.documents_at(at)]})
        yield frame.group_by([*keys, "group"]).agg(pl.len().cast(pl.Int64).alias("count"))


def count_ngrams(
    index: Index,
    n: int,
    group: Ints | Ids,
    documents: Ints | None = None,
    *,
    min_count: int = 1,
    most: int | None = None,
) -> pl.DataFrame:
    """Return the n-grams of a corpus: w0, w1 ... (words), count, and the groups they stand in.

    Parameters
    ----------
    group, documents
        As in `ngrams_by_part`.
    min_count
        Leave out n-grams that are rarer.
    most
        Leave out n-grams that are rarer than the `most` most frequent; ties with the last stay.
    """
    keys = [f"w{place}" for place in range(n)]
    kinds = {**dict.fromkeys(keys, pl.UInt32), "count": pl.Int64, "groups": pl.Int64}
    kept = pl.DataFrame(schema=kinds)
    for part in ngrams_by_part(index, n, group, documents):
        counted = part.group_by(keys).agg(
            pl.col("count").sum(), pl.len().cast(pl.Int64).alias("groups")
        )
        kept = pl.concat([kept, counted.filter(pl.col("count") >= min_count)])
        if most is not None and kept.height > most:
            least = kept["count"].top_k(most).min()
            kept = kept.filter(pl.col("count") >= least)
    return kept


def named_ngrams(index: Index, counted: pl.DataFrame, n: int) -> pl.DataFrame:
    """Replace the numbers of words by one column ``ngram``, the words with spaces between."""
    words = [index.text.words.gather(counted[f"w{place}"]) for place in range(n)]
    joined = pl.select(pl.concat_str(words, separator=" ").alias("ngram"))["ngram"]
    return counted.drop([f"w{place}" for place in range(n)]).insert_column(0, joined)


def starts_by_part(index: Index, n: int, documents: Ints | None = None) -> Iterator[Ints]:
    """Yield the positions where an n-gram of a corpus starts, ascending within each part."""
    chosen = np.flatnonzero(index.document_words) if documents is None else documents
    lengths = np.maximum(index.document_words[chosen] - n + 1, 0)
    if lengths.sum() <= AT_ONCE:
        begin = index.text.word_starts[chosen] - (np.cumsum(lengths) - lengths)
        yield np.repeat(begin, lengths) + np.arange(lengths.sum())
        return
    ends = np.zeros(len(index.document_words), dtype=np.int64)
    ends[chosen] = index.text.word_starts[chosen] + lengths
    for first, last in _word_ranges(index.text.starts):
        at = np.sort(index.text.positions_of(np.arange(first, last)))
        yield at[at < ends[index.text.documents_at(at)]]


def _word_ranges(starts: Ints) -> Iterator[tuple[int, int]]:
    """Yield ranges of words that stand at some million places together, or of a single word."""
    first = 0
    while first < len(starts) - 1:
        last = int(np.searchsorted(starts, starts[first] + AT_ONCE, side="right")) - 1
        yield first, max(last, first + 1)
        first = max(last, first + 1)
