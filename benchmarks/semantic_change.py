"""Planted changes of meaning: how many are found, when, and how often nothing is found as a change.

What could be chosen (window, weights, how a film counts) was chosen on words of even number in the
dictionary of the corpus; the table is of words of odd number.

Each part is kept when it is done (`benchmarks.kept_parts`), so a run that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from math import comb
from typing import Any

import numpy as np

from benchmarks.kept_parts import kept
from benchmarks.outcome import BenchmarkError, Outcome, measured
from benchmarks.planted import (
    UNIT,
    WINDOW,
    YEARS,
    Plant,
    dates_exchanged,
    donors,
    five_years,
    grown,
    positions_of,
)
from benchmarks.tables import Cell
from kblib.corpora import load_sample
from kblib.ngrams.change_points import change_points, scores_of
from kblib.ngrams.contexts import Uses, uses_at
from kblib.ngrams.drift import drift
from kblib.ngrams.exchanged_dates import family_wise, films_of, p_value
from kblib.ngrams.index import Index, Ints, index_corpus
from kblib.ngrams.resampling import Floats
from kblib.ngrams.units import unit_codes
from kblib.ngrams.word_vectors import word_vectors

USES = (30, 100, 300)
SHARES = (0.0, 0.25, 0.5, 1.0)
PAIRS, QUICK_PAIRS = 100, 10
AT_ONCE = 10
"""Pairs whose words are left out of the vectors together, which are counted again for each lot."""
EXCHANGES = 199
NULLS, QUICK_NULLS = 200, 10
FAMILY = 20
MOST_PEERS = 100
LEVEL = 0.05
CONFIDENCE = 0.95
SEED = 1
BAR_USES, BAR_FOUND, BAR_DATED = 100, 0.9, 0.8


@dataclass(frozen=True)
class Found:
    """How one planted word was answered.

    Attributes
    ----------
    p, largest
        The p-value and the largest statistic.
    off
        By how many periods its date is off.
    """

    p: float
    largest: float
    off: int

    @property
    def found(self) -> bool:
        """Whether it was called a change."""
        return self.p <= LEVEL

    @property
    def dated(self) -> bool:
        """Whether the date is right within one period."""
        return self.off <= 1


def measure(*, quick: bool = False) -> Outcome:
    """Plant changes into the newsreels' speech, and exchange dates to see what chance finds."""
    corpus = load_sample("newsreels").filter(years=(1930, 1959), medium="speech")
    index = index_corpus(corpus)
    periods = five_years(index)
    n_pairs, n_nulls = (QUICK_PAIRS, QUICK_NULLS) if quick else (PAIRS, NULLS)
    answers: dict[tuple[int, float], list[tuple[Found, Found]]] = {}
    like: dict[int, Floats] = {}
    for n in USES:
        answers |= detection_kept(index, periods, n, n_pairs)
        like[n] = peers(index, periods, n)
    rate, each = kept(
        f"family-{n_nulls}", _about(index), lambda: family_error(index, periods, n_nulls)
    )
    rows = [row(n, share, answers[n, share], like[n]) for n in USES for share in SHARES]
    columns = [
        "uses a period",
        "shifted, %",
        "p at most 0.05, %",
        "beyond drift, %",
        "date within one period, %",
        "no drift: p at most 0.05, %",
        "no drift: date within one period, %",
    ]
    note = _note(index, periods, n_pairs, n_nulls, rate, each)
    result = measured(
        "semantic_change", "Planted changes of meaning", columns, rows, note, ["numpy", "polars"]
    )
    return Outcome(result, missed(answers, rate, n_nulls))


def detection_kept(
    index: Index, periods: Ints, n: int, n_pairs: int
) -> dict[tuple[int, float], list[tuple[Found, Found]]]:
    """Return what `detection` does, worked out once."""

    def work() -> list[Any]:
        found = detection(index, periods, n, n_pairs)
        return [[share, [list(map(astuple, pair)) for pair in found[n, share]]] for share in SHARES]

    told = kept(f"planted-{n}-{n_pairs}", _about(index), work)
    return {
        (n, share): [(Found(*true), Found(*other)) for true, other in pairs]
        for share, pairs in told
    }


