"""Shares corrected by a confusion matrix: a check on the default, not a replacement.

The share that a model finds is ``p sensitivity + (1 - p) (1 - specificity)``; solved for p (Rogan
and Gladen 1978). It is only as good as the two rates. Those of another period or source do not
hold here, and a model that hardly discriminates makes the divisor vanish: both are refused.

About films the model's own share counts as so many texts as the differences between units leave.
The two rates still take labels for independent; where a model errs film by film, the interval is
too short, which the warnings say. The default (`kblib.evaluation.powered`) allows for it.

References
----------
Rogan and Gladen (1978), Estimating prevalence from the results of a screening test. Lang and
Reiczigel (2014), Confidence limits for prevalence of disease adjusted for estimated sensitivity and
specificity, Preventive Veterinary Medicine 113 (the interval). Kish (1965), Survey Sampling, 8.2
(units of unequal size).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from kblib.errors import LabelError
from kblib.evaluation.counts import CorrectedCounts, why_unknown
from kblib.evaluation.powered import Judged
from kblib.ngrams.printed import Printed
from kblib.ngrams.stratified import UNKNOWN, Estimate, Rule

LEAST_DISCRIMINATION = 0.2
"""Of sensitivity + specificity - 1, at the lower end of its interval."""
FEWEST = 5
"""Labels of each answer that a rate rests on, at least."""


@dataclass(frozen=True)
class Rates:
    """How often a model is right: of texts that are so, and of those that are not.

    Attributes
    ----------
    sensitivity, specificity
        Shares of the labelled texts, with one more of each outcome (Lang and Reiczigel 2014).
    so, not_so
        How many labels they rest on.
    """

    sensitivity: float
    specificity: float
    so: int
    not_so: int

    @property
    def discrimination(self) -> float:
        """Sensitivity + specificity - 1 (Youden's J): 0 for a model that guesses."""
        return self.sensitivity + self.specificity - 1

    @property
    def variances(self) -> tuple[float, float]:
        """Of sensitivity and of specificity."""
        pairs = ((self.sensitivity, self.so), (self.specificity, self.not_so))
        one, other = (rate * (1 - rate) / n for rate, n in pairs)
        return one, other


@dataclass(frozen=True, eq=False, repr=False)
class AdjustedCounts(Printed):
    """Shares adjusted by sensitivity and specificity, beside those by prediction-powered inference.

    Attributes
    ----------
    rows
        One row a period: share, low, high (the default's); adjusted, adjusted_low, adjusted_high;
        sensitivity, specificity, note.
    warnings
        What a reader of the numbers has to know, in sentences.
    provenance
        That of the counts.
    """

    rows: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Share of '{self.provenance['label']}', adjusted by the confusion matrix"


def adjusted_counts(counts: CorrectedCounts) -> AdjustedCounts:
    """Adjust shares by the model's confusion matrix in each period, as a check on the default.

    Parameters
    ----------
    counts
        What `corrected_counts` returned.

    Returns
    -------
    AdjustedCounts
        No number is given for a period without labels of its own (rates of another period do not
        hold in it), with fewer than 5 labels of either answer, with strata of unequal chance, for
        a model that hardly discriminates, or, about films, with fewer than 10 units.

    Raises
    ------
    LabelError
        If these are no corrected counts.
    """
    if not isinstance(counts, CorrectedCounts):
        raise LabelError(
            f"adjusted_counts got a {type(counts).__name__}.",
            "Corrected counts were expected.",
            'kb.adjusted_counts(kb.corrected_counts(sample, predictions, labels, label="..."))',
        )
    unit = str(counts.provenance["unit"])
    rows = []
    for row in counts.rows.filter(pl.col("period").is_not_null()).iter_rows(named=True):
        judged = counts.joined.judged(row["period"])
        note = _why_none(judged, counts.rule) or why_unknown(judged, counts.rule, unit)
        rates = rates_of(judged) if judged.n else None
        known = UNKNOWN if note or rates is None else adjusted(judged, rates, counts.rule)
        rows.append(
            {
                **{name: row[name] for name in ("period", "share", "low", "high")},
                "adjusted": known.value,
                "adjusted_low": known.low,
                "adjusted_high": known.high,
                "sensitivity": rates.sensitivity if rates else math.nan,
                "specificity": rates.specificity if rates else math.nan,
                "note": note,
            }
        )
    table = pl.DataFrame(rows, infer_schema_length=None)
    warnings = (*counts.warnings, *_warnings(counts.rule, unit))
    return AdjustedCounts(table, warnings, counts.provenance)


def rates_of(judged: Judged) -> Rates:
    """Return how often a model is right; a score counts as yes from one half on."""
    said, so = judged.score >= 0.5, judged.so >= 0.5
    n_so, n_not = int(so.sum()), int((~so).sum())
    hits, passed = int((said & so).sum()), int((~said & ~so).sum())
    return Rates((hits + 1) / (n_so + 2), (passed + 1) / (n_not + 2), n_so + 2, n_not + 2)


def adjusted(judged: Judged, rates: Rates, rule: Rule) -> Estimate:
    """Return the share that makes the model's count what it is; from labels of equal chance.

    About the corpus, the model's own share is known; about films it is that of a sample.
    """
    z = rule.critical()
    found = float(judged.scores.sum()) / judged.n_texts
    own = 0.0
    if rule.about == "films":
        n = _as_many(judged, found)
        found = (n * found + z * z / 2) / (n + z * z)
        own = found * (1 - found) / (n + z * z)
    j = rates.discrimination
    p = (found + rates.specificity - 1) / j
    of_so, of_not = rates.variances
    shift = 2 * z * z * (p * of_so - (1 - p) * of_not)
    error = math.sqrt(own + (1 - p) ** 2 * of_not + p**2 * of_so) / abs(j)
    low, high = (float(np.clip(p + shift + side * z * error, 0, 1)) for side in (-1, 1))
    return Estimate(float(np.clip(p, 0, 1)), low, high)


def _as_many(judged: Judged, found: float) -> float:
    """Return for how many independent texts the share that the model finds counts.

    Where it says the same of all texts, they cannot tell how alike those of a unit are: each unit
    counts once.
    """
    sizes, scores = judged.sizes.sum(axis=0), judged.scores.sum(axis=0)
    if found in (0.0, 1.0):
        return float(judged.n_texts**2 / (sizes.astype(float) ** 2).sum())
    units = int((sizes > 0).sum())
    between = float(((scores - found * sizes) ** 2).sum()) * units / max(units - 1, 1)
    single = judged.n_texts**2 * found * (1 - found)
    return min(float(judged.n_texts), single / between) if between else float(judged.n_texts)


def _warnings(rule: Rule, unit: str) -> tuple[str, ...]:
    if rule.about != "films":
        return ()
    said = "Adjusted intervals count labels as independent: too short if the model errs more in "
    return (f"{said}some units ({unit}) than in others.",)


def _why_none(judged: Judged, rule: Rule) -> str:
    if not judged.n:
        return "no labels of this period; rates of another one do not hold here"
    if not np.isin(judged.score, (0.0, 1.0)).all():
        return "scores were counted, not labels: not adjusted"
    if len(judged.sizes) > 1:
        return "strata of unequal chance: not adjusted"
    rates = rates_of(judged)
    fewest = min(rates.so, rates.not_so) - 2
    if fewest < FEWEST:
        return f"only {fewest} labels of one answer, {FEWEST} are needed"
    least = rates.discrimination - rule.critical() * math.sqrt(sum(rates.variances))
    if least < LEAST_DISCRIMINATION:
        return (
            f"the model hardly discriminates (sensitivity + specificity - 1 may be {least:.2f}): "
            "not adjusted"
        )
    return ""
