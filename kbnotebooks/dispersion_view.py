"""The view of dispersion: where in a corpus words stand, film by film in the order of the years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import ipywidgets as w
import numpy as np
import pandas as pd
import polars as pl

from kblib.ngrams.dispersion import DispersionTable, dispersion
from kblib.ngrams.index import index_corpus
from kblib.ngrams.unit_counts import unit_counts
from kblib.ngrams.units import unit_codes
from kbnotebooks import _html, figures
from kbnotebooks._counted import more, notes_html
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import known, number, say

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from kblib.corpora import Corpus

PER_MILLION = 1e6
SHOWN = 8
MOST_WORDS = 20
"""More strips than these do not fit a screen."""
MOST_LINES = 2000
"""More lines than these run together in a strip."""


@dataclass(frozen=True)
class Spread:
    """Where some words stand.

    Attributes
    ----------
    measured
        The measures of dispersion.
    units
        One row a unit, in order of year: unit, year, words, start (words before it), and the hits
        of each word in columns ``0``, ``1`` ...
    """

    measured: DispersionTable
    units: pl.DataFrame

    @property
    def words(self) -> list[str]:
        """The words, as they were counted."""
        return self.measured.rows["word"].to_list()

    @property
    def unit(self) -> str:
        """What the corpus is cut into."""
        return str(self.measured.provenance["unit"])

    def hits(self, word: str) -> pl.Series:
        """Return the hits of a word in each unit."""
        return self.units[str(self.words.index(word))]

    def places(self, word: str) -> Any:
        """Return where hits stand on a line of all running words, spread evenly in each unit."""
        hits = self.hits(word).to_numpy()
        unit = np.repeat(np.arange(len(hits)), hits)
        within = np.arange(len(unit)) - np.repeat(np.cumsum(hits) - hits, hits)
        share = (within + 0.5) / hits[unit]
        return self.units["start"].to_numpy()[unit] + share * self.units["words"].to_numpy()[unit]


def spread(corpus: Corpus, words: str | Sequence[str], unit: str | None) -> Spread:
    """Count words in each unit of a corpus, units in the order of their years."""
    measured = dispersion(corpus, words, unit=unit)
    index = index_corpus(corpus)
    counts = unit_counts(index, measured.provenance["unit"])
    codes, _ = unit_codes(index, counts.unit)
    there = np.flatnonzero(index.document_words)
    first = there[np.unique(codes[there], return_index=True)[1]]
    years = index.column("year")[first] if "year" in corpus.columns else [None] * len(first)
    units = pl.DataFrame(
        {"unit": index.column(counts.unit)[first], "year": years, "words": counts.words}
    )
    for place, word in enumerate(measured.rows["word"]):
        pairs = counts.pairs.filter(pl.col("word") == index.text.find(word))
        hits = np.zeros(len(first), dtype=np.int64)
        hits[pairs["unit"].to_numpy()] = pairs["count"].to_numpy()
        units = units.with_columns(pl.Series(str(place), hits))
    units = units.sort("year", "unit", nulls_last=True, maintain_order=True)
    start = pl.col("words").cum_sum() - pl.col("words")
    return Spread(measured, units.with_columns(start=start))


class DispersionView(View):
    """See where words stand: a strip for each, from the first film to the last.

    Parameters
    ----------
    corpus
        The corpus.
    words
        A word or several.
    unit
        What the corpus is cut into: by default film, else title, else document.

    Attributes
    ----------
    selection
        The word whose films are listed; may be set.
    films
        The films that have the word (pandas), most hits first.
    table
        How evenly each word is spread (pandas).
    """

    def __init__(
        self, corpus: Corpus, words: str | Sequence[str], *, unit: str | None = None
    ) -> None:
        super().__init__()
        self.corpus, self._asked = corpus, (words, unit)
        self.spread: Spread | None = None
        self._picture, self._films = w.HTML(), w.HTML()
        self._word = w.Dropdown(description=say("Word"))
        self._lay_out(self._picture, self._word, self._films)
        self._try(self._open)
        self._on(self._word, "value", self._show_films)

    @property
    def selection(self) -> str | None:
        """The word whose films are listed."""
        return self._word.value

    @selection.setter
    def selection(self, word: str) -> None:
        self._try(lambda: self._select(word))

    @property
    def table(self) -> pd.DataFrame:
        """How evenly each word is spread: count, units, dp, dp_norm."""
        return self.spread.measured.table if self.spread is not None else pd.DataFrame()

    @property
    def films(self) -> pd.DataFrame:
        """The films (or whatever the corpus is made of) that have the chosen word."""
        if self.spread is None or self.selection is None:
            return pd.DataFrame()
        return _films(self.spread, self.selection).to_pandas()

    def _open(self) -> None:
        words, unit = self._asked
        n = 1 if isinstance(words, str) else len(words)
        if not 1 <= n <= MOST_WORDS:
            raise ViewError(
                say("DispersionView got {n:,} words.", n=n),
                say("From 1 to {n} can be seen in one picture.", n=MOST_WORDS),
                "kb.DispersionView(films, ['kungen', 'järnväg'])",
            )
        self.spread = spread(self.corpus, words, unit)
        self._picture.value = _html.wrap(self._picture_html(self.spread))
        self._word.options = self.spread.words
        self._word.value = self.spread.words[0]
        self._show_films()

    def _select(self, word: str) -> None:
        there = self.spread.words if self.spread is not None else []
        if word not in there:
            raise ViewError(
                say("'{word}' is not among the words of this view.", word=word),
                say("There are: {names}.", names=", ".join(there)),
            )
        self._word.value = word

    def _picture_html(self, found: Spread) -> str:
        picture = figures.figure(draw(found), alt=in_words(found))
        explained = say(
            "Each line is a hit, each strip the whole corpus: {n:,} by {unit}, as wide as they "
            "have words; inside each, hits are spread evenly. Where there are more than {most:,}, "
            "those with a higher rate are darker instead. DP is near 0 for a word that all "
            "have in proportion to their length, near 1 for a word of a few.",
            n=found.units.height,
            unit=known(found.unit),
            most=MOST_LINES,
        )
        below = f"<p class='kb-quiet'>{_html.text(explained)}</p>"
        return picture.html + below + notes_html(found.measured.warnings) + _measures(found)

    def _show_films(self) -> None:
        self._films.value = ""
        if self.spread is None or self.selection is None:
            return
        films = _films(self.spread, self.selection)
        heads = (known(self.spread.unit), known("year"), known("words"), say("hits"),
                 say("per million"))  # fmt: skip
        columns = [_html.Column(head, place > 0) for place, head in enumerate(heads)]
        rows = [
            (say("(none)") if name is None else name, "" if year is None else year,
             number(words), number(hits), number(rate))
            for name, year, words, hits, rate in films.head(SHOWN).iter_rows()
        ]  # fmt: skip
        caption = say("'{word}' is in {n:,} of {all:,}", word=self.selection, n=films.height,
                      all=self.spread.units.height)  # fmt: skip
        left = more(films.height - SHOWN, "view.films")
        self._films.value = _html.wrap(_html.table(caption, columns, rows) + left)

    def _still(self) -> str:
        return self._picture.value + self._films.value

    def _figure(self) -> Figure:
        if self.spread is None:
            raise ViewError(say("There is nothing to draw."), say("The message below says why."))
        return draw(self.spread)


def draw(found: Spread) -> Figure:
    """Draw a strip a word: a line a hit, or films shaded by their rate where there are too many."""
    fig, axes = figures.canvas(8.4, 0.34 * len(found.words) + 0.8)
    at = np.arange(len(found.words))[::-1]
    total = int(found.units["words"].sum())
    for height, word in zip(at, found.words, strict=True):
        frame = (height - 0.38, 0.76)
        axes.broken_barh([(0, total)], frame, facecolor="white", edgecolor=_html.FAINT)
        if found.hits(word).sum() > MOST_LINES:
            films = list(zip(found.units["start"], found.units["words"], strict=True))
            axes.broken_barh(films, frame, facecolors=_shades(found, word), linewidth=0)
        else:
            ends = (height - 0.38, height + 0.38)
            axes.vlines(found.places(word), *ends, color=_html.ACCENT, linewidth=0.7)
    axes.set_yticks(at, found.words)
    axes.grid(visible=False)
    axes.set_xlim(0, total)
    years = found.units.drop_nulls("year").group_by("year", maintain_order=True)
    starts = years.agg(pl.col("start").min()).sort("year")
    ticks = _some_years(starts, total)
    axes.set_xticks([start for _, start in ticks], [str(year) for year, _ in ticks])
    ordered = say("all running words, in the order of the years")
    axes.set_xlabel(ordered if ticks else say("all running words, in the order of the corpus"))
    return fig


def _shades(found: Spread, word: str) -> Any:
    """Return the accent for each unit, the lighter the rarer the word is in it."""
    from matplotlib.colors import to_rgba

    rates = found.hits(word).to_numpy() / found.units["words"].to_numpy()
    colours = np.tile(to_rgba(_html.ACCENT), (len(rates), 1))
    colours[:, 3] = np.minimum(rates / np.quantile(rates, 0.98), 1.0)
    return colours


def _some_years(starts: pl.DataFrame, total: int) -> list[tuple[int, int]]:
    """Return years with the place where they begin, none too near the one before it."""
    ticks: list[tuple[int, int]] = []
    for year, start in starts.iter_rows():
        if not ticks or start - ticks[-1][1] >= total / 12:
            ticks.append((year, start))
    return ticks


def in_words(found: Spread) -> str:
    """Say what the picture shows, for those who do not see it."""
    said = [say("A strip for each word from the first text to the last, a line for each hit.")]
    for row in found.measured.rows.iter_rows(named=True):
        best = _films(found, row["word"]).row(0, named=True)
        said.append(say(
            "'{word}': {count:,} hits in {units:,} of {all:,} ({share:.0%}), DP {dp:.2f}, most in "
            "{best} ({most:,}).",
            word=row["word"], count=row["count"], units=row["units"], all=found.units.height,
            share=row["unit_share"], dp=row["dp"], best=str(best["unit"]), most=best["hits"],
        ))  # fmt: skip
    return " ".join(said)


def _films(found: Spread, word: str) -> pl.DataFrame:
    films = found.units.select("unit", "year", "words").with_columns(hits=found.hits(word))
    films = films.filter(pl.col("hits") > 0)
    rate = PER_MILLION * pl.col("hits") / pl.col("words")
    films = films.with_columns(per_million=rate)
    return films.sort("hits", "per_million", descending=True, maintain_order=True)


def _measures(found: Spread) -> str:
    heads = (say("word"), say("hits"), say("texts"), say("share of texts"), "DP", "DP norm")
    columns = [_html.Column(head, place > 0) for place, head in enumerate(heads)]
    rows = [
        (word, number(count), number(units), number(share, ".1%"), number(dp, ".3f"),
         number(norm, ".3f"))
        for word, count, units, share, dp, norm in found.measured.rows.iter_rows()
    ]  # fmt: skip
    return _html.table(say("How evenly words are spread"), columns, rows)
