"""The words of a corpus as the ladder's n-gram models see them, and the list all models share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from kblib.corpora import Corpus
from kblib.errors import ModelError
from kblib.ngrams.words import WORD

SPACING = 1
"""Raised when texts are spaced otherwise: a saved model of older spacing is not taken for one."""

_TOKEN = rf"{WORD}|[^\s\p{{L}}\p{{N}}]"
_IS_WORD = r"^[\p{L}\p{N}]"


def spaced(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts with spaces around each word and mark, so that ``dag.`` is the word ``dag``.

    Case is kept.

    Examples
    --------
    >>> list(spaced(["Kungen kom (i dag)."]))
    ['Kungen kom ( i dag ) .']
    """
    for text in texts:
        yield " ".join(tokens_of(text))


def spaced_corpus(corpus: Corpus) -> Iterator[str]:
    """Yield the spaced texts of a corpus, thousands at a time and so much faster."""
    for batch in corpus.batches(20_000, ["text"]):
        yield from batch["text"].str.extract_all(_TOKEN).list.join(" ")


@lru_cache(maxsize=1024)  # each rung asks for the same two sides of a blank
def tokens_of(text: str) -> tuple[str, ...]:
    """Return the words and marks of a text."""
    return tuple(pl.Series([text]).str.extract_all(_TOKEN).explode().drop_nulls())


@dataclass(frozen=True, eq=False)
class WordCounts:
    """Words of a corpus and how often each stands there, most frequent first.

    Parameters
    ----------
    words, counts
        Different words as they are written, and their counts; equal counts by spelling.
    """

    words: pl.Series
    counts: pl.Series

    @classmethod
    def of(cls, corpus: Corpus) -> WordCounts:
        """Count the words of a corpus.

        Raises
        ------
        ModelError
            If it holds none.
        """
        parts = [
            batch.lazy()
            .select(pl.col("text").str.extract_all(WORD).explode().alias("word"))
            .drop_nulls()
            .group_by("word")
            .len("count")
            .collect()
            for batch in corpus.batches(50_000, ["text"])
        ]
        if not any(part.height for part in parts):
            raise ModelError(
                f"Corpus '{corpus.name}' holds no words.",
                "A list of candidates is made of its most frequent ones.",
                "corpus.manifest says what was dropped, and why.",
            )
        table = pl.concat(parts).group_by("word").agg(pl.col("count").sum())
        table = table.sort(["count", "word"], descending=[True, False])
        return cls(table["word"], table["count"])

    def most_frequent(self, n: int) -> tuple[str, ...]:
        """Return the `n` most frequent words, or all there are.

        Raises
        ------
        ModelError
            If `n` is below 1.
        """
        if n < 1:
            raise ModelError(
                f"n_candidates is {n}.", "At least 1 was expected.", "n_candidates=2000"
            )
        return tuple(self.words.head(n))

    def coverage(self, n: int) -> float:
        """Return the share of all running words that the `n` most frequent words make up."""
        return int(self.counts.head(n).sum()) / int(self.counts.sum())
