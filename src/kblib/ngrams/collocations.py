"""Which words stand near a word more often than anywhere else.

Counted is each place near a hit once, even when two hits are near it, and never the hits
themselves: a fourfold table of the places near and elsewhere, of the word and of others.

References
----------
Evert (2008), Corpora and collocations (surface cooccurrence). Church and Hanks (1990) for PMI.
Rychlý (2008), A lexicographer-friendly association score, for log-Dice. Dunning (1993) for G².
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError
from kblib.ngrams.forms import Forms, how_forms, left_out
from kblib.ngrams.frequencies import check_least
from kblib.ngrams.index import Index, Ints, index_corpus
from kblib.ngrams.keyness import log_likelihood
from kblib.ngrams.printed import Printed
from kblib.ngrams.queries import Hits, search
from kblib.ngrams.unit_counts import word_counts
from kblib.ngrams.units import mixed_media, unit_codes, unit_of

if TYPE_CHECKING:
    import pandas as pd

MEASURES = ("g2", "log_dice", "pmi", "near")
HIGHEST_DICE = 14
"""Of a word that always stands beside the other, and the other way round (Rychlý)."""


@dataclass(frozen=True, eq=False, repr=False)
class CollocationTable(Printed):
    """Words near a query, the strongest first.

    Attributes
    ----------
    rows
        One row a word: word, near (times near a hit), count (in the corpus, outside hits),
        expected, pmi (bits), log_dice, g2, units. A word that avoids the query has a low PMI;
        G² has no sign.
    counted
        The forms of the query that were counted.
    hits, places
        How many hits there are, and places near them.
    provenance
        Corpus, fingerprint, filters, version, and what was asked.
    warnings
        What a reader of the table has to know: media that are counted together.
    """

    rows: pl.DataFrame
    counted: pl.DataFrame
    hits: int
    places: int
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def forms(self) -> pd.DataFrame:
        """The forms of the query that were counted, as a pandas table."""
        return pandas_of(self.counted.lazy())

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return (
            f"Words near '{self.provenance['query']}' in '{self.provenance['corpus']}': "
            f"{self.hits:,} hits, {self.places:,} places"
        )

    def top(self, n: int = 10) -> list[str]:
        """Return the first `n` words."""
        return self.rows["word"].head(n).to_list()


def collocations(
    corpus: Corpus,
    query: str,
    *,
    left: int = 5,
    right: int = 5,
    min_count: int = 5,
    sort: str = "log_dice",
    forms: Forms = "surface",
    without: Collection[str] = (),
    unit: str | None = None,
) -> CollocationTable:
    """List the words near a query with three measures of how strongly they are drawn to it.

    Parameters
    ----------
    left, right
        How many words before and after a hit are near, within the document.
    min_count
        Words fewer times near are left out: all measures overrate the rare, PMI most.
    sort
        ``log_dice`` (frequent company), ``g2`` (surprise), ``pmi`` (exclusive company), ``near``.
    forms, without
        As in `kblib.ngrams.queries.search`.
    unit
        What ``units`` counts: a word that is near in a single film says little.

    Raises
    ------
    CorpusError
        If the query is nowhere in the text, or a number makes no sense.

    Examples
    --------
    >>> texts = ["röda rosen", "röda rosen", "den röda stugan", "den vita rosen"]
    >>> collocations(Corpus.from_texts(texts), "rosen", min_count=1).top(1)
    ['röda']
    """
    _check(left, right, sort)
    check_least("min_count", min_count)
    index = index_corpus(corpus)
    hits = search(index, query, forms=forms, without=without)
    near = _near(hits, left, right)
    rows = _rows(hits, near, unit_of(index, unit), min_count)
    rows = rows.sort(sort, "word", descending=[True, False])
    asked = {"query": query, "left": left, "right": right, "min_count": min_count}
    asked |= {"sort": sort, "forms": how_forms(forms), "unit": unit_of(index, unit)}
    asked |= {"without": left_out(without)} if without else {}
    said = index.provenance(**asked)
    return CollocationTable(rows, hits.forms, hits.n, len(near), said, mixed_media(index))


def _taken(hits: Hits) -> Ints:
    """Return the positions of the hits' own words."""
    spans = hits.positions[:, None] + np.arange(hits.length)
    return np.unique(spans.ravel())


def _near(hits: Hits, left: int, right: int) -> Ints:
    """Return each position near a hit once, none of a hit's own."""
    text = hits.index.text
    steps = np.concatenate([np.arange(-left, 0), hits.length + np.arange(right)])
    first = text.word_starts[hits.documents][:, None]
    last = text.word_starts[hits.documents + 1][:, None]
    places = hits.positions[:, None] + steps
    inside = places[(places >= first) & (places < last)]
    near: Ints = np.setdiff1d(inside, _taken(hits))
    return near


def _rows(hits: Hits, near: Ints, unit: str, min_count: int) -> pl.DataFrame:
    index = hits.index
    own = np.bincount(index.text.words_at(_taken(hits)), minlength=len(index.text.words))
    words, observed = np.unique(index.text.words_at(near), return_counts=True)
    words, observed = words[observed >= min_count], observed[observed >= min_count]
    count = (word_counts(index)[words] - own[words]).astype(float)
    elsewhere = index.n_words - int(own.sum()) - len(near)
    expected = count * len(near) / max(index.n_words - int(own.sum()), 1)
    return pl.DataFrame(
        {
            "word": index.text.words.gather(words),
            "near": observed,
            "count": count.astype(np.int64),
            "expected": expected,
            "pmi": np.log2(observed / expected),
            "log_dice": HIGHEST_DICE + np.log2(2 * observed / (hits.n + count)),
            "g2": log_likelihood(observed.astype(float), count - observed, len(near), elsewhere),
            "units": _units(index, near, words, unit),
        }
    )


def _units(index: Index, near: Ints, words: Ints, unit: str) -> pl.Series:
    """Return in how many units each word stands near a hit."""
    codes = unit_codes(index, unit)[0][index.text.documents_at(near)]
    pairs = pl.DataFrame({"word": index.text.words_at(near), "unit": codes}).unique()
    counted = pairs.group_by("word").agg(pl.len().cast(pl.Int64).alias("units"))
    return pl.DataFrame({"word": words}).join(counted, "word", "left", maintain_order="left")[
        "units"
    ]


def _check(left: int, right: int, sort: str) -> None:
    for name, value in (("left", left), ("right", right)):
        if type(value) is not int or value < 0:
            raise CorpusError(
                f"{name} is {value!r}.", "A number of words was expected, 0 or more.", f"{name}=5"
            )
    if left + right == 0:
        raise CorpusError("left and right are 0.", "Nothing is near.", "left=5, right=5")
    if sort not in MEASURES:
        raise CorpusError(
            f"Collocations cannot be sorted by {sort!r}.", f"There are: {', '.join(MEASURES)}."
        )
