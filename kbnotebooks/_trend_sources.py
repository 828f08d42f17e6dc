"""What stands behind a point of a trend: its films, and the lines with the hits in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.ngrams.concordance import Concordance, concordance
from kblib.ngrams.index import index_corpus
from kblib.ngrams.resampling import Band
from kblib.ngrams.trends import Trend, ngram_trend
from kbnotebooks._errors import ViewError
from kbnotebooks._words import say

DECADE = 10


def queries_of(trend: Trend) -> list[str]:
    """Return the queries of a trend, in the order they were asked."""
    return trend.rows["query"].unique(maintain_order=True).to_list()


def counted_again(trend: Trend, smooth: int) -> Trend:
    """Return the same trend with another window of smoothing."""
    said = trend.provenance
    band = Band(
        **{name: said[name] for name in ("unit", "confidence", "resamples", "seed") if name in said}
    )
    return ngram_trend(
        whole_corpus(trend),
        said["queries"],
        per=said["per"],
        smooth=smooth,
        media=said["media"],
        mix=said["mix"],
        absent="zero",
        band=band,
        **_forms(trend),
    )


def whole_corpus(trend: Trend) -> Corpus:
    """Return the corpus a trend was counted in.

    Raises
    ------
    ViewError
        If the trend was put together without its hits.
    """
    if not trend.found:
        raise ViewError(
            say("This trend does not hold its hits, so its films cannot be shown."),
            say("A trend as ngram_trend returns it was expected."),
            "kb.TrendView(kb.ngram_trend(films, 'järnväg'))",
        )
    return trend.found[0].index.corpus


def films_in(trend: Trend, period: Any) -> pl.DataFrame:
    """Return the units of a period, most hits first: unit, words, and the hits of each query."""
    corpus, unit = corpus_in(trend, period), trend.provenance["unit"]
    index = index_corpus(corpus)
    there = np.flatnonzero(index.document_words)
    words = pl.DataFrame({unit: index.column(unit)[there], "words": index.document_words[there]})
    films = words.group_by(unit).agg(pl.col("words").sum())
    counts = []
    for query in queries_of(trend):
        counts.append(query if query not in films.columns else f"'{query}'")
        hits = lines_in(trend, period, query).rows().select(unit).group_by(unit).len(counts[-1])
        films = films.join(hits, on=unit, how="left", nulls_equal=True)
    films = films.with_columns(pl.col(counts).fill_null(0).cast(pl.Int64))
    total = pl.sum_horizontal(counts)
    return films.sort(total, unit, descending=[True, False], nulls_last=True)


def lines_in(trend: Trend, period: Any, query: str) -> Concordance:
    """Return every hit of a query in a period, in its context."""
    corpus = corpus_in(trend, period)
    return concordance(corpus, query, absent="zero", **_forms(trend))


def corpus_in(trend: Trend, period: Any) -> Corpus:
    """Return the documents of a period.

    Raises
    ------
    CorpusError
        If there are none; the periods with words are named.
    """
    trend.at(period)
    corpus, per = whole_corpus(trend), trend.provenance["per"]
    if per == "year":
        return corpus.filter(years=(period, period))
    if per == "decade":
        return corpus.filter(years=(period, period + DECADE - 1))
    return corpus.filter(**{per: period})


def _forms(trend: Trend) -> dict[str, Any]:
    """Return how forms were chosen, from the sentence the provenance says of it."""
    said = trend.provenance
    way = said["forms"].partition(":")[0]
    return {"forms": way, "without": said.get("without", ())}
