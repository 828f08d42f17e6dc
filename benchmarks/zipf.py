"""An invented corpus as hard to count as a real one: few words often, a million hardly ever.

Ranks below ten thousand follow Zipf's law, the rest falls off faster, as the second regime of
large corpora does (Ferrer i Cancho and Solé 2001); a third of the words repeat one from earlier in
their document, for real words come in clusters. Words are made of Swedish syllables, with capital
letters and punctuation. The same seed gives the same corpus.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kblib.corpora import Corpus, read_table

SEED = 1
VOCABULARY = 3_000_000
FLATTENED, KNEE, FALL = 2.7, 10_000, 1.6
PART = 25_000
"""Documents made at a time; some 2.5 million words."""
WORDS_A_DOCUMENT = 100
DOCUMENTS_A_FILM = 40
REPEATED, BACK = 0.33, 40
YEARS = (1910, 1959)
SPEECH_FROM = 1930
COLLECTIONS = ("kino", "sf", "nordisk")
ONSETS = "b bl br d dr f fl g gr h j k kl kr l m n p pl r s sk sl st str t tr v"
VOWELS = "aeiouyåäö"
CODAS = "d g k l m n r s t v nd ng ns rt st"
OPEN = ("", "", "")
"""One syllable in six ends in a vowel."""
SYLLABLES_UP_TO = (60, 3_000, 120_000, 800_000)
"""Ranks up to which words have one, two, three, four syllables; the rest has five."""
COMMA, STOP = 0.07, 0.08

Ints = NDArray[np.int64]


def zipf_corpus(documents: int, folder: Path) -> Corpus:
    """Return the saved corpus of so many documents in `folder`, made there if it is not yet."""
    saved = folder / f"zipf-{documents}-{SEED}"
    if not saved.exists():
        parts = folder / f"parts-{documents}-{SEED}"
        parts.mkdir(parents=True, exist_ok=True)
        for number, part in enumerate(_parts(documents)):
            part.write_parquet(parts / f"{number:05d}.parquet", compression="zstd")
        read_table(parts, name=saved.name).save(saved)
        for path in parts.iterdir():
            path.unlink()
        parts.rmdir()
    return Corpus.open(saved)


def _parts(documents: int) -> Iterator[pl.DataFrame]:
    words = _words(np.random.default_rng([SEED, 0]))
    written = pl.concat([words, words.str.to_titlecase()])
    ranks = np.arange(1, VOCABULARY + 1)
    chances = np.cumsum(1 / (ranks + FLATTENED) / np.maximum(ranks / KNEE, 1) ** (FALL - 1))
    for number, first in enumerate(range(0, documents, PART), start=1):
        draw = np.random.default_rng([SEED, number])
        n = min(PART, documents - first)
        yield _about(first, n, documents).with_columns(text=_texts(n, written, chances, draw))


def _words(draw: np.random.Generator) -> pl.Series:
    """Return different words, one a rank; the more frequent, the shorter."""
    made = VOCABULARY + VOCABULARY // 2
    n_syllables = 1 + np.searchsorted(SYLLABLES_UP_TO, np.arange(made))
    syllables = pl.Series([*map("".join, product(ONSETS.split(), VOWELS, (*OPEN, *CODAS.split())))])
    words = syllables.gather(draw.integers(len(syllables), size=made))
    for so_far in range(1, len(SYLLABLES_UP_TO) + 1):
        longer = n_syllables > so_far
        more = syllables.gather(draw.integers(len(syllables), size=made))
        words = words.zip_with(pl.Series(~longer), words + more)
    return words.unique(maintain_order=True).head(VOCABULARY)


def _texts(
    n: int, written: pl.Series, chances: NDArray[np.float64], draw: np.random.Generator
) -> pl.Series:
    lengths = np.maximum(draw.gamma(2.0, WORDS_A_DOCUMENT / 2, size=n).astype(np.int64), 1)
    total = int(lengths.sum())
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    word = np.searchsorted(chances, draw.random(total) * chances[-1])
    earlier = np.arange(total) - draw.integers(1, BACK, size=total)
    again = (draw.random(total) < REPEATED) & (earlier >= first)
    word = np.where(again, word[earlier], word)
    mark = draw.random(total)
    stop = mark < STOP
    capital = np.concatenate([[True], stop[:-1]]) | (np.arange(total) == first)
    after = np.where(stop, ".", np.where(mark < STOP + COMMA, ",", ""))
    pieces = pl.DataFrame(
        {
            "word": written.gather(word + len(written) // 2 * capital),
            "after": after,
            "document": np.repeat(np.arange(n), lengths),
        }
    )
    joined = pl.concat_str("word", "after").str.join(" ")
    return pieces.group_by("document", maintain_order=True).agg(joined)["word"]


def _about(first: int, n: int, documents: int) -> pl.DataFrame:
    """Return where documents come from: films in order of their years, media in the archive's."""
    number = pl.int_range(first, first + n, eager=True)
    film = number // DOCUMENTS_A_FILM
    span = YEARS[1] - YEARS[0] + 1
    year = (YEARS[0] + film * DOCUMENTS_A_FILM * span // documents).cast(pl.Int32)
    start_s = (number % DOCUMENTS_A_FILM).cast(pl.Float64) * 10
    talks = (year >= SPEECH_FROM) | (film % 7 == 0)
    title = pl.select(pl.format("Z{}", film)).to_series()
    return pl.DataFrame(
        {
            "id": pl.select(pl.format("Z{}/{}", film, number)).to_series(),
            "title": title,
            "date": year.cast(pl.String),
            "year": year,
            "source": "invented",
            "kind": "newsreel",
            "language": "sv",
            "licence": "CC0-1.0",
            "film": title,
            "medium": pl.select(
                pl.when(talks).then(pl.lit("speech")).otherwise(pl.lit("intertitle"))
            ).to_series(),
            "collection": pl.Series(COLLECTIONS).gather(film % len(COLLECTIONS)),
            "start_s": start_s,
            "end_s": start_s + 9,
        }
    )
