"""Counts of a query, corrected for what it finds wrongly and what it misses.

A search is a classifier. From a marked sample come its precision, its recall, and the rate that a
perfect search would have counted, each with an interval (`kblib.ngrams.stratified`). What is
unsure stays among the marked: the estimate takes it as no, ``least`` and ``most`` are the
estimates with all of it no or yes, whichever gives less and more, and the interval spans both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError
from kblib.ngrams.marked_cells import Kinds, MarkedCell, MarkedSample, marked_sample
from kblib.ngrams.marks import Marks
from kblib.ngrams.printed import Printed
from kblib.ngrams.resampling import check_confidence
from kblib.ngrams.stratified import ABOUT, About, Rule
from kblib.ngrams.trends import PER_MILLION, Trend

if TYPE_CHECKING:
    import pandas as pd

Scope = Literal["net", "corpus"]
SCOPES: dict[Kinds, str] = {
    ("hit",): "About what the query finds; what it misses is left out.",
    ("hit", "miss"): "About what query and net find; what neither finds is left out.",
    ("hit", "rest"): "About the whole corpus.",
    ("hit", "miss", "rest"): "About the whole corpus.",
}
METHOD = "stratified expansion; Wilson's interval of each stratum, put together by MOVER"
MUCH = 0.1
"""From this share of the result on, what one mark stands for is said."""
RATE = {"value": "per_million", "low": "low", "high": "high", "least": "least", "most": "most"}


@dataclass(frozen=True, eq=False, repr=False)
class QueryQuality(Printed):
    """Precision and recall of a query.

    Attributes
    ----------
    rows
        One row a series, period (absent: all of them) and measure: value, low, high, least, most,
        marked, note. ``recall in the net`` is of what query and net find together, ``recall in the
        corpus`` of all there is; the latter needs marks of the rest.
    warnings
        What a reader of the numbers has to know, in sentences.
    provenance
        Corpus, fingerprint, filters, seed, version, readers, and what was asked.
    """

    rows: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Quality of '{self.provenance['query']}' in '{self.provenance['corpus']}'"


@dataclass(frozen=True, eq=False)
class CorrectedTrend:
    """What a query counted over time, and what it would have counted without errors.

    Attributes
    ----------
    rows
        One row a series and period: hits, words; ``counted_per_million`` with ``counted_low`` and
        ``counted_high``; the corrected ``per_million`` with ``low``, ``high``, ``least``, ``most``;
        marked, note.
    quality
        Precision and recall by period and over all.
    warnings
        What a reader of the curves has to know, in sentences.
    provenance
        Corpus, fingerprint, filters, seed, version, readers, and what was asked.
    """

    rows: pl.DataFrame
    quality: QueryQuality
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """Both curves as a pandas table."""
        return pandas_of(self.rows.lazy())

    def __repr__(self) -> str:
        about = self.provenance
        title = f"Corrected trend of '{about['query']}' in '{about['corpus']}'"
        return "\n".join([title, *(f"  Note: {one}" for one in self.warnings)])


def query_quality(
    marks: Marks, *, about: About = "films", confidence: float = 0.95
) -> QueryQuality:
    """Estimate precision and recall of a query from marks.

    Parameters
    ----------
    about
        ``corpus``: of these very texts; only that not all of them were read is uncertain.
        ``films``: of what the films (units) are a sample of, as the band of a trend is.

    Raises
    ------
    CorpusError
        If no hit is marked yet, or `about` or `confidence` is none of those there are.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from kblib.corpora import Corpus
    >>> from kblib.ngrams.samples import sample_query
    >>> films = Corpus.from_texts(["sol"] * 12 + ["solen"] * 12, year=1931)
    >>> sample = sample_query(films, "sol", net="sol*")
    >>> with TemporaryDirectory() as folder:
    ...     marks = Marks.open(sample, f"{folder}/sun.jsonl")
    ...     for number in range(1, 25):
    ...         marks.add(number, "yes", who="Selma")
    ...     found = query_quality(marks, about="corpus")
    >>> found.table[["measure", "value"]].values.tolist()
    [['precision', 1.0], ['recall in the net', 0.5]]
    """
    return _quality(marks, _marked(marks), _rule(about, confidence))


def corrected_trend(
    trend: Trend, marks: Marks, *, scope: Scope = "net", about: About = "films"
) -> CorrectedTrend:
    """Correct a trend by a marked sample of what its query finds and misses.

    Parameters
    ----------
    trend
        Of the same corpus, query, forms and periods as the sample; neither smoothed nor reweighted.
    scope
        ``net``: what query and net find. ``corpus``: also the rest, if passages of it were drawn;
        a few hundred marks say little of the hundred thousands of passages of a corpus.
    about
        As in `query_quality`. The confidence is the trend's.

    Returns
    -------
    CorrectedTrend
        With both curves. No interval is given for a cell with fewer than 5 marks in a stratum,
        fewer than 5 that say yes, or (about films) fewer than 10 films; no estimate where a
        stratum has no mark.

    Raises
    ------
    CorpusError
        If trend and sample do not belong together, or no hit is marked yet.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from kblib.corpora import Corpus
    >>> from kblib.ngrams.samples import sample_query
    >>> from kblib.ngrams.trends import ngram_trend
    >>> films = Corpus.from_texts(["sol"] * 12 + ["regn"] * 12, year=1931)
    >>> with TemporaryDirectory() as folder:
    ...     marks = Marks.open(sample_query(films, "sol"), f"{folder}/trend.jsonl")
    ...     for number in range(1, 13):
    ...         marks.add(number, "yes" if number > 3 else "no", who="Selma")
    ...     corrected = corrected_trend(ngram_trend(films, "sol", per="decade"), marks)
    >>> corrected.table[["period", "counted_per_million", "per_million"]].values.tolist()
    [[1930.0, 500000.0, 375000.0]]
    """
    _check_same(trend, marks)
    marked, rule = _marked(marks), _rule(about, trend.provenance["confidence"])
    kinds, quality = _kinds(marked, scope), _quality(marks, marked, rule)
    counted = trend.rows.filter(pl.col("query") == marks.sample.query).select(
        "series",
        "period",
        "hits",
        "words",
        counted_per_million="per_million",
        counted_low="low",
        counted_high="high",
    )
    found = pl.DataFrame(list(_rates(marked, rule, kinds)), infer_schema_length=None)
    rows = counted.join(found, ["series", "period"], how="left", maintain_order="left")
    said = (SCOPES[kinds], *trend.warnings, *quality.warnings, *_heavy(marked, kinds))
    return CorrectedTrend(rows, quality, said, {**quality.provenance, "scope": scope})


def _quality(marks: Marks, marked: MarkedSample, rule: Rule) -> QueryQuality:
    rows = pl.DataFrame(list(_measures(marked, rule)), infer_schema_length=None)
    return QueryQuality(rows, _warnings(marked, marks), _provenance(marked, marks, rule))


def _rates(marked: MarkedSample, rule: Rule, kinds: Kinds) -> Iterator[dict[str, Any]]:
    for number, (series, period) in enumerate(marked.sample.labels):
        cell = MarkedCell(marked, [number], rule)
        row = {"series": series, "period": period, "note": cell.note(kinds)}
        if cell.words.size:
            found = cell.rate(kinds)
            row |= {new: PER_MILLION * found[old] for old, new in RATE.items()}
            row |= {"marked": sum(one.n_marked for one in cell.all_strata(kinds))}
        yield row


def _kinds(marked: MarkedSample, scope: Scope) -> Kinds:
    if scope not in ("net", "corpus"):
        raise CorpusError(f"scope is {scope!r}.", "There are: net, corpus.", "scope='net'")
    if scope == "corpus" and "rest" not in marked.kinds:
        raise CorpusError(
            "No passage outside query and net was drawn.",
            "Without some, nothing is known of the whole corpus.",
            "sample_query(..., draw=Draw(rest=300)); the marks so far stay good.",
        )
    return tuple(kind for kind in marked.kinds if kind != "rest" or scope == "corpus")


def _measures(marked: MarkedSample, rule: Rule) -> Iterator[dict[str, Any]]:
    """Yield the measures of each series, first over all periods, then in each."""
    labels = marked.sample.labels
    for name in dict.fromkeys(series for series, _ in labels):
        numbers = [at for at, (series, _) in enumerate(labels) if series == name]
        each = [([at], labels[at][1]) for at in numbers]
        for members, period in [(numbers, None), *each] if len(numbers) > 1 else each:
            cell = MarkedCell(marked, members, rule)
            if cell.words.size:
                for row in cell.measures():
                    yield {"series": name, "period": period, **row}


def _marked(marks: Marks) -> MarkedSample:
    marked = marked_sample(marks)
    if "hit" not in marked.kinds or not any(
        one
        for (kind, _), one in zip(marks.sample.chosen, marked.said, strict=True)
        if kind == "hit"
    ):
        raise CorpusError(
            f"No hit of '{marks.sample.query}' is marked in {marks.path}.",
            f"The sample has {marks.sample.n:,} items to be marked yes, no or unsure.",
            'kb.MarkView(sample, "marks.jsonl", who="...")',
        )
    return marked


def _rule(about: About, confidence: float) -> Rule:
    if about not in ABOUT:
        raise CorpusError(
            f"about is {about!r}.", f"There are: {', '.join(ABOUT)}.", "about='films'"
        )
    check_confidence(confidence)
    return Rule(about, confidence)


def _provenance(marked: MarkedSample, marks: Marks, rule: Rule) -> dict[str, Any]:
    n = sum(one is not None for one in marked.said)
    how = {"about": rule.about, "confidence": rule.confidence, "method": METHOD}
    guidelines = [one for one in marks.rows["guideline"].unique().sort().to_list() if one]
    who = {"marked": n, "readers": marks.readers, "guidelines": guidelines}
    return {**marks.sample.provenance, **how, **who, "sample": marks.sample.key}


def _warnings(marked: MarkedSample, marks: Marks) -> tuple[str, ...]:
    said = []
    if unsure := marked.count("unsure"):
        n = sum(one is not None for one in marked.said)
        said.append(f"{unsure:,} of {n:,} marks count as unsure; the interval spans both ends.")
    if marked.passed_over:
        said.append(f"Of these {marked.passed_over:,} were passed over.")
    if differ := marks.differing:
        said.append(f"Readers differ on {differ:,} items; these count as unsure.")
    return tuple(said)


def _heavy(marked: MarkedSample, kinds: Kinds) -> Iterator[str]:
    """Say where one mark stands for a large part of the result."""
    whole = MarkedCell(marked, range(len(marked.sample.labels)), Rule())
    strata = [one for one in whole.all_strata(kinds) if one.n_marked]
    total = sum(one.n_items * one.share for one in strata)
    worst = max(one.n_items / one.n_marked for one in strata)
    if worst > MUCH * total:
        yield f"One mark stands for up to {worst:,.0f} items, of about {total:,.0f} in all."


def _check_same(trend: Trend, marks: Marks) -> None:
    ours, theirs = marks.sample.provenance, trend.provenance
    again = f'kb.ngram_trend(corpus, "{marks.sample.query}", per="{ours["per"]}")'
    if marks.sample.query not in theirs["queries"]:
        raise CorpusError(
            f"The trend is of {', '.join(theirs['queries'])}, the marks are of "
            f"'{marks.sample.query}'.",
            "Both must be of one query.",
            again,
        )
    if ours["fingerprint"] != theirs["fingerprint"]:
        raise CorpusError(
            f"The trend is of other texts, of corpus '{theirs['corpus']}'.",
            f"The marks are of '{ours['corpus']}', {ours['words']:,} words.",
            again,
        )
    same = ("per", "forms", "without")
    wanted = {name: ours[name] or None for name in same}
    wanted |= {"smooth": 1, "mix": "as is"}
    for name, value in wanted.items():
        there = theirs.get(name) or None
        if there != value:
            raise CorpusError(
                f"The trend has {name} {there!r}.",
                f"For these marks {value!r} was expected.",
                again,
            )
    labels = {series for series, _ in marks.sample.labels}
    if labels != set(trend.rows["series"].unique().to_list()):
        raise CorpusError(
            f"The trend has media={theirs['media']!r}, the sample {ours['media']!r}.",
            "Both must tell media apart, or both must not.",
            again,
        )
