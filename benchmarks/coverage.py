"""How often intervals of corrected counts hold the truth, where it is known.

Each prevalence, number of labels and drift of the model's errors (`benchmarks.archives`), 2,000
archives each: how often an interval is given, and how many of these hold the truth; how often one
is given that does not, which is what a publisher of numbers must know; how often what is said is
true, interval or bound; the length beside that of the labels alone; and what happens to who counts
naively. The seed of each case is its place in the list.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from benchmarks.archives import DRIFTS, LABELS, PREVALENCES, Drift, archive, met
from benchmarks.outcome import Outcome, measured
from benchmarks.tables import Cell
from kblib.evaluation.counts import too_few
from kblib.evaluation.powered import EXPECTED, FEWEST, HALF, MANY, powered
from kblib.ngrams.stratified import Rule

RUNS = 2_000
LEAST_HELD, MOST_LENGTH = 0.93, 1.05
MOST_GIVEN = 0.02
"""Of archives that let expect fewer positives than are needed, unless these intervals hold."""


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
    wrong
        Share of runs in which an interval was given that does not hold the truth.
    true
        Share of runs in which the interval, or the bound where none was given, holds the truth.
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
    wrong: float
    true: float
    length: float
    naive: float

    @property
    def expected(self) -> float:
        """Labels of the rarer answer that the truth lets expect."""
        return self.labels * self.prevalence * met(self.drift)


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
        wrong=float((given & (rows[:, 1] == 0)).mean()),
        true=float(rows[:, 1].mean()),
        length=float(kept[:, 2].mean() / kept[:, 3].mean()),
        naive=float(rows[:, 4].mean()),
    )  # fmt: skip


def _once(
    draw: np.random.Generator, drift: Drift, prevalence: float, labels: int, rule: Rule
) -> tuple[float, ...]:
    texts = archive(draw, drift, prevalence)
    judged = texts.judged(texts.drawn(draw, labels))
    found = powered(judged, rule)
    ours, truth = found.share, texts.truth
    given = not too_few(judged, found, rule)
    below = ours.low <= truth or (not given and ours.value <= HALF)
    above = truth <= ours.high or (not given and ours.value > HALF)
    alone = powered(judged, rule, alone=True).share
    says = float(texts.says.mean())
    error = 1.96 * math.sqrt(says * (1 - says) / len(texts.so))
    return (
        float(given),
        float(below and above),
        ours.high - ours.low,
        alone.high - alone.low,
        float(abs(says - truth) <= error),
    )


def measure(*, quick: bool = False) -> Outcome:
    """Try every case; 93 % of intervals hold, wherever more than next to none are given."""
    runs = 20 if quick else RUNS
    found = [tried(*one, runs=runs) for one in cases()]
    rows: list[list[Cell]] = [
        [
            one.drift, one.prevalence, one.labels, percent(one.given), percent(one.held),
            percent(one.wrong), percent(one.true),
            "" if math.isnan(one.length) else round(one.length, 2), percent(one.naive),
        ]
        for one in found
    ]  # fmt: skip
    note = (
        f"{runs:,} invented archives a case (`benchmarks/archives.py`; seeds are places in the "
        f"list). Unequal: errors drift between periods of very unequal size, of which each gets as "
        f"many labels. Given: an interval was given; it is refused where the model lets expect "
        f"fewer than {EXPECTED} labels of the rarer answer, unless {MANY} were found, and where "
        f"fewer than {FEWEST} were found; then a bound is given. Hold the truth: of the intervals "
        "given. Given and wrong, true: of all archives; true is what is said, interval or bound. "
        "Length: beside the labels alone. Naive: the model's own count with the interval of a "
        "random sample."
    )
    columns = [
        "errors drift", "prevalence", "labels", "given", "hold the truth", "given and wrong",
        "true", "length", "naive",
    ]  # fmt: skip
    result = measured("coverage", "Corrected counts", columns, rows, note, ["numpy"])
    return Outcome(result, missed(found))


def missed(found: list[Case]) -> tuple[str, ...]:
    """Return a sentence for each case whose intervals hold too little, or are too long."""
    said = []
    for one in found:
        name = f"{one.drift}, {one.prevalence:g}, {one.labels} labels"
        refused = one.expected < EXPECTED and one.given <= MOST_GIVEN
        if not refused and not one.held >= LEAST_HELD:
            said.append(f"Missed: {name}: {one.held:.1%} hold the truth, not {LEAST_HELD:.0%}.")
        if one.true < LEAST_HELD:
            said.append(f"Missed: {name}: in {one.true:.1%} it is true what is said.")
        if one.length > MOST_LENGTH:
            said.append(f"Missed: {name}: {one.length:.2f} times as long as labels alone.")
    return tuple(said)


def percent(share: float) -> str:
    """Return a share as a table shows it; nothing for none."""
    return "" if math.isnan(share) else f"{100 * share:.1f} %"
