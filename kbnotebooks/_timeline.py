"""How much text a corpus has a year, and how much of it can be read: counted and drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.corpora.filters import NOT_SPACE, Spread, known_words, words_of_text
from kblib.corpora.newsreels import KNOWN_WORDS
from kbnotebooks import _html, figures
from kbnotebooks._errors import ViewError
from kbnotebooks._words import known, number, say, say_n

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from kblib.corpora import Corpus

PARTS = ("medium", "kind")
"""Columns that tell kinds of text apart; the first that is there is used."""
UNITS = ("film", "issue", "volume", "title")
FEWEST_UNITS = 3
"""A word is known if so many films have it; speech and intertitles have rules of their own."""
IN_THOUSANDS = 5000
"""From so many words in a year on, the axis counts in thousands."""
FEWEST_WORDS = 500
"""A share of fewer words than this says more about chance than about the year."""
_LOOKS: tuple[dict[str, Any], ...] = (
    {"color": _html.ACCENT},
    {"color": "white", "edgecolor": _html.QUIET, "hatch": "/////", "linewidth": 0.6},
    {"color": _html.FAINT},
    {"color": "white", "edgecolor": _html.QUIET, "hatch": "....", "linewidth": 0.6},
)
_MARKS: tuple[dict[str, Any], ...] = (
    {"color": _html.ACCENT, "marker": "o"},
    {"color": _html.QUIET, "marker": "s", "markerfacecolor": "white"},
    {"color": _html.QUIET, "marker": "^"},
    {"color": _html.QUIET, "marker": "x"},
)


@dataclass(frozen=True)
class Timeline:
    """How much text there is a year.

    Parameters
    ----------
    table
        One row a year and part: year, part, documents, words, known (share of its letters that
        stand in known words; may be null).
    undated
        Documents without a year.
    parts
        The kinds of text that are told apart, most words first.
    """

    table: pl.DataFrame
    undated: int
    parts: tuple[str, ...]

    @property
    def years(self) -> list[int]:
        """The years that have documents, in order."""
        return self.table["year"].unique().sort().to_list()

    def of(self, part: str, column: str) -> dict[int, Any]:
        """Return one column of one part by year."""
        rows = self.table.filter(pl.col("part") == part).drop_nulls(column).sort("year")
        return dict(zip(rows["year"], rows[column], strict=True))


def timeline(corpus: Corpus) -> Timeline:
    """Count texts and words of each year and part, and the share of words that are known.

    Raises
    ------
    ViewError
        If the corpus has no years.
    """
    if "year" not in corpus.columns:
        raise ViewError(
            say("Corpus '{name}' has no column 'year'.", name=corpus.name),
            say("A timeline needs one. Its columns: {names}.", names=", ".join(corpus.columns)),
            "kb.Corpus.from_texts(texts, year=[1931, 1932, ...])",
        )
    part = next((column for column in PARTS if column in corpus.columns), None)
    texts = corpus.frame().with_columns(part=pl.col(part).fill_null("") if part else pl.lit(""))
    dated = texts.filter(pl.col("year").is_not_null())
    words = pl.col("text").str.count_matches(NOT_SPACE).cast(pl.Int64).sum().alias("words")
    table = (
        dated.group_by("year", "part")
        .agg(pl.len().alias("documents"), words)
        .collect(engine="streaming")
    )
    shares = _known_shares(texts, unit_of(corpus))
    table = table.join(shares, on=["year", "part"], how="left").sort("year", "part")
    sizes = table.group_by("part").agg(pl.col("words").sum()).sort("words", descending=True)
    return Timeline(table, len(corpus) - int(table["documents"].sum()), tuple(sizes["part"]))


def unit_of(corpus: Corpus) -> str | None:
    """Return the column that names the films, issues ... a corpus is made of, if it has one."""
    named = getattr(corpus, "unit", None)
    return next(
        (column for column in (named, *UNITS) if column in corpus.columns and column != "id"), None
    )


def _known_shares(texts: pl.LazyFrame, unit: str | None) -> pl.DataFrame:
    """Return the share of letters that stand in known words, for each year and part."""
    if unit is None or not texts.select(pl.len()).collect().item():
        return pl.DataFrame(schema={"year": pl.Int32, "part": pl.String, "known": pl.Float64})
    parts = texts.select("part").unique().collect().to_series().to_list()
    rules = {rule.part: rule for rule in KNOWN_WORDS}
    spread = [rules.get(part) or Spread(part, FEWEST_UNITS, min_length=2) for part in parts]
    known = known_words(texts, by=unit, part="part", spread=spread)
    dated = texts.filter(pl.col("year").is_not_null())
    each = dated.select("year", "part", word=words_of_text()).explode("word").drop_nulls("word")
    letters = pl.col("word").str.len_chars()
    share = letters.filter(pl.col("word").is_in(known.implode())).sum() / letters.sum()
    shares = each.group_by("year", "part").agg(share.alias("known"), pl.len().alias("words"))
    enough = shares.filter(pl.col("words") >= FEWEST_WORDS).drop("words")
    return enough.collect(engine="streaming")


def as_html(line: Timeline) -> str:
    """Return the picture with its alt text, and the numbers below it."""
    if not line.years:
        return f"<p>{_html.text(say('This corpus has no documents with a year.'))}</p>"
    n = line.undated
    left_out = say_n(n, "Not drawn: {n:,} text without a year.",
                     "Not drawn: {n:,} texts without a year.")  # fmt: skip
    caption = left_out if n else ""
    picture = figures.figure(draw(line), alt=in_words(line), caption=caption)
    return picture.html + _html.details(say("The numbers"), _numbers(line))


def in_words(line: Timeline) -> str:
    """Say what the picture shows, for those who do not see it."""
    said = []
    for part in line.parts:
        words = line.of(part, "words")
        most = max(words, key=lambda year: words[year])
        said.append(
            say(
                "{n:,} words of {part}, most of them in {year}",
                n=sum(words.values()),
                part=known(part or "text"),
                year=most,
            )
        )
    return say(
        "Bars of words per year from {first} to {last}: {parts}.",
        first=line.years[0],
        last=line.years[-1],
        parts="; ".join(said),
    )


def _numbers(line: Timeline) -> str:
    names = (known("year"), known("part"), say("texts"), known("words"), say("in known words"))
    heads = [_html.Column(name, numeric=place > 1) for place, name in enumerate(names)]
    rows = [
        (year, known(part), number(n), number(words), "" if share is None else f"{share:.0%}")
        for year, part, n, words, share in line.table.iter_rows()
    ]
    return _html.table(say("Texts and words a year"), heads, rows)


def draw(line: Timeline) -> Figure:
    """Draw words a year as stacked bars and, where it was counted, the readable share below."""
    from matplotlib.figure import Figure

    clean = bool(line.table["known"].is_not_null().any())
    fig = Figure(figsize=(8.2, 3.9 if clean else 2.6), layout="constrained")
    axes = fig.subplots(
        1 + clean, 1, sharex=True, squeeze=False, height_ratios=(1.7, 1)[: 1 + clean]
    )[:, 0]
    _draw_amounts(axes[0], line)
    if clean:
        _draw_known(axes[1], line)
    return fig


def _draw_amounts(axes: Axes, line: Timeline) -> None:
    from matplotlib.ticker import MaxNLocator

    figures.quiet(axes)
    most = max(line.table.group_by("year").agg(pl.col("words").sum())["words"])
    unit = 1000 if most >= IN_THOUSANDS else 1
    below = dict.fromkeys(line.years, 0.0)
    for part, look in zip(line.parts, _LOOKS, strict=False):
        words = line.of(part, "words")
        heights = [words.get(year, 0) / unit for year in line.years]
        axes.bar(
            line.years,
            heights,
            bottom=list(below.values()),
            width=0.82,
            label=known(part) or None,
            **look,
        )
        below = {
            year: base + more for (year, base), more in zip(below.items(), heights, strict=True)
        }
    axes.set_ylabel(say("thousand words") if unit > 1 else known("words"))
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    if any(line.parts):
        axes.legend(frameon=False, fontsize=9, loc="upper left")


def _draw_known(axes: Axes, line: Timeline) -> None:
    figures.quiet(axes)
    for part, mark in zip(line.parts, _MARKS, strict=False):
        known = line.of(part, "known")
        axes.plot(
            list(known),
            [100 * share for share in known.values()],
            markersize=3.5,
            linewidth=0.8,
            **mark,
        )
    axes.set(ylabel=say("in known words, %"), ylim=(0, 104), yticks=(0, 50, 100))
