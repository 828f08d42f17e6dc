"""How often intervals of corrected counts hold the truth, where it is known.

Each prevalence, number of labels and drift of the model's errors (`benchmarks.archives`), 2,000
archives each: the share of intervals that hold the truth, their length beside that of the labels
alone, and what happens to who counts naively. The seed of each case is its place in the list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.archives import DRIFTS, LABELS, PREVALENCES, Drift, archive
from benchmarks.outcome import Outcome, measured
from benchmarks.tables import Cell
from kblib.evaluation.counts import FEWEST_EXPECTED, why_none
from kblib.evaluation.powered import powered
from kblib.ngrams.stratified import Rule

RUNS = 2_000
LEAST_HELD, MOST_LENGTH = 0.93, 1.05


@dataclass(frozen=True)
class Case:
    """What came of one case.

    Attributes
    ----------
    drift, prevalence, labels, runs
        What was tried, and how often.
    given
        Share of runs in which an interval was given.
    held
        Share of these that hold the truth.
    all_held
        Share of all intervals that hold the truth, those not given included.
    length
        Of the intervals that were given, beside those of the labels alone; means.
    naive
        Share of runs in which the model's own count, taken for a random sample of the process,
        is within its 95 % interval of the truth.
    """

    drift: Drift
    prevalence: float
    labels: int
    runs: int
    given: float
    held: float
    all_held: float
    length: float
    naive: float

    @property
    def expected(self) -> float:
        """Labels of the rarer answer that the truth lets expect."""
        return self.labels * self.prevalence


def cases() -> list[tuple[Drift, float, int]]:
    """Return what is tried, in order: its place is its seed."""
    return [(drift, p, n) for drift in DRIFTS for p in PREVALENCES for n in LABELS]


def tried(drift: Drift, prevalence: float, labels: int, *, runs: int = RUNS) -> Case:
    """Try one case."""
    draw = np.random.default_rng(cases().index((drift, prevalence, labels)))
    rule = Rule("films" if drift == "clusters" else "corpus")
    rows = np.array([_once(draw, drift, prevalence, labels, rule) for _ in range(runs)])
    given = rows[:, 0] > 0
    kept = rows[given] if given.any() else np.full((1, rows.shape[1]), math.nan)
    return Case(
        drift, prevalence, labels, runs,
        given=float(given.mean()),
        held=float(kept[:, 1].mean()),
        all_held=float(rows[:, 1].mean()),
        length=float(kept[:, 2].mean() / kept[:, 3].mean()),
        naive=float(rows[:, 4].mean()),
    )  # fmt: skip


def _once(
    draw: np.random.Generator, drift: Drift, prevalence: float, labels: int, rule: Rule
) -> tuple[float, ...]:
    texts = archive(draw, drift, prevalence)
    judged = texts.judged(texts.drawn(draw, labels))
    ours = powered(judged, rule).share
    alone = powered(judged, rule, alone=True).share
    found = float(texts.says.mean())
    error = 1.96 * math.sqrt(found * (1 - found) / len(texts.so))
    return (
        float(not why_none(judged, rule, "film")),
        float(ours.low <= texts.truth <= ours.high),
        ours.high - ours.low,
        alone.high - alone.low,
        float(abs(found - texts.truth) <= error),
    )


def measure(*, quick: bool = False) -> Outcome:
    """Try every case; intervals hold the truth in 93 % wherever 5 positives are expected."""
    runs = 20 if quick else RUNS
    found = [tried(*one, runs=runs) for one in cases()]
    rows: list[list[Cell]] = [
        [
            one.drift, one.prevalence, one.labels, percent(one.given), percent(one.held),
            "" if math.isnan(one.length) else round(one.length, 2), percent(one.naive),
        ]
        for one in found
    ]  # fmt: skip
    note = (
        f"{runs:,} invented archives a case (`benchmarks/archives.py`; seeds are places in the "
        f"list). Given: an interval was given; it is refused where the labels let expect fewer "
        f"than {FEWEST_EXPECTED} of the rarer answer. Length: beside the labels alone. Naive: the "
        "model's own count with the interval of a random sample."
    )
    columns = [
        "errors drift", "prevalence", "labels", "given", "hold the truth", "length", "naive",
    ]  # fmt: skip
    result = measured("coverage", "Corrected counts", columns, rows, note, ["numpy"])
    return Outcome(result, missed(found))


def missed(found: list[Case]) -> tuple[str, ...]:
    """Return a sentence for each case whose intervals hold too little, or are too long."""
    said = []
    for one in found:
        name = f"{one.drift}, {one.prevalence:g}, {one.labels} labels"
        if one.expected >= FEWEST_EXPECTED and not one.held >= LEAST_HELD:
            said.append(f"Missed: {name}: {one.held:.1%} hold the truth, not {LEAST_HELD:.0%}.")
        if one.length > MOST_LENGTH:
            said.append(f"Missed: {name}: {one.length:.2f} times as long as labels alone.")
    return tuple(said)


def percent(share: float) -> str:
    """Return a share as a table shows it; nothing for none."""
    return "" if math.isnan(share) else f"{100 * share:.1f} %"
