"""Filters: each keeps a document or gives the reason why not.

A filter is a condition on columns, worked out by Polars on the whole corpus at once: a quarter of a
million cues take a second. Filters run in the order given and each sees only what those before it
kept, so that a text repeated by an error already dropped is not counted again.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from kblib.corpora.steps import REASON, ROW, Outcome
from kblib.errors import CorpusError

WORD = r"[\p{L}\p{M}]+"
DIVIDED = r"-[ ]*[\t\n]\s*"
NOT_SPACE = r"\S+"


@dataclass(frozen=True)
class Filter:
    """A named condition under which a document is dropped.

    Attributes
    ----------
    name
        With its settings, as the manifest shows it.
    reason
        Why a document is dropped, in words for a reader.
    columns
        The columns it reads; no others are loaded.
    condition
        Given the frame as it then stands (with its row numbers), the expression that is true where
        a document is dropped. It may count over the frame first.
    """

    name: str
    reason: str
    columns: tuple[str, ...]
    condition: Callable[[pl.LazyFrame], pl.Expr]
    only: tuple[tuple[str, Any], ...] = ()

    def where(self, **equals: Any) -> Filter:
        """Return this filter for documents whose columns have these values; others are kept.

        What the filter counts, it counts over all documents.
        """
        said = ", ".join(f"{column}={value!r}" for column, value in equals.items())
        only = (*self.only, *equals.items())
        columns = tuple(dict.fromkeys((*self.columns, *equals)))
        return replace(self, name=f"{self.name} where {said}", only=only, columns=columns)

    def dropped(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Return the row numbers of the documents in `frame` that are dropped."""
        drop = self.condition(frame).fill_null(value=False)
        asked = frame.filter(*(_equals(column, value) for column, value in self.only))
        return asked.filter(drop).select(ROW)


def min_words(n: int) -> Filter:
    """Drop texts with fewer than `n` words, counted between spaces."""
    drop = pl.col("text").str.count_matches(NOT_SPACE) < n
    return Filter(f"min_words({n})", f"fewer than {n} words", ("text",), lambda _: drop)


def max_words(n: int) -> Filter:
    """Drop texts with more than `n` words, counted between spaces."""
    drop = pl.col("text").str.count_matches(NOT_SPACE) > n
    return Filter(f"max_words({n})", f"more than {n} words", ("text",), lambda _: drop)


def matching(pattern: str, reason: str) -> Filter:
    """Drop texts in which a regular expression is found.

    Raises
    ------
    CorpusError
        If the pattern is not one the Rust regex engine reads (no look-around, no back-references).
    """
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.ComputeError as error:
        raise CorpusError(
            f"The pattern {pattern!r} cannot be read: {error}.",
            "A regular expression without look-around and back-references was expected.",
            "The syntax: https://docs.rs/regex/latest/regex/#syntax",
        ) from None
    drop = pl.col("text").str.contains(pattern)
    return Filter(f"matching({pattern!r})", reason, ("text",), lambda _: drop)


def non_latin() -> Filter:
    """Drop texts with a letter of another script: in Swedish material mostly a misreading."""
    drop = pl.col("text").str.contains(r"[\p{L}--\p{Latin}]")
    return Filter("non_latin()", "letters of another script than Latin", ("text",), lambda _: drop)


def looping(*, min_words: int = 4, max_distinct: float = 1 / 3) -> Filter:
    """Drop texts that say the same few words over and over, as speech recognition does over music.

    Parameters
    ----------
    min_words
        Shorter texts are kept: "Ja, ja, ja." is something people say.
    max_distinct
        Different words divided by words, at most; "Musik Musik Musik Musik" has 1/4.
    """
    words = pl.col("text").str.to_lowercase().str.extract_all(WORD)
    drop = (words.list.len() >= min_words) & (
        words.list.n_unique() <= words.list.len() * max_distinct
    )
    name = f"looping(min_words={min_words}, max_distinct={max_distinct:.3g})"
    return Filter(name, "the same words over and over", ("text",), lambda _: drop)


def repeated(by: str | None = None) -> Filter:
    """Drop texts that stood before, in the corpus or in the same `by` (a film); the first stays."""
    keys = ["text"] if by is None else [by, "text"]

    def condition(frame: pl.LazyFrame) -> pl.Expr:
        first = frame.select(ROW, key=pl.struct(keys).hash()).group_by("key").agg(pl.col(ROW).min())
        rows = first.select(ROW).collect(engine="streaming").to_series()
        return ~pl.col(ROW).is_in(rows.implode())

    where = "" if by is None else f" in the same {by}"
    return Filter(f"repeated(by={by!r})", f"repeated{where}", tuple(keys), condition)


def widespread(by: str, at_least: int) -> Filter:
    """Drop texts found word for word in many films (or other `by`): formulas, inventions."""

    def condition(frame: pl.LazyFrame) -> pl.Expr:
        spread = frame.group_by("text").agg(pl.col(by).n_unique().alias("spread"))
        texts = (
            spread.filter(pl.col("spread") >= at_least)
            .select("text")
            .collect(engine="streaming")
            .to_series()
        )
        return pl.col("text").is_in(texts.implode())

    reason = f"word for word in {at_least} or more {by}s"
    return Filter(f"widespread(by={by!r}, at_least={at_least})", reason, ("text", by), condition)


@dataclass(frozen=True)
class Spread:
    """When a word counts as known: in enough films, say, within one part of the corpus.

    Attributes
    ----------
    part
        The value of the part column: ``speech``.
    at_least
        In how many different films, or whatever is counted, the word stands.
    min_length
        Words with fewer letters are not made known by this part; where much is misread, short
        scraps are everywhere.
    """

    part: str
    at_least: int
    min_length: int = 1


