"""Whole words hidden in films of a part, one a text, the same for every model that is asked."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from kblib.corpora import Corpus
from kblib.ladder.blank import MASK, Blank
from kblib.ngrams.words import IS_WORD, PIECE

LONGEST = 60
"""Words of the longest text that is used: every model reads it whole."""


@dataclass(frozen=True)
class HiddenWord:
    """A text with one word hidden, that word, and the film it is from."""

    blank: Blank
    word: str
    film: str


def hide_words(
    corpus: Corpus, known: Container[str], n: int, *, group: str, seed: int
) -> list[HiddenWord]:
    """Hide one word in each of `n` texts, in the order of the corpus.

    Texts are drawn without replacement, by how many of their words may be hidden, so that words of
    long texts are not rarer than those of short ones.

    Parameters
    ----------
    known
        Words that may be hidden: those of the training part, so that no model meets an unknown one.
    group
        The column of the film.
    """
    texts = list(_texts(corpus, known, group))
    weights = np.array([len(places) for _, places, _ in texts], dtype=np.float64)
    draw = np.random.default_rng(seed)
    n = min(n, len(texts))
    chosen = np.sort(draw.choice(len(texts), size=n, replace=False, p=weights / weights.sum()))
    return [_hidden(texts[i], int(draw.integers(len(texts[i][1])))) for i in chosen]


def _texts(
    corpus: Corpus, known: Container[str], group: str
) -> Iterator[tuple[list[str], list[int], str]]:
    """Yield pieces of each text (words and gaps), places of words that may be hidden, film."""
    plain = pl.col("text").str.replace_all(r"\s+", " ").str.strip_chars()
    frame = corpus.frame().select(
        pl.col(group).cast(pl.String).alias("film"), plain.str.extract_all(PIECE).alias("pieces")
    )
    is_word = pl.col("pieces").list.eval(pl.element().str.contains(IS_WORD)).alias("is_word")
    for film, pieces, words in frame.with_columns(is_word).collect().iter_rows():
        places = [i for i, word in enumerate(words) if word and pieces[i] in known]
        if 1 < sum(words) <= LONGEST and places and MASK not in "".join(pieces):
            yield pieces, places, film


def _hidden(text: tuple[list[str], list[int], str], which: int) -> HiddenWord:
    pieces, places, film = text
    place = places[which]
    blank = Blank("".join(pieces[:place]), "".join(pieces[place + 1 :]))
    return HiddenWord(blank, pieces[place], film)
