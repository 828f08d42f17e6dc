"""What a probe found: a number a word, and both kinds of uncertainty beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kblib.ngrams.resampling import FEWEST_UNITS, Band

if TYPE_CHECKING:
    import pandas as pd

# M models of a group, S templates, P pairs, N words, B resamples.
Floats = npt.NDArray[np.float64]
UNIT = "log-odds ratio, bits"
UNKNOWN_TRAINING = "unknown: one training"


@dataclass(frozen=True)
class ProbeRow:
    """What the models of one group make of one word.

    Attributes
    ----------
    group
        The label the models were given under, such as a decade.
    word
        The word in the blank.
    log_odds
        Mean over models, templates and pairs; above 0 the word is likelier with the first of each
        pair. In bits: 1 means twice the odds.
    template_low, template_high
        Interval by drawing templates anew; not numbers for fewer than 10 templates.
    lowest_template, highest_template
        The least and largest mean of a template.
    templates
        How many there are.
    lowest_training, highest_training
        The least and largest mean of a model; not numbers where there is one.
    trainings
        How many models there are.
    """

    group: str
    word: str
    log_odds: float
    template_low: float
    template_high: float
    lowest_template: float
    highest_template: float
    templates: int
    lowest_training: float
    highest_training: float
    trainings: int

    @property
    def template_note(self) -> str:
        """Why there is no interval over templates, if there is none."""
        few = self.templates < FEWEST_UNITS
        return f"{self.templates} templates, under {FEWEST_UNITS}: no interval" if few else ""

    @property
    def training_note(self) -> str:
        """What is not known of the training uncertainty."""
        return UNKNOWN_TRAINING if self.trainings == 1 else f"range of {self.trainings} trainings"


@dataclass(frozen=True, eq=False)
class Probe:
    """Log-odds of words in two contexts.

    Attributes
    ----------
    rows
        One a group and word.
    log_odds
        For each group, every single answer: shape (models, templates, pairs, words), bits.
    templates, pairs, words
        What was asked.
    warnings
        What a reader of the numbers has to know, in sentences.
    provenance
        Models, weights, what was asked, seed, version.
    """

    rows: tuple[ProbeRow, ...]
    log_odds: Mapping[str, Floats]
    templates: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    words: tuple[str, ...]
    warnings: tuple[str, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[str, ...]:
        """The labels of the models, in order."""
        return tuple(self.log_odds)

    @property
    def table(self) -> pd.DataFrame:
        """One row a group and word: the log-odds and both uncertainties, each with a note."""
        import pandas as pd

        names = list(ProbeRow.__dataclass_fields__)
        rows = [
            [*(getattr(row, name) for name in names), row.template_note, row.training_note]
            for row in self.rows
        ]
        return pd.DataFrame(rows, columns=[*names, "template_note", "training_note"])

    @property
    def answers(self) -> pd.DataFrame:
        """One row an answer: group, training (from 1), template, first, second, word, log_odds."""
        import pandas as pd

        rows = [
            (group, m + 1, self.templates[s], *self.pairs[p], self.words[n], float(value))
            for group, values in self.log_odds.items()
            for (m, s, p, n), value in np.ndenumerate(values)
        ]
        columns = ["group", "training", "template", "first", "second", "word", "log_odds"]
        return pd.DataFrame(rows, columns=columns)

    def __str__(self) -> str:
        """Return one line a group and word, and the warnings."""
        lines = [
            f"{row.group}  {row.word}: {row.log_odds:+.2f} "
            f"(templates {row.lowest_template:+.2f} to {row.highest_template:+.2f}; "
            f"training {row.training_note})"
            for row in self.rows
        ]
        return "\n".join([UNIT, *lines, *(f"Note: {one}" for one in self.warnings)])


def row_of(label: str, word: str, values_MSP: Floats, band: Band) -> ProbeRow:
    """Return the row of a word from its answers, shape (models, templates, pairs)."""
    by_template_S = values_MSP.mean(axis=(0, 2))
    by_model_M = values_MSP.mean(axis=(1, 2))
    several = len(by_model_M) > 1
    return ProbeRow(
        label,
        word,
        float(values_MSP.mean()),
        *_interval(by_template_S, band),
        float(by_template_S.min()),
        float(by_template_S.max()),
        len(by_template_S),
        float(by_model_M.min()) if several else math.nan,
        float(by_model_M.max()) if several else math.nan,
        len(by_model_M),
    )


def _interval(by_template_S: Floats, band: Band) -> tuple[float, float]:
    """Return the percentile interval of the mean over templates, drawn with replacement."""
    n = len(by_template_S)
    if n < FEWEST_UNITS or not np.isfinite(by_template_S).all():
        return math.nan, math.nan
    drawn_BS = np.random.default_rng(band.seed).integers(n, size=(band.resamples, n))
    means_B = by_template_S[drawn_BS].mean(axis=1)
    tail = 100 * (1 - band.confidence) / 2
    low, high = np.percentile(means_B, [tail, 100 - tail])
    return float(low), float(high)
