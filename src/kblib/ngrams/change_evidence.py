"""What stands behind a change: words that came near a word or went, and lines of both times."""

from __future__ import annotations

from typing import Literal

import numpy as np
import polars as pl

from kblib.ngrams.contexts import Uses, window_words
from kblib.ngrams.index import Index, Ints
from kblib.ngrams.keyness import log_likelihood

Side = Literal["before", "after"]
FEWEST_FILMS = 3
"""A word that is near in fewer films, before and after, is told of no change."""


def changed_words(
    index: Index, uses: Uses, length: int, unit: str, window: int, at: int
) -> pl.DataFrame:
    """Compare in how many films each word is near, before and after a change.

    Films, not times: a word said ten times in one film is one sign and not ten.

    Parameters
    ----------
    length
        How many words a use has.
    at
        The last period before the change.

    Returns
    -------
    pl.DataFrame
        One row a word: word, way (came, went), films_before, films_after, share_before,
        share_after (of the films with uses), g2; the strongest first.
    """
    near = window_words(index, uses.positions, length, unit, window)
    is_after = uses.period > at
    _, film = np.unique(uses.unit, return_inverse=True)
    rows = pl.DataFrame(
        {
            "number": near.ravel(),
            "film": np.repeat(film, near.shape[1]),
            "after": np.repeat(is_after, near.shape[1]),
        }
    )
    counted = (
        rows.filter(pl.col("number") >= 0)
        .unique()
        .group_by("number")
        .agg(
            (~pl.col("after")).sum().cast(pl.Int64).alias("films_before"),
            pl.col("after").sum().cast(pl.Int64).alias("films_after"),
        )
    )
    counted = counted.filter(pl.sum_horizontal("films_before", "films_after") >= FEWEST_FILMS)
    n_after = len(np.unique(film[is_after]))
    n_before = len(np.unique(film[~is_after]))
    return _compared(index, counted, n_before, n_after)


def _compared(index: Index, counted: pl.DataFrame, n_before: int, n_after: int) -> pl.DataFrame:
    before, after = (counted[name].to_numpy() for name in ("films_before", "films_after"))
    shares = before / max(n_before, 1), after / max(n_after, 1)
    ways = np.where(shares[1] > shares[0], "came", "went")
    table = counted.with_columns(
        word=index.text.words.gather(counted["number"]),
        way=pl.Series(ways.tolist(), dtype=pl.String),
        share_before=shares[0],
        share_after=shares[1],
        g2=log_likelihood(after.astype(float), before.astype(float), n_after, n_before),
    ).sort("g2", "word", descending=[True, False])
    return table.select(
        "word", "way", "films_before", "films_after", "share_before", "share_after", "g2"
    )


def typical(uses: Uses, at: int, side: Side, n: int) -> Ints:
    """Return the uses of one time that are least like the other, one a film, the farthest first.

    Measured along the line between the mean contexts of both times, each use from the mean of its
    medium and collection.
    """
    _, stratum = np.unique(uses.stratum, return_inverse=True)
    sums = np.zeros((stratum.max() + 1, uses.vectors.shape[1]))
    np.add.at(sums, stratum, uses.vectors)
    off = uses.vectors - (sums / np.bincount(stratum)[:, None])[stratum]
    is_after = uses.period > at
    line = off[is_after].mean(0) - off[~is_after].mean(0)
    wanted = is_after if side == "after" else ~is_after
    score = np.where(wanted, off @ line * (1 if side == "after" else -1), -np.inf)
    order = np.argsort(-score, kind="stable")[: int(wanted.sum())]
    first = np.sort(np.unique(uses.unit[order], return_index=True)[1])
    return order[first][:n]
