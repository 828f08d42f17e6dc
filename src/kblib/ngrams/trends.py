"""Words over time: rates per million, with bands that know that words of one film hang together.

A rate is the sum of hits over the sum of words, never a mean of rates. Speech written down by a
machine and intertitles read by one are different sources with different errors, and here of
different years: where a corpus has several media, each gets its own series, unless ``media`` says
otherwise, and then the result warns. ``mix="fixed"`` holds the mix of medium and collection
constant over time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError
from kblib.ngrams.forms import Forms, how_forms, left_out
from kblib.ngrams.index import Index, Ints, index_corpus
from kblib.ngrams.queries import Absent, Hits, listed_queries, search
from kblib.ngrams.resampling import FEWEST_UNITS, Band, Floats, check_band, interval, resample
from kblib.ngrams.units import (
    MEDIUM,
    STRATA,
    Cells,
    cells_of,
    check_window,
    media_of,
    name_of,
    periods_of,
    size_table,
    strata_of,
    unit_of,
)

if TYPE_CHECKING:
    import pandas as pd

PER_MILLION = 1e6
WHOLE = 0.9995
DEFAULT_BAND = Band()
Media = Literal["separate", "together", "refuse"]
Mix = Literal["as is", "fixed"]


@dataclass(frozen=True, eq=False)
class Trend:
    """Rates of some queries over periods.

    Attributes
    ----------
    rows
        One row a query, series and period: hits, words, per_million, low, high, units, note.
    counted
        The forms that were counted, with reasons and hits.
    sizes
        Size, mix and noise of the corpus in each period: to be shown beside the curve.
    warnings
        What a reader of the curve has to know, in sentences.
    provenance
        Corpus, fingerprint, filters, seed, version, and what was asked.
    found
        The hits behind the rates, one a query: the way from a point of the curve to its films.
    """

    rows: pl.DataFrame
    counted: pl.DataFrame
    sizes: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]
    found: tuple[Hits, ...] = field(default=(), repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """The rates as a pandas table."""
        return pandas_of(self.rows.lazy())

    @property
    def forms(self) -> pd.DataFrame:
        """The forms that were counted, as a pandas table."""
        return pandas_of(self.counted.lazy())

    @property
    def cells(self) -> pd.DataFrame:
        """Size, mix and noise of each period, as a pandas table."""
        return pandas_of(self.sizes.lazy())

    def at(self, period: Any, query: str | None = None) -> pd.DataFrame:
        """Return the rows of one period.

        Raises
        ------
        CorpusError
            If the corpus has no words in that period, or the query was not asked; what there is, is
            named.
        """
        asked = self.provenance["queries"]
        if query is not None and query not in asked:
            raise CorpusError(
                f"This trend is not of the query {query!r}.", f"It is of {', '.join(asked)}."
            )
        same = [label == period for label in self.rows["period"].to_list()]
        found = self.rows.filter(pl.Series(same, dtype=pl.Boolean), pl.col("words") > 0)
        if query is not None:
            found = found.filter(pl.col("query") == query)
        if found.height == 0:
            there = self.rows.filter(pl.col("words") > 0)["period"].unique().sort().to_list()
            raise CorpusError(
                f"Corpus '{self.provenance['corpus']}' has no words of {period!r}.",
                f"It has words of {_spans(there)}.",
            )
        return pandas_of(found.lazy())

    def __repr__(self) -> str:
        lines = [f"Trend in '{self.provenance['corpus']}' per {self.provenance['per']}"]
        for (query,), rows in self.rows.group_by("query", maintain_order=True):
            hits, words = int(rows["raw_hits"].sum()), int(rows["raw_words"].sum())
            lines.append(f"  {query}: {hits:,} hits in {words:,} words")
        return "\n".join([*lines, *(f"  Note: {one}" for one in self.warnings)])


def ngram_trend(
    corpus: Corpus,
    queries: str | Sequence[str],
    *,
    per: str = "year",
    smooth: int = 1,
    forms: Forms = "surface",
    without: Collection[str] = (),
    media: Media = "separate",
    mix: Mix = "as is",
    absent: Absent = "error",
    band: Band = DEFAULT_BAND,
) -> Trend:
    """Count words or phrases over time.

    Parameters
    ----------
    queries
        Words, phrases, wildcards (`kblib.ngrams.queries`).
    per
        ``year``, ``decade``, or any column whose values are the axis.
    smooth
        Width of the window in periods, odd; hits and words are summed over it before dividing.
    forms, without, absent
        As in `kblib.ngrams.queries.search`.
    media
        ``separate``: a series for each medium. ``together``: one series, with a warning.
        ``refuse``: an error where there are several.
    mix
        ``fixed`` weighs the rates of the strata (medium and collection) by their share of the
        words of all periods. Where a stratum has fewer than 10 units, the others share its weight,
        and ``mix_present`` says how much of the mix is there.
    band
        What is resampled, how often, with which seed. There is no band for fewer than 10 units,
        nor where nothing was found.

    Raises
    ------
    CorpusError
        If there are no years, a query is empty or nowhere in the text, or media would be crossed.

    Examples
    --------
    >>> weather = Corpus.from_texts(["sol och regn", "sol sol"], year=[1931, 1932])
    >>> trend = ngram_trend(weather, "sol")
    >>> trend.table[["period", "hits", "words", "per_million"]].values.tolist()
    [[1931.0, 1.0, 3.0, 333333.3333333333], [1932.0, 2.0, 2.0, 1000000.0]]
    """
    check_window(smooth)
    check_band(band)
    listed = _listed(queries)
    index = index_corpus(corpus)
    unit = unit_of(index, band.unit)
    series_by = _series_column(index, media)
    strata = _strata_columns(index, series_by, mix)
    cells = cells_of(index, unit, per, strata)
    found = [search(index, query, forms=forms, without=without, absent=absent) for query in listed]
    work = _Work(index, per, strata, series_by, cells, smooth, mix, unit, band)
    rows = work.table(found)
    counted = pl.concat([hits.forms for hits in found])
    asked = {"queries": listed, "per": per, "smooth": smooth, "media": media, "mix": mix}
    asked |= {**asdict(band), "unit": unit}
    asked |= {"forms": how_forms(forms)}
    asked |= {"without": left_out(without)} if without else {}
    warned = _warnings(index, per, unit, series_by, media, rows)
    sizes = size_table(index, per, unit)
    return Trend(rows, counted, sizes, warned, index.provenance(**asked), tuple(found))


@dataclass(frozen=True, eq=False)
class _Work:
    """What the parts of the calculation share. P periods, S strata, Q queries, B resamples."""

    index: Index
    per: str
    strata: tuple[str, ...]
    series_by: str | None
    cells: Cells
    smooth: int
    mix: Mix
    unit: str
    band: Band

    def table(self, found: Sequence[Hits]) -> pl.DataFrame:
        labels = periods_of(self.index, self.per).labels
        _, strata = strata_of(self.index, self.strata)
        shape = (len(labels), len(strata))
        counts = [self.cells.words, *(self.cells.count(hits.documents) for hits in found)]
        values_RV = np.stack(counts, axis=1).astype(float)
        plain_PSV = np.zeros((*shape, len(counts)))
        np.add.at(plain_PSV, (self.cells.period, self.cells.stratum), values_RV)
        drawn_BPSV = resample(self.cells, values_RV, shape, self.band)
        tables = []
        for name, members in self._series(strata).items():
            units = self._units(members, len(labels))
            shares = plain_PSV[:, members, 0].sum(axis=0)
            enough_PS = [self._units([one], len(labels)) >= FEWEST_UNITS for one in members]
            weights = shares * np.stack(enough_PS, axis=1) / max(shares.sum(), 1)
            for number, hits in enumerate(found, start=1):
                values = (plain_PSV[:, members], drawn_BPSV[:, :, members])
                rows = self._rows(values, number, weights, units)
                about = {"query": [hits.query] * len(labels), "series": [name] * len(labels)}
                tables.append(pl.DataFrame({**about, "period": labels, **rows}))
        return pl.concat(tables)

    def _series(self, strata: list[tuple[Any, ...]]) -> dict[str, list[int]]:
        if self.series_by is None:
            return {"all": list(range(len(strata)))}
        names = [name_of(stratum[0]) for stratum in strata]
        return {
            name: [at for at, one in enumerate(names) if one == name] for name in sorted(set(names))
        }

    def _rows(
        self, values: tuple[Floats, Floats], number: int, weights_PS: Floats, units: Ints
    ) -> dict[str, Any]:
        plain_PSV, drawn_BPSV = values
        raw = plain_PSV.sum(axis=1)
        words = _window(plain_PSV[..., 0], self.smooth)
        hits = _window(plain_PSV[..., number], self.smooth)
        rate = self._rate(hits, words, weights_PS)
        rates_BP = self._rate(
            _window(drawn_BPSV[..., number], self.smooth, axis=1),
            _window(drawn_BPSV[..., 0], self.smooth, axis=1),
            weights_PS,
        )
        present = weights_PS.sum(axis=1) if self.mix == "fixed" else np.ones(len(units))
        weighed_PS = (weights_PS > 0) if self.mix == "fixed" else np.ones_like(weights_PS)
        seen = zip((words * weighed_PS).sum(axis=1), (hits * weighed_PS).sum(axis=1), strict=True)
        counts = zip(words.sum(axis=1), seen, units, present, strict=True)
        notes = [_note(*one, self.unit) for one in counts]
        low, high = _band(rates_BP, np.array([not note for note in notes]), self.band.confidence)
        return {
            "hits": hits.sum(axis=1).astype(np.int64),
            "words": words.sum(axis=1).astype(np.int64),
            "per_million": rate,
            "low": low,
            "high": high,
            "units": units,
            "raw_hits": raw[:, number].astype(np.int64),
            "raw_words": raw[:, 0].astype(np.int64),
            "mix_present": present,
            "note": notes,
        }

    def _rate(self, hits: Floats, words: Floats, weights_PS: Floats) -> Floats:
        """Return rates per million; the last axis of hits and words is the stratum."""
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.mix == "as is":
                rate: Floats = hits.sum(axis=-1) / words.sum(axis=-1)
            else:
                there = np.where(words > 0, weights_PS, 0.0)
                within = np.where(words > 0, hits / words, 0.0)
                rate = (there * within).sum(axis=-1) / there.sum(axis=-1)
        return PER_MILLION * rate

    def _units(self, members: list[int], n_periods: int) -> Ints:
        """Return how many different units have words in the window around each period."""
        ours = np.isin(self.cells.stratum, members)
        period, unit = self.cells.period[ours], self.cells.unit[ours]
        half = self.smooth // 2
        return np.array(
            [len(np.unique(unit[abs(period - at) <= half])) for at in range(n_periods)],
            dtype=np.int64,
        )


def _window(values: Floats, width: int, axis: int = 0) -> Floats:
    """Sum over a centred window of periods, cut at both ends."""
    if width == 1:
        return values
    half = width // 2
    padded = np.concatenate(
        [np.zeros_like(values.take([0], axis)), np.cumsum(values, axis=axis)], axis=axis
    )
    at = np.arange(values.shape[axis])
    ends = np.minimum(at + half + 1, len(at))
    sums: Floats = padded.take(ends, axis) - padded.take(np.maximum(at - half, 0), axis)
    return sums


def _band(rates_BP: Floats, given: Any, confidence: float) -> tuple[Floats, Floats]:
    low, high = np.full(len(given), np.nan), np.full(len(given), np.nan)
    if given.any():
        low[given], high[given] = interval(rates_BP[:, given], confidence)
    return low, high


def _note(words: float, seen: tuple[float, float], units: int, present: float, unit: str) -> str:
    """Return what stands beside a rate: ``seen`` is the words and hits of what is weighed."""
    if words == 0:
        return "no words"
    if units < FEWEST_UNITS or present == 0:
        return f"fewer than {FEWEST_UNITS} units ({unit}): no interval"
    weighed, hits = seen
    # With independent hits, 3 / words bounds the rate of something never seen with 95 %.
    return "" if hits else f"no hits: below {3 * PER_MILLION / weighed:.3g} per million is possible"


def _series_column(index: Index, media: Media) -> str | None:
    if media not in ("separate", "together", "refuse"):
        raise CorpusError(
            f"media is {media!r}.", "There are: separate, together, refuse.", "media='separate'"
        )
    names = media_of(index)
    if len(names) < 2:
        return None
    if media == "refuse":
        raise CorpusError(
            f"Corpus '{index.corpus.name}' mixes {', '.join(names)}.",
            "Their errors and their years differ, so one rate would compare unlike things.",
            f"corpus.filter(medium='{names[-1]}'), or media='separate' for a series each.",
        )
    return MEDIUM if media == "separate" else None


def _strata_columns(index: Index, series_by: str | None, mix: Mix) -> tuple[str, ...]:
    if mix not in ("as is", "fixed"):
        raise CorpusError(f"mix is {mix!r}.", "There are: as is, fixed.", "mix='fixed'")
    if mix == "as is":
        return () if series_by is None else (series_by,)
    there = tuple(name for name in STRATA if name in index.corpus.columns)
    if not there:
        raise CorpusError(
            f"Corpus '{index.corpus.name}' has neither medium nor collection.",
            "A fixed mix holds their shares constant.",
            "mix='as is'",
        )
    return there


def _warnings(
    index: Index, per: str, unit: str, series_by: str | None, media: Media, rows: pl.DataFrame
) -> tuple[str, ...]:
    said = []
    names = media_of(index)
    if series_by is not None:
        said.append(f"{' and '.join(names)} are separate series; their errors differ.")
    elif len(names) > 1 and media == "together":
        said.append(
            f"{' and '.join(names)} are counted together: a change of medium may look like a "
            "change of language."
        )
    outside = index.document_words[periods_of(index, per).codes < 0].sum()
    if outside:
        share = outside / index.n_words
        said.append(f"{outside:,} words ({share:.1%}) are of unknown {per} and left out.")
    if unit == "id":
        said.append("Each document is resampled on its own, as if none depended on another.")
    least = rows.filter(pl.col("words") > 0)["mix_present"].to_numpy().min(initial=1)
    if least < WHOLE:
        said.append(f"In some periods only {least:.0%} of the fixed mix is there.")
    return tuple(said)


def _listed(queries: str | Sequence[str]) -> list[str]:
    listed = listed_queries(queries)
    twice = next((one for one in listed if listed.count(one) > 1), None)
    if twice is not None:
        raise CorpusError(f"The query {twice!r} was given twice.", "Each once was expected.")
    return listed


def _spans(labels: list[Any]) -> str:
    if not labels or not all(isinstance(one, int) for one in labels) or len(labels) < 4:
        return ", ".join(map(str, labels))
    return f"{labels[0]} to {labels[-1]} ({len(labels)} periods)"