def _about(index: Index) -> dict[str, Any]:
    """Return what the parts depend on."""
    return {
        "fingerprint": index.corpus.fingerprint,
        "exchanges": EXCHANGES,
        "shares": SHARES,
        "family": FAMILY,
        "seed": SEED,
    }


def detection(
    index: Index, periods: Ints, n: int, n_pairs: int
) -> dict[tuple[int, float], list[tuple[Found, Found]]]:
    """Return for each share how planted words were answered: true dates, exchanged dates."""
    words = [word for word in donors(index, periods, n) if word % 2]
    plants = drawn_plants(words, n_pairs, int(periods.max()) + 1, n)
    found: dict[tuple[int, float], list[tuple[Found, Found]]] = {(n, one): [] for one in SHARES}
    for at in range(0, len(plants), AT_ONCE):
        lot = plants[at : at + AT_ONCE]
        left_out = {word for plant in lot for word in (plant.first, plant.second)}
        vectors = word_vectors(index, UNIT, leave_out=left_out, seed=SEED)
        for place, plant in enumerate(lot, start=at):
            mixed = dates_exchanged(index, periods, place)
            for share in SHARES:
                true, exchanged = (
                    answer(index, plant, grown(index, plant, dates, n, share, vectors, place))
                    for dates in (periods, mixed)
                )
                found[n, share].append((true, exchanged))
    return found


def drawn_plants(words: list[int], n_pairs: int, n_periods: int, seed: int) -> list[Plant]:
    """Draw pairs of different words, each with a date between two periods.

    Raises
    ------
    BenchmarkError
        If there are fewer than two words.
    """
    if len(words) < 2:
        raise BenchmarkError(f"{len(words)} words come {seed} times in each period.")
    draw = np.random.default_rng([SEED, seed])
    pairs = (draw.choice(words, 2, replace=False) for _ in range(n_pairs))
    return [Plant(int(a), int(b), int(draw.integers(n_periods - 1))) for a, b in pairs]


def answer(index: Index, plant: Plant, uses: Uses) -> Found:
    """Ask when a planted word changed."""
    films = films_of(uses)
    points = change_points(films, 0, YEARS)
    scores = scores_of(films, points, unit_codes(index, UNIT)[1], EXCHANGES, plant.first)
    best = points[int(scores[0].argmax())]
    largest = scores.max(axis=1)
    return Found(p_value(largest), float(largest[0]), abs(best.code - plant.last_before))


def peers(index: Index, periods: Ints, n: int) -> Floats:
    """Return the largest statistics of real words with so many uses drawn in each period."""
    words = [word for word in donors(index, periods, n) if not word % 2]
    vectors = word_vectors(index, UNIT, seed=SEED)
    last = int(periods.max())
    told = []
    for word in words[:MOST_PEERS]:
        plant = Plant(word, word, last)
        told.append(answer(index, plant, grown(index, plant, periods, n, 0.0, vectors, n)).largest)
    return np.array(told)


def family_error(index: Index, periods: Ints, n_nulls: int) -> tuple[int, float]:
    """Count how often any of twenty words is called a change where dates are exchanged.

    Returns
    -------
    tuple
        How many of the corpora, and the share of single words.
    """
    words = [word for word in donors(index, periods, USES[0]) if word % 2]
    family = np.random.default_rng(SEED).choice(words, FAMILY, replace=False)
    vectors = word_vectors(index, UNIT, seed=SEED)
    films = [
        films_of(uses_at(index, positions_of(index, int(word)), 1, periods, UNIT, vectors, WINDOW))
        for word in family
    ]
    units, n_units = unit_codes(index, UNIT)
    alarms, single = 0, []
    for seed in range(1, n_nulls + 1):
        mixed = dates_exchanged(index, periods, 1_000 + seed)
        date_of = np.zeros(n_units, dtype=np.int64)
        date_of[units[mixed >= 0]] = mixed[mixed >= 0]
        largest = []
        for one in films:
            moved = replace(one, period=date_of[one.unit])
            points = change_points(moved, 0, YEARS)
            largest.append(scores_of(moved, points, n_units, EXCHANGES, seed).max(axis=1))
        alarms += min(family_wise(largest)) <= LEVEL
        single += [p_value(one) <= LEVEL for one in largest]
    return alarms, float(np.mean(single))


