"""What perplexity says of a word-level model, unknown words in sight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class WordPerplexity:
    """How surprised a word-level model is by texts; lower is better.

    A model that knows fewer words can look better: all it does not know is one word, ``<unk>``. So
    look at `unknown_share`, and compare only models of one vocabulary.

    Parameters
    ----------
    log10_sum
        Of the probabilities of all words and ends.
    log10_sum_of_unknown
        The part of it that unknown words have.
    n_words, n_unknown, n_units
        Words, those of them that the model does not know, and ends.
    provenance
        Of which model, on which corpus.
    """

    log10_sum: float
    log10_sum_of_unknown: float
    n_words: int
    n_unknown: int
    n_units: int
    provenance: dict[str, Any]

    @property
    def with_unknown(self) -> float:
        """Perplexity of words and ends, unknown words at the price of ``<unk>``."""
        return float(10 ** (-self.log10_sum / (self.n_words + self.n_units)))

    @property
    def without_unknown(self) -> float:
        """Perplexity of known words and ends."""
        logs = self.log10_sum - self.log10_sum_of_unknown
        return float(10 ** (-logs / (self.n_words - self.n_unknown + self.n_units)))

    @property
    def unknown_share(self) -> float:
        """Share of the words that the model does not know, ends not counted."""
        return self.n_unknown / self.n_words if self.n_words else 0.0

    @property
    def table(self) -> pd.DataFrame:
        """One row: both perplexities, the share of unknown words, how much text."""
        import pandas as pd

        row = {
            "perplexity with unknown words": self.with_unknown,
            "perplexity without": self.without_unknown,
            "unknown words, share": self.unknown_share,
            "words": self.n_words,
            "units": self.n_units,
        }
        return pd.DataFrame([row])

    def __str__(self) -> str:
        return (
            f"perplexity {self.with_unknown:,.1f} with unknown words, {self.without_unknown:,.1f} "
            f"without; {self.unknown_share:.1%} of {self.n_words:,} words unknown"
        )
