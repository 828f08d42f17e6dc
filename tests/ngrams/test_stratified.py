"""Totals, shares and parts from marked strata: by hand, by brute force, and by simulation."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from kblib.ngrams.stratified import Rule, Stratum, part, rate, share, student, wilson

CORPUS, FILMS = Rule("corpus"), Rule("films")
Z = 1.959963984540054


def stratum(size, marked, yes):
    return Stratum(*(np.array(one, dtype=np.int64) for one in (size, marked, yes)))


@pytest.mark.parametrize(("yes", "n"), [(0, 10), (3, 10), (10, 10), (41, 50)])
def test_wilson_ends_where_the_score_test_refutes(yes, n):
    """|share - p| = z sqrt(p (1 - p) / n) at both ends, or the end of the scale."""
    for end in wilson(yes / n, n, Z):
        on_the_edge = abs(yes / n - end) == pytest.approx(Z * math.sqrt(end * (1 - end) / n))
        assert on_the_edge or end in (0.0, 1.0)


@pytest.mark.parametrize(
    ("freedom", "table"), [(2, 4.303), (5, 2.571), (9, 2.262), (20, 2.086), (60, 2.000)]
)
def test_student_agrees_with_the_printed_table(freedom, table):
    assert student(Z, freedom) == pytest.approx(table, rel=0.04 if freedom < 5 else 0.002)


def test_rate_is_the_size_of_each_stratum_times_its_share():
    hits, misses = stratum([6, 4], [3, 2], [3, 1]), stratum([10, 30], [5, 5], [1, 0])
    found = rate([hits, misses], np.array([1000.0, 3000.0]), CORPUS)
    assert found.value == pytest.approx((10 * 4 / 5 + 40 * 1 / 10) / 4000)


def test_nothing_is_uncertain_about_a_corpus_that_is_all_marked():
    hits, misses = stratum([6, 4], [6, 4], [5, 1]), stratum([10, 30], [10, 30], [1, 2])
    found = rate([hits, misses], np.array([100.0, 200.0]), CORPUS)
    assert (found.low, found.value, found.high) == pytest.approx((9 / 300,) * 3)
    recall = part([hits], [misses], CORPUS)
    assert (recall.low, recall.value, recall.high) == pytest.approx((6 / 9,) * 3)


def test_films_differ_even_when_all_is_marked():
    """All marked: the variance is that of whole films, by the textbook formula of a ratio."""
    draw = np.random.default_rng(3)
    size, words = draw.poisson(5, 40), draw.integers(100, 900, 40).astype(float)
    yes = draw.binomial(size, 0.5)
    found = rate([stratum(size, size, yes)], words, FILMS)
    terms = (yes - found.value * words) / words.sum()
    error = math.sqrt(40 / 39 * (terms**2).sum())
    assert (found.high - found.low) / 2 == pytest.approx(2.0227 * error, rel=0.05)


def test_interval_reaches_no_further_than_what_is_left_unmarked():
    found = rate([stratum([12], [10], [10])], np.array([1.0]), CORPUS)
    assert found.low >= 10
    found = rate([stratum([12], [10], [0])], np.array([1.0]), CORPUS)
    assert found.high <= 2


def test_part_is_what_a_grid_of_all_parts_leaves_unrefuted():
    """MOVER by hand for each r of a grid: is 0 between the ends of (1 - r) found - r missed?"""
    hits, misses = stratum([80], [20], [18]), stratum([200], [25], [3])
    found = part([hits], [misses], CORPUS)
    totals = [80 * 18 / 20, 200 * 3 / 25]
    ends = [
        [80 * end for end in wilson(18 / 20, 20 * 79 / 60, Z)],
        [200 * end for end in wilson(3 / 25, 25 * 199 / 175, Z)],
    ]
    kept = []
    for r in np.linspace(0, 1, 20001):
        middle = (1 - r) * totals[0] - r * totals[1]
        low = middle - math.hypot((1 - r) * (totals[0] - ends[0][0]), r * (ends[1][1] - totals[1]))
        high = middle + math.hypot((1 - r) * (ends[0][1] - totals[0]), r * (totals[1] - ends[1][0]))
        if low <= 0 <= high:
            kept.append(r)
    assert found.value == pytest.approx(totals[0] / sum(totals))
    assert (found.low, found.high) == pytest.approx((min(kept), max(kept)), abs=1e-4)


def test_marks_of_one_film_count_as_fewer():
    """The same shares: thirty films that differ within, or thirty of which each is of one kind."""
    mixed = stratum([20] * 30, [2] * 30, [1] * 30)
    alike = stratum([20] * 30, [2] * 30, [2, 0] * 15)
    widths = [one.high - one.low for one in (share([mixed], FILMS), share([alike], FILMS))]
    assert widths[1] > 1.3 * widths[0]
    same = [share([one], CORPUS) for one in (mixed, alike)]
    assert same[0] == same[1]


def test_stratum_without_marks_is_unknown_and_one_without_items_is_nothing():
    unseen, empty = stratum([5], [0], [0]), stratum([0], [0], [0])
    hits = stratum([10], [10], [7])
    assert math.isnan(rate([hits, unseen], np.ones(1), CORPUS).value)
    assert math.isnan(part([hits], [unseen], FILMS).low)
    assert rate([hits, empty], np.ones(1), CORPUS).value == 7
    assert math.isnan(share([empty], CORPUS).value)


def film_world(draw, precision, recall, films):
    """Hits that are so and not, and misses, of films that differ in size and in what they mean."""
    hits = draw.negative_binomial(1.2, 1.2 / 9.2, films)
    own = draw.beta(precision * 6, (1 - precision) * 6, films)
    missed = draw.poisson(8 * precision * (1 / recall - 1) * np.where(hits > 0, hits / 8, 0.2))
    beside = draw.negative_binomial(1.2, 1.2 / 9.2, films)
    return hits, draw.binomial(hits, own), missed + beside, missed, draw.integers(500, 3000, films)


def marked(draw, size, yes, n):
    film = np.repeat(np.arange(len(size)), size)
    so = np.arange(len(film)) - np.repeat(np.cumsum(size) - size, size) < np.repeat(yes, size)
    at = draw.choice(len(film), min(n, len(film)), replace=False)
    counts = [np.bincount(film[one], minlength=len(size)) for one in (at, at[so[at]])]
    return Stratum(size, *counts)


def worlds(precision, recall, n, times):
    """Yield true numbers of a corpus and of all films there might be, marked strata, words."""
    draw = np.random.default_rng([int(10 * precision), int(10 * recall), n])
    hits, so, _, missed, words = film_world(draw, precision, recall, 100_000)
    truth = (so.sum() + missed.sum()) / words.sum(), so.sum() / hits.sum()
    truth = (*truth, so.sum() / (so.sum() + missed.sum()))
    for _ in range(times):
        hits, so, misses, missed, words = film_world(draw, precision, recall, 60)
        here = (so.sum() + missed.sum()) / words.sum(), so.sum() / hits.sum()
        here = (*here, so.sum() / (so.sum() + missed.sum()))
        strata = marked(draw, hits, so, n), marked(draw, misses, missed, n)
        yield {"corpus": here, "films": truth}, strata, words.astype(float)


def coverage(times, n):
    """Return the share of intervals that hold the truth, by scenario and measure."""
    held = {}
    for precision, recall in itertools.product((0.5, 0.9), (0.5, 0.9)):
        for truths, (hits, misses), words in worlds(precision, recall, n, times):
            for about, truth in truths.items():
                rule = Rule(about)
                found = (
                    rate([hits, misses], words, rule),
                    share([hits], rule),
                    part([hits], [misses], rule),
                )
                for measure, one, value in zip(("rate", "P", "R"), found, truth, strict=True):
                    key = about, measure, precision, recall
                    held.setdefault(key, []).append(one.low - 1e-9 <= value <= one.high + 1e-9)
    return {key: float(np.mean(values)) for key, values in held.items()}


def test_intervals_cover_the_truth():
    """30 samples for each of four searches: fewer than 24 held would be 1 in 500 at 95 %."""
    found = coverage(30, 25)
    assert len(found) == 24
    assert min(found.values()) >= 0.8
    assert np.mean(list(found.values())) >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize("n", [15, 25, 40, 100])
def test_intervals_cover_the_truth_in_each_of_many_samples(n):
    assert min(coverage(2000, n).values()) >= 0.93


DRIFT = ((0.5, 0.9), (0.7, 0.7), (0.9, 0.5))
"""Precision and recall of a query in three decades."""


def drift_coverage(times, n):
    """Return the share of intervals over three decades together that hold the truth."""
    decades = [list(worlds(precision, recall, n, times)) for precision, recall in DRIFT]
    held = {"corpus": [], "films": []}
    for three in zip(*decades, strict=True):
        strata = [widened(one, at) for at, (_, pair, _) in enumerate(three) for one in pair]
        words = np.concatenate([one for *_, one in three])
        for about, values in held.items():
            # Rates of all films there might be: their decades have equal words on average.
            weights = [one.sum() for *_, one in three] if about == "corpus" else [1, 1, 1]
            true = np.average([truths[about][0] for truths, *_ in three], weights=weights)
            one = rate(strata, words, Rule(about))
            values.append(one.low <= true <= one.high)
    return {about: float(np.mean(values)) for about, values in held.items()}


def widened(stratum_of_decade, at):
    """Put the films of one decade among those of all three."""
    parts = [stratum_of_decade.size, stratum_of_decade.marked, stratum_of_decade.yes]
    none = np.zeros((3, len(parts[0])), dtype=np.int64)
    wide = [none.copy() for _ in parts]
    for counts, part_of_decade in zip(wide, parts, strict=True):
        counts[at] = part_of_decade
    return Stratum(*(counts.ravel() for counts in wide))


def test_precision_and_recall_may_drift_between_decades():
    found = drift_coverage(60, 25)
    assert min(found.values()) >= 0.85


@pytest.mark.slow
def test_drift_is_covered_in_many_samples():
    assert min(drift_coverage(3000, 25).values()) >= 0.93


@pytest.mark.parametrize("about", ["corpus", "films"])
def test_intervals_are_not_wider_than_the_marks_alone_give(about):
    """Without knowing which marks are of hits: weights times marks, variance as drawn as one."""
    ratios = []
    for precision, recall in itertools.product((0.5, 0.9), (0.5, 0.9)):
        ours, alone = [], []
        for _, strata, words in worlds(precision, recall, 40, 20):
            found = rate(strata, words, Rule(about))
            ours.append((found.high - found.low) * words.sum())
            alone.append(2 * Z * math.sqrt(labels_alone(strata, words, found.value, about)))
        ratios.append(np.mean(ours) / np.mean(alone))
    assert max(ratios) <= 1.05


def labels_alone(strata, words, value, about):
    """Return the variance of the weighted sum of marks that knows nothing of hits and misses."""
    if about == "films":
        weighted = sum(one.n_items / one.n_marked * one.yes for one in strata)
        terms = weighted - value * words
        return len(terms) / (len(terms) - 1) * (terms**2).sum()
    items, marks = (sum(getattr(one, name) for one in strata) for name in ("n_items", "n_marked"))
    terms = np.concatenate(
        [
            np.repeat([one.n_items / one.n_marked, 0], [one.n_yes, one.n_marked - one.n_yes])
            for one in strata
        ]
    )
    left = 1 - marks / items
    return marks / (marks - 1) * left * ((terms - terms.mean()) ** 2).sum()
