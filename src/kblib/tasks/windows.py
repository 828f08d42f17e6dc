"""Speech or intertitle, and which collection: windows of equally many words without any mark."""

from __future__ import annotations

import polars as pl

from kblib.tasks.material import Row, balanced, unshared
from kblib.tasks.passages import windows

MEDIA = ("speech", "intertitle")
BOTH_MEDIA = (1930, 1949)
"""Sound came in 1930, cards became few after 1949: years that have both."""
MEDIUM_WORDS = 20
COLLECTIONS = ("sf", "kino", "nuet")
THREE_COLLECTIONS = (1950, 1959)
COLLECTION_WORDS = 30


def of_media(cues: pl.DataFrame, n: int, seed: int) -> list[Row]:
    """Return windows with their medium; each decade has equally many of both."""
    some = unshared(cues).filter(pl.col("year").is_between(*BOTH_MEDIA))
    found = [row | {"label": row["medium"]} for row in windows(some, words=MEDIUM_WORDS)]
    return balanced(found, MEDIA, n, seed)


def of_collections(cues: pl.DataFrame, n: int, seed: int) -> list[Row]:
    """Return windows of speech with their collection; all are of one decade."""
    chosen = pl.col("collection").is_in(COLLECTIONS) & (pl.col("medium") == "speech")
    some = unshared(cues).filter(chosen & pl.col("year").is_between(*THREE_COLLECTIONS))
    found = [row | {"label": row["collection"]} for row in windows(some, words=COLLECTION_WORDS)]
    return balanced(found, COLLECTIONS, n, seed)