def unknown_words(
    *, min_known: float, min_letters: int, by: str, part: str, spread: Sequence[Spread]
) -> Filter:
    """Drop texts in which too few words are known, as where character recognition went wrong.

    The list of known words is built from the corpus itself: a word seen in several films was hardly
    misread the same way each time. Words divided at the end of a line are joined first.

    Parameters
    ----------
    min_known
        The least share of letters that stand in known words. Letters, not words: misread text is
        full of scraps of two and three letters, and some are words by chance.
    min_letters
        The least number of letters in known words.
    by
        The column whose values a word must be seen in several of, such as ``film``.
    part, spread
        In how many a word must stand, for each value of the column `part`, such as ``medium``.
    """

    def condition(frame: pl.LazyFrame) -> pl.Expr:
        known = known_words(frame, by=by, part=part, spread=spread)
        letters = words_of_text().list.eval(pl.element().str.len_chars()).list.sum()
        known_letters = _letters_in(known)
        return (known_letters < min_letters) | (known_letters < letters * min_known)

    limits = ", ".join(
        f"{one.part}: {one.at_least} {by}s, {one.min_length} letters" for one in spread
    )
    name = f"unknown_words(min_known={min_known}, min_letters={min_letters}, {limits})"
    return Filter(name, f"under {min_known:.0%} in known words", ("text", by, part), condition)


def known_words(frame: pl.LazyFrame, *, by: str, part: str, spread: Sequence[Spread]) -> pl.Series:
    """Return the lower-case words known by `spread`, sorted (see `unknown_words`)."""
    each = frame.select(by, part, word=words_of_text()).explode("word").drop_nulls("word")
    seen = each.unique().group_by("word", part).agg(pl.len().alias("spread"))
    letters = pl.col("word").str.len_chars()
    enough = pl.any_horizontal(
        (pl.col(part) == one.part)
        & (pl.col("spread") >= one.at_least)
        & (letters >= one.min_length)
        for one in spread
    )
    known = seen.filter(enough).select("word").unique()
    return known.collect(engine="streaming").to_series().sort()


def in_years(years: tuple[int, int]) -> tuple[Filter, Filter]:
    """Keep documents of these years, both included; an unknown year is a reason of its own."""
    try:
        first, last = (operator.index(year) for year in years)
    except (TypeError, ValueError):
        raise CorpusError(
            f"years is {years!r}.",
            "The first and the last year were expected.",
            "years=(1930, 1959)",
        ) from None
    if first > last:
        raise CorpusError(
            f"The years {first} to {last} run backwards.",
            "The first year comes first.",
            f"years=({last}, {first})",
        )
    unknown = Filter("year_known()", "year unknown", ("year",), lambda _: pl.col("year").is_null())
    outside = ~pl.col("year").is_between(first, last)
    return unknown, Filter(
        f"in_years({first}, {last})", f"year outside {first}-{last}", ("year",), lambda _: outside
    )


def equal_to(column: str, value: Any) -> Filter:
    """Keep documents whose column has this value, or one of a list, tuple or set of values."""
    keep = _equals(column, value)
    said = list(value) if _is_collection(value) else value
    return Filter(f"{column}={said!r}", f"{column} is not {said!r}", (column,), lambda _: ~keep)


def check_filters(frame: pl.LazyFrame, filters: Iterable[Filter], name: str) -> None:
    """Refuse filters that do not fit the columns' types, by running them over no rows.

    Raises
    ------
    CorpusError
        Naming the filter and the types of its columns.
    """
    empty = frame.clear()
    schema = empty.collect_schema()
    for one in filters:
        try:
            one.dropped(empty).collect()
        except pl.exceptions.PolarsError as error:
            kinds = ", ".join(f"{column} ({schema[column]})" for column in one.columns)
            raise CorpusError(
                f"{one.name} cannot be used on corpus '{name}': {str(error).splitlines()[0]}.",
                f"It reads {kinds}.",
                "Give a value of the column's type.",
            ) from None


def judge(frame: pl.LazyFrame, filters: Iterable[Filter]) -> Outcome:
    """Run filters one after the other over a frame with row numbers."""
    kept = frame.select(ROW).collect(engine="streaming")
    lost: list[pl.DataFrame] = []
    for one in filters:
        left = frame.select(ROW, *one.columns).join(
            kept.lazy(), on=ROW, how="semi", maintain_order="left"
        )
        dropped = one.dropped(left).collect(engine="streaming")
        kept = kept.join(dropped, on=ROW, how="anti", maintain_order="left")
        lost.append(dropped.with_columns(pl.lit(one.reason).alias(REASON)))
    empty = pl.DataFrame(schema={ROW: pl.UInt32, REASON: pl.String})
    return Outcome(kept, pl.concat([empty, *lost]))


def words_of_text() -> pl.Expr:
    """Return the lower-case words of a text as a list; those divided at a line's end in one."""
    joined = pl.col("text").str.replace_all(DIVIDED, "")
    return joined.str.to_lowercase().str.extract_all(WORD)


def _letters_in(known: pl.Series) -> pl.Expr:
    word = pl.element()
    counted = pl.when(word.is_in(known.implode())).then(word.str.len_chars()).otherwise(0)
    return words_of_text().list.eval(counted).list.sum()


def _equals(column: str, value: Any) -> pl.Expr:
    if _is_collection(value):
        return pl.any_horizontal(pl.lit(value=False), *(_equals(column, one) for one in value))
    return pl.col(column).is_null() if value is None else pl.col(column).eq_missing(pl.lit(value))


def _is_collection(value: Any) -> bool:
    return isinstance(value, Collection) and not isinstance(value, str)
