"""The estimator against formulas of others, brute force, and archives whose truth is known."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import coverage
from benchmarks.archives import DRIFTS, UNEQUAL, archive, met
from kblib.evaluation.powered import Judged, labels_for, powered
from kblib.ngrams.stratified import Rule, wilson

CORPUS, FILMS = Rule("corpus"), Rule("films")
Z = 1.959963984540054


def one_stratum(so, said, everywhere):
    """Return labels of one stratum, where each text is a unit of its own."""
    n, total = len(so), len(everywhere)
    return Judged(
        np.ones((1, total), dtype=np.int64), np.asarray(everywhere, dtype=float)[None, :],
        np.zeros(n, dtype=np.int64), np.arange(n), np.asarray(said, float), np.asarray(so, float),
    )  # fmt: skip


def drawn(n, total, *, share=0.4, right=0.85, seed=1):
    draw = np.random.default_rng(seed)
    so = draw.random(total) < share
    said = np.where(draw.random(total) < right, so, ~so)
    return so[:n].astype(float), said[:n].astype(float), said.astype(float)


def test_labels_alone_are_wilsons_interval():
    """One stratum of a large corpus, no model: the textbook interval, with the corpus's size."""
    so, said, everywhere = drawn(100, 5000)
    found = powered(one_stratum(so, said, everywhere), CORPUS, alone=True).share
    low, high = wilson(so.mean(), 100 / (1 - 100 / 5000), CORPUS.critical(99))
    assert (found.value, found.high) == pytest.approx((so.mean(), high))
    assert found.low == pytest.approx(low, abs=0.003)  # mid-P, which is nearly Wilson's


def test_share_of_the_others_has_the_mirrored_interval():
    so, none = (np.arange(60) < 6).astype(float), np.zeros(60)
    here = powered(one_stratum(so, none, np.zeros(3000)), CORPUS).share
    there = powered(one_stratum(1 - so, none, np.zeros(3000)), CORPUS).share
    mirrored = [1 - end for end in (there.value, there.high, there.low)]
    assert (here.value, here.low, here.high) == pytest.approx(tuple(mirrored))


@pytest.mark.parametrize(("yes", "says"), [(0, 0.1), (1, 0.1), (3, 0.1), (9, 0.0), (10, 0.0)])
def test_what_is_just_enough_to_be_shown_refutes_nothing(yes, says):
    """A model that guesses, or is silent; the upper end is Wilson's, interval or none."""
    so = np.arange(80) < yes
    judged = one_stratum(so, np.zeros(80), np.arange(8000) < says * 8000)
    share = powered(judged, CORPUS).share
    assert judged.fewest == (3 if says else 10)
    assert share.low == yes / 8000
    assert share.high == pytest.approx(wilson(yes / 80, 80 / 0.99, CORPUS.critical(79))[1])


@pytest.mark.parametrize("yes", [0, 3, 10, 45, 80, 87, 90])
def test_nothing_reaches_below_what_was_read_about_a_corpus(yes):
    """90 of 100 texts are labelled: as many are so as were found, or up to ten more."""
    so = (np.arange(90) < yes).astype(float)
    for says in (0.0, 1.0):  # a model that is far off, and finds nothing or all
        everywhere = np.full(100, says)
        found = powered(one_stratum(so, everywhere[:90], everywhere), CORPUS).share
        slack = 1e-12
        assert yes / 100 - slack <= found.low <= found.value <= found.high
        assert found.high <= (yes + 10) / 100 + slack


def test_about_films_nothing_that_was_read_bounds_what_might_have_been():
    so = (np.arange(90) < 3).astype(float)
    found = powered(one_stratum(so, np.zeros(90), np.full(100, 0.1)), FILMS).share
    assert found.low == 0.0


def test_estimate_is_no_less_than_what_was_read():
    """The model scores what was read half too high, the rest 0; corrected, there would be less."""
    so = np.array([1.0] * 40 + [0.0] * 50)
    said = np.concatenate([0.5 + so / 2, np.zeros(10)])
    judged = one_stratum(so, said[:90], said)
    assert powered(judged, CORPUS).share.value >= 0.4
    assert powered(judged, FILMS).share.value < 0.4


