"""Counts you may publish: what a model counted over time, corrected for its errors.

A model that labels every text of a corpus errs, and its errors drift with period and with how well
a page was read. A reader labels a random sample; the share of each period is then estimated by
prediction-powered inference (`kblib.evaluation.powered`), which needs nothing to be true of the
model. What a reader leaves unsure is taken as no; ``least`` and ``most`` are the estimates with all
of it no, or yes, and the interval spans both. Texts that the model abstained from stay in the
denominator: the reader's labels speak for them.

Where too few of the rarer answer are to be expected, or were found, there is no interval but a
bound: at most so many. It is the upper end of the same interval, so that it makes no difference to
it whether an interval could be given (`kblib.evaluation.powered`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError
from kblib.evaluation.joined import SHOWN, Joined, join
from kblib.evaluation.powered import (
    EXPECTED,
    FEWEST,
    HALF,
    MANY,
    Judged,
    Powered,
    labels_for,
    powered,
)
from kblib.evaluation.tables import is_share
from kblib.evaluation.texts import TextSample
from kblib.ngrams.printed import Printed
from kblib.ngrams.resampling import FEWEST_UNITS, check_confidence
from kblib.ngrams.stratified import ABOUT, UNKNOWN, About, Rule

if TYPE_CHECKING:
    import pandas as pd

    from kblib.evaluation.tables import Table

_NOTHING = Powered(UNKNOWN, math.nan, 1.0, math.nan)
METHOD = (
    "stratified prediction-powered inference, tuned by cross-fitting; Wilson's interval, "
    f"conditional on {FEWEST} found ({MANY} where the model lets expect fewer than {EXPECTED})"
)


@dataclass(frozen=True, eq=False, repr=False)
class CorrectedCounts(Printed):
    """Shares of texts over time, as a model counted them and corrected by labels.

    Attributes
    ----------
    rows
        One row a period, and one of all (period empty): texts; ``counted``, the share that the
        model found, with ``counted_least`` and ``counted_most`` (what it abstained from as no,
        yes); the corrected ``share`` with ``low``, ``high``, ``least``, ``most``; where there is no
        interval, ``at_most`` (of what is common, ``at_least``), which is one end of it: over all
        samples, those with an interval too, that end fails half as often as both; labels, yes,
        trust (weight of the model, 0 to 1), note: why no interval.
    warnings
        What a reader of the numbers has to know, in sentences.
    provenance
        Corpus, fingerprint, seed, version, and what was asked.
    """

    joined: Joined
    rows: pl.DataFrame
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Share of '{self.provenance['label']}' in '{self.provenance['corpus']}'"

    @property
    def rule(self) -> Rule:
        """About what the intervals are, and with which confidence."""
        return Rule(self.provenance["about"], self.provenance["confidence"])

    def labels_needed(self, within: float) -> pd.DataFrame:
        """Return how many labels a period needs, so that the interval ends within so much.

        No number where too little was found to tell, or more texts or units would be needed than
        there are. That units differ is left out: about films more labels may be needed.

        Parameters
        ----------
        within
            Half the length of the interval, as a share: 0.02 for ±2 points.

        Raises
        ------
        LabelError
            If `within` is not between 0 and 1.
        """
        if not is_share(within):
            raise LabelError(f"within is {within!r}.", "A share was expected.", "within=0.02")
        rows = []
        for row in self.rows.iter_rows(named=True):
            judged = self.joined.judged(row["period"])
            needed = None
            if judged.n > 1 and not why_unknown(judged, self.rule, str(self.provenance["unit"])):
                found = powered(judged, self.rule)
                needed = labels_for(found, within, judged.n_texts, self.rule)
                if self.rule.about == "corpus" and not row["note"]:
                    needed = max(needed, _labels_to_shorten(judged, found, within))
                if row["note"]:
                    enough = labels_to_show(judged, found)
                    needed = max(needed, enough) if enough else None
            rows.append({"period": row["period"], "labels": row["labels"], "needed": needed})
        return pandas_of(pl.DataFrame(rows, infer_schema_length=None).lazy())


def corrected_counts(
    sample: TextSample,
    predictions: Table,
    labels: Table,
    *,
    label: str,
    score: str | None = None,
    about: About = "films",
    confidence: float = 0.95,
) -> CorrectedCounts:
    """Estimate which share of the texts has a label, by period, from predictions and labels.

    Parameters
    ----------
    sample
        What `sample_texts` drew, of the corpus that was predicted.
    predictions
        A table with ``id`` and ``label`` of every text; an empty label where the model abstained.
    labels
        A table with ``id`` and ``label`` of texts of the sample, given without seeing predictions;
        ``unsure`` where a reader cannot tell.
    label
        The label that is counted.
    score
        The column of `predictions` with the probability of that label, if there is one.
    about
        ``corpus``: of these very texts; only that not all were read is uncertain. ``films``: of
        what the units (films) are a sample of.

    Raises
    ------
    LabelError
        If tables do not fit the sample, or `about` is none of those there are.

    Examples
    --------
    >>> from kblib.corpora import Corpus
    >>> from kblib.evaluation.texts import sample_texts
    >>> films = Corpus.from_texts(["regn", "sol"] * 200, year=1931)
    >>> sample = sample_texts(films, 100)
    >>> truth = films.table.assign(label=["weather", "other"] * 200)[["id", "label"]]
    >>> read = truth[truth["id"].isin(sample.rows["id"].to_list())]
    >>> counts = corrected_counts(sample, truth, read, label="weather", about="corpus")
    >>> counts.table[["counted", "share"]].round(2).values.tolist()[0]
    [0.5, 0.5]
    """
    if about not in ABOUT:
        raise LabelError(
            f"about is {about!r}.", f"There are: {', '.join(ABOUT)}.", "about='corpus'"
        )
    check_confidence(confidence)
    joined = join(sample, predictions, labels, label=label, score=score)
    rule, unit = Rule(about, confidence), str(sample.provenance["unit"])
    periods = sample.periods
    cells = [*periods, None] if len(periods) > 1 else periods
    rows = pl.DataFrame([_row(joined, one, rule, unit) for one in cells], infer_schema_length=None)
    asked = {"label": label, "score": score, "about": about, "confidence": confidence}
    how = {"method": METHOD, "labels": joined.labelled.height}
    least = {"expected": EXPECTED, "fewest": FEWEST, "many": MANY}
    known = {**sample.provenance, **asked, **how, **least}
    return CorrectedCounts(joined, rows, (*sample.warnings, *_warnings(joined)), known)


def _row(joined: Joined, period: Any | None, rule: Rule, unit: str) -> dict[str, Any]:
    texts, abstained, scores = joined.counted(period)
    judged = joined.judged(period)
    unknown = why_unknown(judged, rule, unit)
    nothing = judged.unseen or judged.n == 0
    both = (judged, joined.judged(period, unsure=1.0))
    ends = [_NOTHING if nothing else powered(one, rule) for one in both]
    few = [] if unknown else [too_few(*one, rule) for one in zip(both, ends, strict=True)]
    note = unknown or next(filter(None, few), "")
    least, most = (one.share for one in ends)
    low, high = min(least.low, most.low), max(least.high, most.high)
    bounded, rare = bool(note and not unknown), least.value <= HALF
    return {
        "period": period,
        "texts": texts,
        "counted": scores / texts,
        "counted_least": scores / texts,
        "counted_most": (scores + abstained) / texts,
        "share": least.value,
        "low": math.nan if note else low,
        "high": math.nan if note else high,
        "at_least": low if bounded and not rare else math.nan,
        "at_most": high if bounded and rare else math.nan,
        "least": min(least.value, most.value),
        "most": max(least.value, most.value),
        "labels": judged.n,
        "yes": int(judged.so.sum()),
        "trust": ends[0].trust,
        "note": note,
    }


def why_unknown(judged: Judged, rule: Rule, unit: str) -> str:
    """Return why nothing can be said of how far off the estimate may be; empty where it can."""
    if not judged.n:
        return "no label: no estimate"
    if judged.unseen:
        return "a stratum without labels: no estimate"
    units = int((judged.sizes.sum(axis=0) > 0).sum())
    if rule.about == "films" and units < FEWEST_UNITS:
        return f"fewer than {FEWEST_UNITS} units ({unit}): no interval"
    return ""


def too_few(judged: Judged, found: Powered, rule: Rule) -> str:
    """Return why a bound is given and no interval; empty where there is an interval."""
    if rule.about == "corpus" and judged.n == judged.n_texts:
        return ""
    if judged.rarer >= judged.fewest:
        return ""
    if judged.fewest == MANY:
        expected = math.floor(10 * judged.expected) / 10  # 4.96 is not 5
        few = f"{judged.n:,} labels let expect {expected:.1f} of the rarer answer, "
        few += f"{EXPECTED} are needed, or {MANY} found"
    else:
        few = f"only {judged.rarer} of {judged.n:,} labels are of the rarer answer, "
        few += f"{FEWEST} are needed"
    enough = labels_to_show(judged, found)
    more = f", about {enough - judged.n:,} more labels" if enough else ""
    return f"{few}{more}: no interval"


def _labels_to_shorten(judged: Judged, found: Powered, within: float) -> int:
    """Return how many labels shorten an interval about the corpus that far; 0 if it is so short."""
    half = (found.share.high - found.share.low) / 2
    if half <= within:
        return 0
    worth = judged.n / (1 - judged.n / judged.n_texts) * (half / within) ** 2
    return math.ceil(worth / (1 + worth / judged.n_texts))


def labels_to_show(judged: Judged, found: Powered) -> int | None:
    """Return how many labels let expect enough for an interval; None if texts do not suffice.

    Expected are five, of which three are found but by bad luck; or ten, if the model lets expect
    too few. What is to be found is the share that labels show, or the corrected one if it is less.
    """
    share = min(judged.rarer / judged.n, found.share.value, 1 - found.share.value)
    if judged.fewest == MANY:
        share = max(judged.expected / judged.n, share * EXPECTED / MANY)
    needed = math.ceil(EXPECTED / share) if share else math.inf
    return int(needed) if needed <= judged.n_texts else None


def _warnings(joined: Joined) -> Iterator[str]:
    unsure = int(joined.labelled["so"].null_count())
    if unsure:
        n = joined.labelled.height
        yield f"{unsure:,} of {n:,} labels count as unsure; the interval spans both ends."
    if joined.passed_over:
        yield f"Of these {joined.passed_over:,} were passed over."
    if joined.strange:
        named = ", ".join(f"{label} ({n:,})" for label, n in joined.strange[:SHOWN])
        yield f"Labels that only readers give count as no: {named}. Who cannot tell says 'unsure'."
    abstained = int(joined.texts["abstained"].sum())
    if abstained:
        yield (
            f"The model abstained from {abstained:,} of {joined.texts.height:,} texts; "
            "they stay in the denominator."
        )
