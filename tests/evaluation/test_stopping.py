from __future__ import annotations

import math
import re

import pandas as pd
import polars as pl
import pytest

from kblib.errors import LabelError
from kblib.evaluation.counts import corrected_counts
from kblib.evaluation.stopping import when_to_stop
from kblib.evaluation.texts import sample_texts


@pytest.fixture(scope="module")
def counts(reports, predictions, truth):
    sample = sample_texts(reports, 200, seed=3)
    read = truth[truth["id"].isin(sample.rows["id"].to_list())]
    return corrected_counts(sample, predictions, read, label="rain", about="corpus")


def halves(counts):
    periods = counts.table.dropna(subset="period")
    return ((periods["high"] - periods["low"]) / 2).tolist()


def test_stops_where_every_interval_is_short_enough(counts):
    advice = when_to_stop(counts, within=max(halves(counts)) + 0.001)
    assert advice.stop
    assert advice.sentence.startswith("Stop: each of 2 intervals is within ±")


def test_goes_on_and_says_how_many_labels_the_widest_needs(counts):
    advice = when_to_stop(counts, within=0.01)
    widest = max(halves(counts))
    assert not advice.stop
    assert "Intervals that are not within ±1.0 points: 2 of 2." in advice.sentence
    assert f"±{100 * widest:.1f} points from 100 labels" in advice.sentence
    needed = counts.labels_needed(0.01).dropna(subset="period").set_index("period")["needed"]
    more = int(re.search(r"About ([\d,]+) more", advice.sentence)[1].replace(",", ""))
    assert more in (needed - 100).tolist()


@pytest.mark.parametrize("part", [0.9, 0.97, 0.999])
def test_interval_about_the_corpus_that_is_too_long_needs_more_labels(counts, part):
    """As many as its length says: of 300 texts 100 labels are worth 150, which grow by squares."""
    widest = max(halves(counts))
    worth = 150 / part**2
    expected = math.ceil(worth / (1 + worth / 300)) - 100
    more = re.search(r"About ([\d,]+) more", when_to_stop(counts, within=part * widest).sentence)
    assert int(more[1]) == expected > 0


def test_what_is_unsure_is_said_not_to_be_shortened_by_labels(reports, predictions, truth):
    everything = sample_texts(reports, 600)
    some = truth.assign(label=["unsure" if n % 3 else one for n, one in enumerate(truth["label"])])
    known = corrected_counts(everything, predictions, some, label="rain", about="corpus")
    assert "it: what readers were unsure of stays so." in when_to_stop(known, within=0.01).sentence


def test_interval_that_labels_do_not_shorten_is_told(reports, predictions, truth):
    everything = sample_texts(reports, 600)
    about_films = corrected_counts(everything, predictions, truth, label="rain")
    sentence = when_to_stop(about_films, within=0.01).sentence
    assert "More labels hardly shorten it: the units differ" in sentence


def test_period_without_interval_says_why(reports, predictions, truth):
    sample = sample_texts(reports, 20, seed=3)
    read = truth[truth["id"].isin(sample.rows["id"].to_list())]
    few = corrected_counts(sample, predictions, read, label="rain", about="corpus")
    assert "Periods without an interval: 2 (10 labels let expect" in when_to_stop(few).sentence


def test_curve_that_still_rises_goes_on():
    curve = pd.DataFrame({"labels": [8, 16, 32, 32], "score": [0.5, 0.6, 0.68, 0.72]})
    advice = when_to_stop(curve)
    assert not advice.stop
    assert advice.sentence == (
        "Go on: from 16 to 32 labels the score rose by 10.0 points a doubling. "
        "If it goes on so, 64 labels bring as much again."
    )


def test_flat_curve_stops_and_sizes_need_not_be_doublings():
    advice = when_to_stop(pl.DataFrame({"labels": [100, 400], "score": [0.80, 0.81]}))
    assert advice.stop
    assert "0.5 points a doubling, less than the 1.0 asked for" in str(advice)


def test_of_several_methods_the_one_that_ends_best_is_told_or_the_one_asked_for():
    rows = [
        {"method": name, "labels": size, "measure": measure, "score": score}
        for name, size, score in [
            ("tf-idf", 8, 0.4), ("tf-idf", 16, 0.401), ("head", 8, 0.5), ("head", 16, 0.6),
            ("majority", None, 0.9),
        ]
        for measure in ("macro F1", "accuracy")
    ]  # fmt: skip
    curve = pl.DataFrame(rows)
    assert when_to_stop(curve).sentence.startswith("Go on: head, from 8 to 16 labels")
    assert when_to_stop(curve, method="tf-idf").sentence.startswith("Stop: tf-idf, from 8 to 16")
    with pytest.raises(LabelError, match="no method 'majority' that learns"):
        when_to_stop(curve, method="majority")


def test_method_that_ends_best_is_so_on_average_and_not_by_its_luckiest_seed():
    rows = [
        {"method": name, "labels": size, "seed": seed, "score": score}
        for name, size, seed, score in [
            ("steady", 8, 1, 0.7), ("steady", 16, 1, 0.8), ("steady", 16, 2, 0.8),
            ("lucky", 8, 1, 0.7), ("lucky", 16, 1, 0.9), ("lucky", 16, 2, 0.5),
        ]
    ]  # fmt: skip
    assert "steady" in str(when_to_stop(pl.DataFrame(rows)))


@pytest.mark.parametrize(
    ("curve", "said"),
    [
        (pl.DataFrame({"n": [1], "score": [0.5]}), "The curve has no column 'labels'"),
        (pl.DataFrame({"labels": [10, 15], "score": [0.5, 0.6]}), "The curve has the sizes 10, 15"),
        (pl.DataFrame({"labels": [], "score": []}), "The curve has the sizes none"),
    ],
)
def test_what_is_no_curve_is_told(curve, said):
    with pytest.raises(LabelError, match=said):
        when_to_stop(curve)


def test_curve_may_be_two_lists_and_a_gain_is_a_share():
    curve = {"labels": [20, 100], "score": [0.55, 0.71]}
    assert str(when_to_stop(curve, gain=0.02)).startswith("Go on: from 20 to 100 labels")
    for gain in (2, "2", None):
        with pytest.raises(LabelError, match="A share was expected"):
            when_to_stop(curve, gain=gain)
