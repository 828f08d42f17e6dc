"""How an adapter for a decade is made: numbers only."""

from __future__ import annotations

from dataclasses import dataclass

from kblib.corpora import Corpus
from kblib.training.config import TrainingConfig


@dataclass(frozen=True)
class PeriodRecipe:
    """How an adapter is made.

    Parameters
    ----------
    base
        Name of the masked model.
    first_year, medium
        The decade, and the one medium of it that is read.
    epochs
        How often the decade's training part is read.
    rank, alpha
        Of the low-rank additions.
    learning_rate
        Low, for the base has read these texts already: with 5e-3 the adapter of the 1930s was worse
        than its base on the validation films.
    batch_size, seq_len, mask_rate, random_rate, keep_rate, seed
        As in `kblib.jobs.specs.Pretrain`.
    """

    base: str
    first_year: int
    medium: str = "speech"
    epochs: float = 1.0
    rank: int = 8
    alpha: float = 16.0
    learning_rate: float = 5e-4
    batch_size: int = 32
    seq_len: int = 64
    mask_rate: float = 0.25
    random_rate: float = 0.1
    keep_rate: float = 0.1
    seed: int = 1

    @property
    def period(self) -> str:
        """The decade as it is written: ``1930s``."""
        return f"{self.first_year}s"

    @property
    def name(self) -> str:
        """The adapter's name."""
        return f"{self.base}-{self.period}"

    def texts_of(self, part: Corpus) -> Corpus:
        """Return this decade's texts of a corpus."""
        return part.filter(years=(self.first_year, self.first_year + 9), medium=self.medium)

    def config(self, n_blocks: int) -> TrainingConfig:
        """Return the numbers of the loop for so many blocks."""
        steps = max(1, round(self.epochs * n_blocks / self.batch_size))
        return TrainingConfig(
            steps=steps,
            seq_len=self.seq_len,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            warmup_steps=max(1, steps // 10),
            eval_every=steps + 1,
            save_every=steps + 1,
            mask_rate=self.mask_rate,
            random_rate=self.random_rate,
            keep_rate=self.keep_rate,
            seed=self.seed,
        )