def row(n: int, share: float, answers: list[tuple[Found, Found]], like: Floats) -> list[Cell]:
    """Return the cells of one kind of plant: found and dated, each way, with intervals."""
    true, exchanged = zip(*answers, strict=True)
    beyond = [one.found and (drift(one.largest, like) or 1.0) <= LEVEL for one in true]
    return [
        n,
        round(100 * share),
        shown([one.found for one in true]),
        shown(beyond),
        shown([one.dated for one in true]) if share else "",
        shown([one.found for one in exchanged]),
        shown([one.dated for one in exchanged]) if share else "",
    ]


def shown(right: list[bool]) -> str:
    """Return a share in per cent with its interval."""
    k, n = sum(right), len(right)
    low, high = exact_interval(k, n)
    return f"{100 * k / n:.0f} ({100 * low:.0f} to {100 * high:.0f})"


def exact_interval(k: int, n: int) -> tuple[float, float]:
    """Return the interval of Clopper and Pearson (1934) for `k` of `n`."""
    tail = (1 - CONFIDENCE) / 2
    low = 0.0 if k == 0 else _where(lambda p: 1 - _up_to(k - 1, n, p), tail)
    high = 1.0 if k == n else _where(lambda p: -_up_to(k, n, p), -tail)
    return low, high


def missed(
    answers: dict[tuple[int, float], list[tuple[Found, Found]]], alarms: int, n_nulls: int
) -> tuple[str, ...]:
    """Return a sentence for each bar that was not reached."""
    said = []
    for told, where in zip(
        zip(*answers[BAR_USES, 1.0], strict=True), ("true", "exchanged"), strict=True
    ):
        found = sum(one.found for one in told) / len(told)
        dated = sum(one.dated for one in told) / len(told)
        if found < BAR_FOUND or dated < BAR_DATED:
            said.append(
                f"Of full changes at {BAR_USES} uses a period, {where} dates, {found:.0%} were "
                f"found and {dated:.0%} dated within one period; wanted are {BAR_FOUND:.0%} and "
                f"{BAR_DATED:.0%}."
            )
    low, high = exact_interval(alarms, n_nulls)
    if not low <= LEVEL <= high:
        said.append(
            f"The interval of the family-wise error, {low:.1%} to {high:.1%}, does not hold "
            f"{LEVEL:.0%}."
        )
    return tuple(said)


def _up_to(k: int, n: int, p: float) -> float:
    """Return the binomial chance of at most `k` of `n`."""
    return sum(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(k + 1))


def _where(rising: Callable[[float], float], wanted: float) -> float:
    """Return where a function that rises from 0 to 1 reaches a value, by halving."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def _note(
    index: Index, periods: Ints, n_pairs: int, n_nulls: int, alarms: int, single: float
) -> str:
    pools = [sum(word % 2 for word in donors(index, periods, n)) for n in USES]
    low, high = exact_interval(alarms, n_nulls)
    return (
        f"{n_pairs} planted words for each number of uses: two real words of the newsreels' speech "
        f"({index.n_words:,} words, {int(periods.max()) + 1} periods of {YEARS} years) are read as "
        f"one; after a random date the second has the given share of the uses. Pairs are drawn "
        f"from the {pools[0]}, {pools[1]} and {pools[2]} words that come often enough in each "
        f"period and have an odd number in the dictionary (with {USES[1]} uses most are function "
        "words); window, weights and sides were chosen on those of even number. "
        f"P is at most {LEVEL:g} for the largest "
        f"statistic of all dates, {EXCHANGES} exchanges of whole films' dates within collection; "
        f"95 % intervals of Clopper and Pearson. The rows of 0 % are words nothing was planted "
        "into: on true dates their company really drifts with the subjects of the films, and the "
        "more uses, the more often that is found; so a small p-value alone is no change of "
        "meaning. Beyond drift: also larger than all but 5 % of real words with as many uses, "
        "those of even number. The columns without drift plant into a corpus where the dates of "
        "whole films were exchanged before (some words then have fewer uses in some periods). "
        "Family-wise error: "
        f"in {n_nulls} such corpora any of {FAMILY} words was called a change at the level "
        f"{LEVEL:.0%} in {alarms}, {alarms / n_nulls:.1%} (95 % interval {low:.1%} to {high:.1%}); "
        f"single words in {single:.1%}. Fingerprint {index.corpus.fingerprint[:12]}, seed {SEED}."
    )
