"""What was found of words over time: dates, how sure, the words that came and went, lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.errors import CorpusError
from kblib.ngrams.change_evidence import Side, changed_words, typical
from kblib.ngrams.change_points import Point
from kblib.ngrams.concordance import Concordance
from kblib.ngrams.contexts import Uses
from kblib.ngrams.drift import drift
from kblib.ngrams.exchanged_dates import family_wise, p_value
from kblib.ngrams.printed import Printed
from kblib.ngrams.queries import Hits
from kblib.ngrams.resampling import Floats

if TYPE_CHECKING:
    import pandas as pd

BAND = 0.95


@dataclass(frozen=True, eq=False)
class WordChange:
    """What was found for one query.

    Letters: B exchanges (the first row is the true dates), C change points.

    Attributes
    ----------
    hits, uses
        Where it stands, and the uses that were compared.
    points
        The dates at which before and after could be compared.
    scores
        The statistics of all exchanges, by mean and standard deviation of each change point,
        shape (B, C).
    peers
        The largest statistic on the true dates of each word of like frequency.
    """

    hits: Hits
    uses: Uses
    points: tuple[Point, ...]
    scores: Floats
    peers: Floats

    @property
    def best(self) -> Point:
        """The change point with the largest statistic."""
        return self.points[int(self.scores[0].argmax())]

    @property
    def largest(self) -> Floats:
        """The largest statistic of each exchange."""
        found: Floats = self.scores.max(axis=1)
        return found


@dataclass(frozen=True, eq=False, repr=False)
class SemanticChange(Printed):
    """Words with the date at which their company changed most, and how sure that is.

    Attributes
    ----------
    rows
        One row a query: query, uses, films, before and after (the periods beside the date), z,
        p (of this query, for all dates together), p_all (for all queries and dates together),
        drift (share of words of like frequency, itself among them, that changed no less; None if
        there are fewer than 19 of them).
    curve
        One row a query and date: query, before, after, uses_before, uses_after, films_before,
        films_after, z, band (95 % of exchanges are below, at this date), limit (95 % of the
        largest of all dates are below).
    warnings
        What a reader has to know, in sentences.
    provenance
        Corpus, fingerprint, filters, seed, version, and what was asked.
    """

    rows: pl.DataFrame
    curve: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]
    found: tuple[WordChange, ...] = field(repr=False)

    @property
    def points(self) -> pd.DataFrame:
        """A row a query and date, as a pandas table."""
        return pandas_of(self.curve.lazy())

    @property
    def queries(self) -> list[str]:
        """What was asked."""
        return [one.hits.query for one in self.found]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return (
            f"Change of company in '{self.provenance['corpus']}', periods of "
            f"{self.provenance['years']} years, {self.provenance['exchanges']:,} exchanges of dates"
        )

    def changed(self, query: str | None = None) -> pd.DataFrame:
        """Return the words that came near a query, and those that went, as a pandas table."""
        return pandas_of(self.changed_rows(query).lazy())

    def changed_rows(self, query: str | None = None) -> pl.DataFrame:
        """Return the words that came near a query, and those that went."""
        one = self.of(query)
        about = self.provenance
        return changed_words(
            one.hits.index, one.uses, one.hits.length, about["unit"], about["window"], one.best.code
        )

    def lines(self, side: Side, query: str | None = None, *, n: int = 5) -> Concordance:
        """Return lines of one side of the change: the uses that are least like the other side.

        At most one a film, in the order of the text.

        Parameters
        ----------
        side
            ``before`` or ``after``.
        """
        if side not in ("before", "after"):
            raise CorpusError(f"There is no side {side!r}.", "There are: before, after.")
        one = self.of(query)
        chosen = np.sort(one.uses.positions[typical(one.uses, one.best.code, side, n)])
        hits = Hits(one.hits.index, one.hits.query, one.hits.slots, chosen)
        said = {**self.provenance, "side": side, "n": n}
        return Concordance(hits, ("text",), said["seed"], said["window"], said)

    def of(self, query: str | None = None) -> WordChange:
        """Return what was found for a query; the first if none is named."""
        if query is None:
            return self.found[0]
        for one in self.found:
            if one.hits.query == query:
                return one
        raise CorpusError(
            f"'{query}' is not among the queries.", f"There are: {', '.join(self.queries)}."
        )


def rows_of(found: Sequence[WordChange]) -> pl.DataFrame:
    """Return a row a query, as `SemanticChange.rows` holds them."""
    together = family_wise([one.largest for one in found])
    return pl.DataFrame(
        [
            {
                "query": one.hits.query,
                "uses": len(one.uses),
                "films": len(np.unique(one.uses.unit)),
                "before": one.best.before,
                "after": one.best.after,
                "z": float(one.largest[0]),
                "p": p_value(one.largest),
                "p_all": p_all,
                "drift": drift(float(one.largest[0]), one.peers),
            }
            for one, p_all in zip(found, together, strict=True)
        ]
    )


def curve_of(found: Sequence[WordChange]) -> pl.DataFrame:
    """Return a row a query and date, as `SemanticChange.curve` holds them."""
    return pl.DataFrame(
        [
            {
                "query": one.hits.query,
                "before": point.before,
                "after": point.after,
                "year": point.year,
                "uses_before": int((one.uses.period <= point.code).sum()),
                "uses_after": int((one.uses.period > point.code).sum()),
                "films_before": point.films_before,
                "films_after": point.films_after,
                "z": float(one.scores[0, place]),
                "band": float(np.quantile(one.scores[:, place], BAND)),
                "limit": float(np.quantile(one.largest, BAND)),
            }
            for one in found
            for place, point in enumerate(one.points)
        ]
    )
