"""A random sample of the texts of a corpus, to be labelled by a reader who sees no prediction.

Texts are drawn without replacement within each *stratum*: a period and, if asked, the values of
further columns. Each keeps its chance of having been drawn. The order is random and mixes the
strata, so whoever stops early has labelled a random sample too. A larger sample of the same seed
begins with the smaller one of each stratum: labels stay good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from kblib import __version__
from kblib.corpora import Corpus
from kblib.corpora.columns import column_names, known_column
from kblib.errors import LabelError
from kblib.evaluation.tables import check_corpus
from kblib.ngrams.drawing import allot, drawn
from kblib.ngrams.printed import Printed
from kblib.ngrams.units import DECADE, UNITS

PERIOD, UNIT = "period", "unit"
YEARS = ("year", "decade")
"""Periods that are made of the column ``year``."""


@dataclass(frozen=True, eq=False, repr=False)
class TextSample(Printed):
    """Texts drawn at random.

    Attributes
    ----------
    corpus
        What was drawn from.
    rows
        One row a text in the order in which to label: number, id, period, chance, text. The chance
        is that of having been drawn.
    texts
        One row a text of the corpus that could be drawn: id, period, unit, stratum (a number).
    provenance
        Corpus, fingerprint, seed, version, and what was asked.
    warnings
        What was left out, in sentences.
    """

    corpus: Corpus
    rows: pl.DataFrame
    texts: pl.DataFrame
    provenance: dict[str, Any]
    warnings: tuple[str, ...]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"{self.rows.height:,} of {self.texts.height:,} texts of '{self.corpus.name}'"

    @cached_property
    def periods(self) -> list[Any]:
        """The periods, in order."""
        return self.texts[PERIOD].unique().sort().to_list()


def sample_texts(
    corpus: Corpus,
    n: int = 300,
    *,
    per: str = "decade",
    by: Sequence[str] = (),
    unit: str | None = None,
    seed: int = 1,
) -> TextSample:
    """Draw texts at random to be labelled, spread evenly over periods.

    Parameters
    ----------
    n
        How many in all.
    per
        ``year``, ``decade``, or a column whose values are the periods. Texts of unknown period are
        left out, and counted in the warnings.
    by
        Further columns whose values are strata within a period, such as ``("medium",)``.
    unit
        The column whose texts hang together; by default film, else title, else each text.

    Raises
    ------
    LabelError
        If `n` is no number of texts, or no text has a period.
    CorpusError
        If a column is not there.

    Examples
    --------
    >>> years = [1914] * 20 + [1925] * 20
    >>> letters = Corpus.from_texts([f"brev {n}" for n in range(40)], year=years)
    >>> sample_texts(letters, 10).table.groupby("period")["chance"].first().to_dict()
    {1910: 0.25, 1920: 0.25}
    """
    if type(n) is not int or n < 1:
        raise LabelError(f"n is {n!r}.", "A number of texts was expected.", "n=300")
    check_corpus(corpus, "kb.sample_texts(corpus, 300)")
    _check_period(corpus, per)
    texts = _texts(corpus, per, column_names(by), unit)
    numbered = texts.with_row_index("row").filter(pl.col(PERIOD).is_not_null())
    if not numbered.height:
        raise _without_period(corpus, per)
    strata = pl.struct(PERIOD, *by).rank("dense").cast(pl.Int64) - 1
    numbered = numbered.with_columns(stratum=strata)
    rows = _drawn(numbered, n, f"{seed} texts").join(
        corpus.frame().select("id", "text").collect(), "id", how="left", maintain_order="left"
    )
    about = {"n": n, "per": per, "by": list(by), "seed": seed, "unit": _unit(corpus, unit)}
    known = {"corpus": corpus.name, "fingerprint": corpus.fingerprint, "version": __version__}
    left_out = texts.height - numbered.height
    said = (f"{left_out:,} texts of unknown {per} are left out.",) if left_out else ()
    frame = numbered.select("id", PERIOD, UNIT, "stratum")
    return TextSample(corpus, rows, frame, {**known, **about}, said)


def _check_period(corpus: Corpus, per: str) -> None:
    if per in YEARS and "year" not in corpus.columns:
        raise _without_period(corpus, per)
    if per not in (*YEARS, *corpus.columns):
        raise LabelError(
            f"per is {per!r}.",
            f"year, decade or a column was expected; there are: {', '.join(corpus.columns)}.",
            "per='decade'",
        )


def _without_period(corpus: Corpus, per: str) -> LabelError:
    return LabelError(
        f"No text of corpus '{corpus.name}' has a {per}.",
        "Texts are drawn within periods.",
        f"Its columns: {', '.join(corpus.columns)}. Another one can be the axis: per='...'",
    )


def _texts(corpus: Corpus, per: str, by: tuple[str, ...], unit: str | None) -> pl.DataFrame:
    column = "year" if per in YEARS else per
    name = _unit(corpus, unit)
    for one in (column, *by, name):
        known_column(one, corpus.columns, corpus.name)
    period = pl.col(column) // DECADE * DECADE if per == "decade" else pl.col(column)
    # A text that names no unit is its own.
    own = pl.coalesce(pl.col(name).cast(pl.String), pl.concat_str(pl.lit("\0"), "id"))
    return corpus.frame().select("id", *by, period.alias(PERIOD), own.alias(UNIT)).collect()


def _unit(corpus: Corpus, unit: str | None) -> str:
    return unit or next((name for name in UNITS if name in corpus.columns), "id")


def _drawn(texts: pl.DataFrame, n: int, seed: str) -> pl.DataFrame:
    strata = texts["stratum"].to_numpy()
    sizes = np.bincount(strata).tolist()
    chosen: list[int] = []
    turns: list[float] = []
    chances: list[float] = []
    for number, wanted in enumerate(allot(min(n, texts.height), sizes)):
        there = np.flatnonzero(strata == number)
        order, when = drawn(texts["row"].to_numpy()[there].astype(np.int64), wanted, seed)
        chosen += there[order].tolist()
        turns += when.tolist()
        chances += [wanted / sizes[number]] * wanted
    found = texts[chosen].with_columns(turn=pl.Series(turns), chance=pl.Series(chances))
    found = found.sort("turn", "row").with_row_index("number", offset=1)
    return found.select("number", "id", PERIOD, "chance")