def two_periods(sizes, labels, yes, says=(0, 0)):
    """Return labels of two periods, so many of which are so; the model says the same of all."""
    stratum = np.repeat(np.arange(2), labels)
    so = np.concatenate([np.arange(n) < found for n, found in zip(labels, yes, strict=True)])
    scores = np.array(says, dtype=float)[:, None] * np.array(sizes)[:, None]
    return Judged(
        np.array(sizes)[:, None], scores, stratum, np.zeros(len(so), dtype=np.int64),
        np.array(says, dtype=float)[stratum], so.astype(float),
    )  # fmt: skip


def test_what_lies_in_a_period_of_few_labels_has_the_standard_error_of_that_period():
    """Two periods of the same size; all that is so is in the one that has a tenth of the labels."""
    found = powered(two_periods([5000, 5000], [60, 540], [24, 0]), CORPUS).share
    error = 0.5 * math.sqrt(0.4 * 0.6 / 60 * (1 - 60 / 5000))
    assert found.value == pytest.approx(0.2)
    assert (found.high - found.low) / 2 == pytest.approx(Z * error, rel=0.05)


def test_just_enough_refutes_nothing_where_labels_stand_for_unequally_many():
    """Ten found is just enough, wherever; eleven is more, where a label stands for many texts."""
    seen = 11 / 100_000
    cases = (([10, 0], [11, 0], 50 * seen), ([5, 5], [6, 5], 5 * seen), ([0, 10], [0, 11], seen))
    for yes, more, least in cases:
        starts = [powered(two_periods([90_000, 10_000], [60, 60], one), CORPUS).share.low
                  for one in (yes, more)]  # fmt: skip
        assert starts[0] == 10 / 100_000  # what was found is there
        assert starts[1] >= least


def test_expected_are_the_labels_of_each_period_by_what_the_model_says_of_it():
    """A tenth of the small period is so, nothing of the large one: 10 of its 100 labels."""
    assert two_periods([9000, 1000], [100, 100], [0, 0], [0, 0.1]).expected == pytest.approx(10)
    assert two_periods([9000, 1000], [100, 100], [0, 0], [1, 0.9]).expected == pytest.approx(10)


@pytest.fixture(scope="module")
def ppi():
    """The package ppi-python, which lies apart (tools/set_up.py)."""
    peers = str(Path(sys.prefix) / "peers")
    sys.path.append(peers)
    try:
        return pytest.importorskip("ppi_py", reason="pip install --no-deps ppi-python")
    finally:
        sys.path.remove(peers)


@pytest.mark.parametrize("seed", range(4))
def test_agrees_with_ppi_python_where_its_assumptions_hold(ppi, seed):
    """One random sample, a process, many labels: the same estimate and nearly the same interval."""
    so, said, everywhere = drawn(1000, 40_000, seed=seed)
    ours = powered(one_stratum(so, said, everywhere), FILMS)
    theirs = ppi.ppi_mean_pointestimate(so, said, everywhere[1000:], lam=ours.trust)
    low, high = (float(end[0]) for end in ppi.ppi_mean_ci(so, said, everywhere[1000:], alpha=0.05))
    assert ours.share.value == pytest.approx(float(theirs[0]), abs=0.003)
    assert ours.share.low == pytest.approx(low, abs=0.1 * (high - low))
    assert ours.share.high == pytest.approx(high, abs=0.1 * (high - low))


def test_estimate_is_unbiased_where_the_models_own_count_is_far_off():
    """One archive, labelled anew 400 times: the mean of the estimates is within its error."""
    draw = np.random.default_rng(12)
    texts = archive(draw, "between", 0.4)
    found = [powered(texts.judged(texts.drawn(draw, 60)), CORPUS).share.value for _ in range(400)]
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found) - texts.truth) < 3 * error
    assert abs(texts.says.mean() - texts.truth) > 10 * error


