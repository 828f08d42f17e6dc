"""Parts of a corpus: samples and splits that depend on nothing but a seed, and counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import polars as pl

from kblib.corpora.filters import NOT_SPACE
from kblib.corpora.steps import NO_DROPPED, ROW, Outcome
from kblib.errors import CorpusError

COUNTS = ("documents", "words", "characters", "first_year", "last_year")
_WORDS = pl.col("text").str.count_matches(NOT_SPACE).cast(pl.Int64)
_CHARACTERS = pl.col("text").str.len_chars().cast(pl.Int64)


def rank(seed: int, key: object) -> bytes:
    """Return the BLAKE2b (8 bytes) of ``seed:key``, which puts groups and documents in order."""
    return hashlib.blake2b(f"{seed}:{key}".encode(), digest_size=8).digest()


def split(
    frame: pl.LazyFrame, *, test: float, valid: float, by: str, seed: int, name: str
) -> dict[str, Outcome]:
    """Return the rows of each part, in the order train, valid (if asked for), test."""
    if not (0 < test < 1 and 0 <= valid < 1 and test + valid < 1):
        raise CorpusError(
            f"test={test} and valid={valid} leave no train part or no test part.",
            "Shares between 0 and 1 that add up to less than 1 were expected.",
            "corpus.split(test=0.1, by=..., seed=1)",
        )
    rows = frame.select(ROW, by).collect(engine="streaming")
    groups = sorted(rows[by].unique().to_list(), key=lambda group: rank(seed, group))
    n_test = max(1, round(test * len(groups)))
    n_valid = max(1, round(valid * len(groups))) if valid else 0
    if n_test + n_valid >= len(groups):
        raise CorpusError(
            f"Corpus '{name}' has {len(groups)} different values of '{by}', too few to split.",
            f"At least {2 + bool(valid)} were expected, so that every part has one.",
            "Split by another column; by='id' makes each document its own group.",
        )
    chosen = {
        "test": groups[:n_test],
        "valid": groups[n_test : n_test + n_valid],
        "train": groups[n_test + n_valid :],
    }
    order = ("train", "valid", "test") if valid else ("train", "test")
    return {part: _part(rows, by, chosen[part]) for part in order}


def sample(frame: pl.LazyFrame, n: int, *, seed: int, by: str | None, name: str) -> Outcome:
    """Return the `n` rows, or `n` of each group, whose ids rank first."""
    rows = frame.select(ROW, "id", *([] if by is None else [by])).collect(engine="streaming")
    sizes = [rows.height] if by is None else rows.group_by(by).len()["len"].to_list()
    if n < 1 or n > min(sizes, default=0):
        where = f"'{name}'" if by is None else f"the smallest '{by}' of '{name}'"
        raise CorpusError(
            f"{n} documents were asked for; {where} has {min(sizes, default=0)}.",
            "A number between 1 and that.",
        )
    ranks = pl.Series(
        "rank", [int.from_bytes(rank(seed, one)) for one in rows["id"]], dtype=pl.UInt64
    )
    ordered = rows.with_columns(ranks).sort("rank", "id")
    drawn = ordered.head(n) if by is None else ordered.group_by(by, maintain_order=True).head(n)
    return _rest(rows, drawn.select(ROW).sort(ROW))


def counts(frame: pl.LazyFrame) -> dict[str, int | None]:
    """Return documents, words, characters, first and last known year, in one pass."""
    year = pl.col("year") if "year" in frame.collect_schema() else pl.lit(None, dtype=pl.Int32)
    row = frame.select(
        pl.len().alias("documents"),
        _WORDS.sum().alias("words"),
        _CHARACTERS.sum().alias("characters"),
        year.min().alias("first_year"),
        year.max().alias("last_year"),
    ).collect(engine="streaming")
    return dict(zip(COUNTS, row.row(0), strict=True))


def summary(frame: pl.LazyFrame, by: str) -> pl.LazyFrame:
    """Return documents, words and characters for each value of `by`, unknown last."""
    sums = (
        pl.len().cast(pl.Int64).alias("documents"),
        _WORDS.sum().alias("words"),
        _CHARACTERS.sum().alias("characters"),
    )
    return frame.group_by(by).agg(*sums).sort(by, nulls_last=True)


def _part(rows: pl.DataFrame, by: str, groups: Iterable[object]) -> Outcome:
    chosen = pl.DataFrame({by: pl.Series(list(groups), dtype=rows.schema[by])})
    kept = rows.join(chosen, on=by, how="semi", nulls_equal=True, maintain_order="left").select(ROW)
    return _rest(rows, kept)


def _rest(rows: pl.DataFrame, kept: pl.DataFrame) -> Outcome:
    return Outcome(kept, NO_DROPPED, {"in another part": rows.height - kept.height})
