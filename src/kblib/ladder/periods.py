"""Decades of a corpus: which have enough text for models of their own, and their n-gram models."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

import polars as pl

from kblib import settings
from kblib.corpora import Corpus
from kblib.errors import IntegrityError, ModelError
from kblib.ladder.word_counts import SPACING, spaced_corpus
from kblib.ngrams.language_model import NgramLM

LEAST_WORDS = 200_000
"""A 5-gram model of fewer words mostly falls back to single words: half of the speech of a decade
of the newsreels, three times the intertitles of any."""


@dataclass(frozen=True)
class Decade:
    """A decade of one medium of a corpus.

    Parameters
    ----------
    first_year
        Such as 1930.
    medium
        Such as ``speech``; None where the corpus does not tell media apart.
    n_words
        Words of it, counted between spaces.
    """

    first_year: int
    medium: str | None
    n_words: int

    @property
    def name(self) -> str:
        """The decade as it is written: ``1930s``."""
        return f"{self.first_year}s"

    @property
    def enough(self) -> bool:
        """Whether there is text enough for models of its own."""
        return self.n_words >= LEAST_WORDS

    @property
    def why_not(self) -> str:
        """Why it has no models of its own, as a sentence."""
        of = f" of {self.medium}" if self.medium else ""
        return (
            f"The {self.name} have {self.n_words:,} words{of}; "
            f"a model of its own needs {LEAST_WORDS:,}."
        )

    def of(self, corpus: Corpus) -> Corpus:
        """Return this decade's texts of a corpus."""
        years = (self.first_year, self.first_year + 9)
        if self.medium is None:
            return corpus.filter(years=years)
        return corpus.filter(years=years, medium=self.medium)


def decades_of(corpus: Corpus, medium: str | None) -> list[Decade]:
    """Return the decades of a corpus, in order; none if it has no years.

    Parameters
    ----------
    medium
        The one medium to look at, where the corpus has that column.
    """
    if "year" not in corpus.columns:
        return []
    chosen = medium if "medium" in corpus.columns else None
    rows = corpus.frame() if chosen is None else corpus.frame().filter(pl.col("medium") == chosen)
    table = (
        rows.drop_nulls("year")
        .group_by(first=pl.col("year") // 10 * 10)
        .agg(words=pl.col("text").str.count_matches(r"\S+").sum())
        .sort("first")
        .collect()
    )
    return [Decade(int(first), chosen, int(words)) for first, words in table.iter_rows()]


def counted(corpus: Corpus, order: int) -> NgramLM:
    """Return the n-gram model of a corpus's spaced texts; it is kept, and found again."""
    name = f"{corpus.fingerprint[:16]}-{order}-{SPACING}"
    folder = settings.writable_home() / "ngrams" / name
    with suppress(ModelError, IntegrityError):
        return NgramLM.open(folder)
    model = NgramLM.train(spaced_corpus(corpus), order=order)
    corpus_of = {"name": corpus.name, "fingerprint": corpus.fingerprint}
    model = replace(model, about={**model.about, "corpus": corpus_of, "spacing": SPACING})
    with suppress(FileExistsError):  # somebody else counted the same in the meantime
        model.save(folder, replace=folder.exists())
    return model