def test_model_that_is_always_right_is_trusted_and_one_that_guesses_is_not():
    so, _, everywhere = drawn(200, 4000, right=1.0)
    right = powered(one_stratum(so, so, everywhere), CORPUS)
    guess = np.random.default_rng(3).permutation(everywhere)
    useless = powered(one_stratum(so, guess[:200], guess), CORPUS)
    assert right.trust == pytest.approx(1.0, abs=0.05)
    assert right.left < 0.1
    assert useless.trust < 0.2
    assert useless.left > 0.95


def test_nothing_is_uncertain_about_a_corpus_that_is_all_labelled():
    so, said, _ = drawn(50, 50)
    found = powered(one_stratum(so, said, said), CORPUS).share
    assert (found.low, found.value, found.high) == pytest.approx((so.mean(),) * 3)


def test_units_that_agree_within_themselves_widen_the_interval():
    """60 films, each wholly so or wholly not: as many independent texts as there are films."""
    draw = np.random.default_rng(4)
    by_film = draw.random(60) < 0.4
    unit = np.repeat(np.arange(60), 20)
    so = by_film[unit].astype(float)
    sizes, scores = np.full((1, 60), 20), np.zeros((1, 60))
    at = draw.choice(1200, 240, replace=False)
    judged = Judged(sizes, scores, np.zeros(240, dtype=np.int64), unit[at], np.zeros(240), so[at])
    films, texts = powered(judged, FILMS).share, powered(judged, CORPUS).share
    expected = 2.0 * math.sqrt(0.24 / 60)
    assert (films.high - films.low) / 2 == pytest.approx(expected, rel=0.15)
    assert films.high - films.low > 1.8 * (texts.high - texts.low)


def test_labels_for_a_length_give_that_length():
    so, said, everywhere = drawn(400, 100_000)
    found = powered(one_stratum(so, said, everywhere), CORPUS)
    n = labels_for(found, 0.02, 100_000, CORPUS)
    more = powered(one_stratum(*drawn(n, 100_000)), CORPUS).share
    assert (more.high - more.low) / 2 == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize("drift", DRIFTS)
def test_archives_have_the_truth_they_say(drift):
    """The mean over many archives is the share that is asked for, and the model errs."""
    draw = np.random.default_rng(2)
    made = [archive(draw, drift, 0.1) for _ in range(30)]
    shares = [one.so.mean() for one in made]
    assert np.mean(shares) == pytest.approx(np.mean([one.truth for one in made]), abs=0.006)
    assert all(0.01 < (one.so != one.says).mean() < 0.2 for one in made)


def test_labels_are_as_many_in_each_period_of_unequal_size():
    draw = np.random.default_rng(5)
    texts = archive(draw, "unequal", 0.1)
    sizes = np.bincount(texts.period) / len(texts.so)
    assert sizes == pytest.approx(UNEQUAL, abs=0.02)
    assert np.bincount(texts.period[texts.drawn(draw, 100)]).tolist() == [25] * 4
    assert texts.truth == pytest.approx(0.1, abs=0.015)
    found = [texts.so[texts.drawn(draw, 100)].mean() for _ in range(300)]
    assert np.mean(found) == pytest.approx(met("unequal") * texts.truth, abs=0.01)


@pytest.mark.parametrize(
    "case",
    [("between", 0.4, 30), ("inside", 0.1, 100), ("clusters", 0.1, 300), ("unequal", 0.1, 100)],
)
def test_intervals_hold_the_truth(case):
    """A hundred archives: 93 in 100 hold on the long run; below 87 of them would be 1 in 100."""
    found = coverage.tried(*case, runs=100)
    assert found.held >= 0.87
    assert found.length <= coverage.MOST_LENGTH


@pytest.mark.slow
@pytest.mark.parametrize("case", coverage.cases(), ids=str)
def test_intervals_hold_the_truth_two_thousand_times(case):
    found = coverage.tried(*case)
    assert found.true >= coverage.LEAST_HELD
    if found.expected >= coverage.EXPECTED:
        assert found.given > 0.9
        assert found.held >= coverage.LEAST_HELD
        assert found.length <= coverage.MOST_LENGTH
    else:
        assert found.given <= coverage.MOST_GIVEN or found.held >= coverage.LEAST_HELD
