from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from benchmarks.archives import archive
from kblib.corpora import Corpus
from kblib.errors import LabelError
from kblib.evaluation.confusion import Rates, adjusted, adjusted_counts, rates_of
from kblib.evaluation.counts import corrected_counts, too_few
from kblib.evaluation.powered import Judged, powered
from kblib.evaluation.texts import sample_texts
from kblib.labels import read_labels
from kblib.methods import methods
from kblib.ngrams.stratified import Rule, wilson


@pytest.fixture(scope="module")
def sample(reports):
    return sample_texts(reports, 200, seed=3)


@pytest.fixture(scope="module")
def read(sample, truth):
    return truth[truth["id"].isin(sample.rows["id"].to_list())]


def test_sample_is_spread_evenly_over_periods_and_keeps_its_chances(sample):
    rows = sample.table
    assert rows.groupby("period").size().to_dict() == {1930: 100, 1940: 100}
    assert rows["chance"].unique().tolist() == [100 / 300]
    assert "label" not in rows
    assert rows["id"].is_unique


def test_larger_sample_begins_with_the_smaller_one(reports, sample):
    smaller = sample_texts(reports, 50, seed=3)
    assert set(smaller.rows["id"]) < set(sample.rows["id"])


def test_counts_are_near_the_truth_and_the_model_is_not(sample, predictions, read, truth, reports):
    counts = corrected_counts(sample, predictions, read, label="rain", about="corpus")
    rows = counts.table.set_index("period")
    decades = reports.table["year"].to_numpy() // 10 * 10
    for decade in (1930, 1940):
        wet = (truth["label"][decades == decade] == "rain").mean()
        said = (predictions["label"][decades == decade] == "rain").mean()
        row = rows.loc[decade]
        assert row["counted"] == pytest.approx(said)
        assert row["low"] <= wet <= row["high"]
    whole = rows[rows.index.isna()].iloc[0]
    assert whole["texts"] == 600
    assert whole["labels"] == 200


def test_all_labelled_gives_the_truth_itself(reports, predictions, truth):
    everything = sample_texts(reports, 600)
    counts = corrected_counts(everything, predictions, truth, label="rain", about="corpus")
    shares = (truth["label"] == "rain").groupby(reports.table["year"] // 10 * 10).mean()
    rows = counts.table.dropna(subset="period").set_index("period")
    for decade, share in shares.items():
        assert rows.loc[decade, ["low", "share", "high"]].tolist() == pytest.approx([share] * 3)


def test_labels_that_were_read_from_a_file_count_as_their_table_does(sample, predictions, read):
    labels = read_labels(read, corpus=sample.corpus)
    counts = [corrected_counts(sample, predictions, one, label="rain") for one in (read, labels)]
    assert counts[0].rows.equals(counts[1].rows)


def test_abstained_texts_stay_in_the_denominator(sample, predictions, read):
    silent = predictions.copy()
    silent.loc[silent.index[::4], "label"] = None
    counts = corrected_counts(sample, silent, read, label="rain")
    row = counts.table.iloc[0]
    assert row["texts"] == 300
    assert row["counted_most"] - row["counted_least"] == pytest.approx(75 / 300)
    assert "The model abstained from 150 of 600 texts" in " ".join(counts.warnings)


def test_unsure_and_passed_over_widen_the_interval(sample, predictions, read):
    order = sample.rows["id"].to_list()
    some = read.set_index("id").loc[order[:120]].reset_index()
    sure = corrected_counts(sample, predictions, some, label="rain").table.iloc[0]
    doubt = some.drop(index=[3, 7]).copy()
    doubt.loc[doubt.index[:6], "label"] = "unsure"
    counts = corrected_counts(sample, predictions, doubt, label="rain")
    row = counts.table.iloc[0]
    assert row["least"] < row["most"]
    assert row["high"] - row["low"] > sure["high"] - sure["low"]
    assert "passed over" in " ".join(counts.warnings)


def test_readers_who_differ_count_as_unsure(sample, predictions, read):
    other = read.assign(label=["rain" if label == "sun" else "sun" for label in read["label"]])
    counts = corrected_counts(sample, predictions, pd.concat([read, other[:10]]), label="rain")
    assert any("10 of 200 labels count as unsure" in one for one in counts.warnings)


def test_too_few_labels_are_refused_with_the_reason(sample, predictions, read):
    order = sample.rows["id"].to_list()
    few = read.set_index("id").loc[order[:16]].reset_index()
    rows = corrected_counts(sample, predictions, few, label="rain").table
    assert rows["low"].isna().all()
    assert rows["note"].str.contains("5 are needed, or 10 found").all()


def test_refused_says_how_many_more_labels_let_expect_enough(sample, predictions, read):
    order = sample.rows["id"].to_list()
    few = read.set_index("id").loc[order[:16]].reset_index()
    row = corrected_counts(sample, predictions, few, label="rain").table.iloc[0]
    more = math.ceil(5 / row["counted"]) - row["labels"]
    assert f"5 are needed, or 10 found, about {more} more labels: no interval" in row["note"]


@pytest.mark.parametrize("labels", [60, 150])
def test_more_labels_are_said_to_be_needed_wherever_an_interval_is_refused(labels):
    """Archives with few positives: five are to be expected with these labels, not with one less."""
    draw, told = np.random.default_rng(4), 0
    for _ in range(40):
        texts = archive(draw, "clusters", 0.015)
        judged = texts.judged(texts.drawn(draw, labels))
        found = powered(judged, Rule("films"))
        note = too_few(judged, found, Rule("films"))
        if not note or not (more := re.search(r"about ([\d,]+) more", note)):
            continue
        told += 1
        n = judged.n + int(more[1].replace(",", ""))
        shown = min(judged.so.mean(), found.share.value)
        by_period = np.bincount(texts.period, texts.says) / np.bincount(texts.period)
        modelled = by_period[judged.stratum].mean()
        at_best = max(modelled, shown / 2) if "let expect" in note else shown
        assert n > judged.n
        assert n * at_best >= 5 > (n - 1) * at_best
    assert told > 5


def test_nearly_enough_is_not_said_to_be_enough():
    """The model finds 4.96 % of 1,000 texts, of which 100 are labelled."""
    none, rule = np.zeros(100), Rule("corpus")
    at = none.astype(np.int64)
    judged = Judged(np.array([[1000]]), np.array([[49.6]]), at, at, none, none)
    note = too_few(judged, powered(judged, rule), rule)
    few = "100 labels let expect 4.9 of the rarer answer, 5 are needed, or 10 found, about 1 more"
    assert note.startswith(few)


def test_ten_found_are_enough_as_is_said_whatever_the_model_lets_expect():
    """A model that finds nothing in 1,000 texts, of which 100 are labelled."""
    at, rule, none = np.zeros(100, dtype=np.int64), Rule("corpus"), np.zeros(100)
    notes = []
    for yes in (9, 10):
        so = (np.arange(100) < yes).astype(float)
        judged = Judged(np.array([[1000]]), np.array([[0.0]]), at, at, none, so)
        notes.append(too_few(judged, powered(judged, rule), rule))
    assert "or 10 found" in notes[0]
    assert notes[1] == ""


def test_nothing_found_is_a_bound_and_no_interval(sample, predictions, read):
    """Wilson's upper end for none of 100, of 300 texts, whatever the model counts."""
    dry = read.assign(label="sun")
    row = corrected_counts(sample, predictions, dry, label="rain", about="corpus").table.iloc[0]
    assert row["note"] == (
        "only 0 of 100 labels are of the rarer answer, 3 are needed: no interval"
    )
    z = 1.98422  # Student's t of 99 degrees of freedom
    n = 100 / (1 - 100 / 300)
    assert row["at_most"] == pytest.approx(z * z / (n + z * z), rel=1e-4)
    assert math.isnan(row["low"])
    assert math.isnan(row["at_least"])


def test_what_is_nearly_always_so_is_bounded_below(sample, predictions, read):
    dry = read.assign(label="sun")
    rain, sun = (
        corrected_counts(sample, predictions, dry, label=one, about="corpus").table.iloc[0]
        for one in ("rain", "sun")
    )
    assert sun["at_least"] == pytest.approx(1 - rain["at_most"])
    assert math.isnan(sun["at_most"])


def test_model_that_misses_most_does_not_refuse_what_labels_show(sample, predictions, read):
    """It counts next to nothing; of a hundred labels more than ten are rain all the same."""
    blind = predictions.assign(label="sun")
    blind.loc[blind.index[:2], "label"] = "rain"
    rows = corrected_counts(sample, blind, read, label="rain", about="corpus").table
    assert (rows["note"] == "").all()


def test_few_films_are_refused_about_films_only(predictions, truth, reports):
    two = reports.filter(film=["1", "2"])
    here = truth[truth["id"].isin(two.table["id"])]
    few = sample_texts(two, 40)
    about_films = corrected_counts(few, predictions, here, label="rain")
    assert about_films.table["note"].iloc[0] == "fewer than 10 units (film): no interval"
    assert about_films.labels_needed(0.05)["needed"].isna().all()  # no label makes films more
    about_these = corrected_counts(few, predictions, here, label="rain", about="corpus")
    assert about_these.table["note"].iloc[0] == ""


def test_labels_needed_shrink_with_what_is_allowed(sample, predictions, read):
    counts = corrected_counts(sample, predictions, read, label="rain", about="corpus")
    wide, narrow = (counts.labels_needed(one)["needed"].iloc[0] for one in (0.05, 0.02))
    assert 0 < wide < narrow <= 300


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda p, r: (p[1:], r), "1 of 600 texts have no prediction"),
        (lambda p, r: (pd.concat([p, p[:1]]), r), "has more than one prediction"),
        (lambda p, r: (p.drop(columns="label"), r), "have no column 'label'"),
        (lambda p, r: (p, r.assign(id="letters-1")), "labels are of texts that were not drawn"),
        (lambda p, r: (p.assign(label="snow"), r.assign(label="snow")), "says 'rain'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(sample, predictions, read, spoil, said):
    with pytest.raises(LabelError, match=said):
        corrected_counts(sample, *spoil(predictions, read), label="rain")


def test_probabilities_outside_0_and_1_are_refused(sample, predictions, read):
    with pytest.raises(LabelError, match=r"holds 1\.5"):
        corrected_counts(sample, predictions.assign(p=1.5), read, label="rain", score="p")


def test_confusion_matrix_agrees_with_the_truth_where_it_may_be_used(sample, predictions, read):
    counts = corrected_counts(sample, predictions, read, label="rain", about="corpus")
    rows = adjusted_counts(counts).table
    assert rows["note"].tolist() == ["", ""]
    for row in rows.itertuples():
        assert row.adjusted_low <= row.share <= row.adjusted_high
        # Rogan and Gladen by hand.
        said = counts.table.set_index("period").loc[row.period, "counted"]
        by_hand = (said + row.specificity - 1) / (row.sensitivity + row.specificity - 1)
        assert row.adjusted == pytest.approx(by_hand)


def test_adjusted_share_of_films_counts_as_many_texts_as_there_are_films():
    """40 films of 25 texts, all of a kind within a film; a model that is always right."""
    kind = (np.arange(40) < 16).astype(float)
    at, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    judged = Judged(np.full((1, 40), 25), 25 * kind[None, :], at, at, nothing, nothing)
    right = Rates(1.0, 1.0, 500, 500)
    found = adjusted(judged, right, Rule("films"))
    assert (found.low, found.high) == pytest.approx(wilson(0.4, 39, 1.959964), abs=0.01)
    assert adjusted(judged, right, Rule("corpus")).low == pytest.approx(0.4)


def test_adjusted_share_of_texts_apart_is_that_of_as_many_texts():
    """Each text its own unit, some said to be so; and none: Agresti and Coull's interval."""
    at, nothing = np.zeros(0, dtype=np.int64), np.zeros(0)
    for yes in (60, 0):
        scores = (np.arange(200) < yes).astype(float)[None, :]
        judged = Judged(np.ones((1, 200), dtype=np.int64), scores, at, at, nothing, nothing)
        found = adjusted(judged, Rates(1.0, 1.0, 500, 500), Rule("films"))
        low, high = proportion_confint(yes, 200, method="agresti_coull")
        assert (found.low, found.high) == pytest.approx((max(low, 0.0), high), abs=0.001)


def test_adjusted_about_few_films_is_refused_and_about_many_warned_of(
    sample, predictions, truth, reports, read
):
    two = reports.filter(film=["1", "2"])
    here = truth[truth["id"].isin(two.table["id"])]
    few = corrected_counts(sample_texts(two, 40), predictions, here, label="rain")
    assert adjusted_counts(few).table["note"].iloc[0] != ""
    many = adjusted_counts(corrected_counts(sample, predictions, read, label="rain"))
    assert "errs more in some units (film)" in many.warnings[-1]


def test_confusion_matrix_is_refused_for_a_model_that_guesses(sample, predictions, read):
    draw = np.random.default_rng(9)
    guesses = predictions.assign(label=draw.permutation(predictions["label"].to_numpy()))
    counts = corrected_counts(sample, guesses, read, label="rain", about="corpus")
    assert adjusted_counts(counts).table["note"].str.contains("hardly discriminates").all()


def test_confusion_matrix_of_another_period_is_refused(sample, predictions, read):
    thirties = sample.rows.filter(sample.rows["period"] == 1930)["id"].to_list()
    counts = corrected_counts(
        sample, predictions, read[read["id"].isin(thirties)], label="rain", about="corpus"
    )
    rows = adjusted_counts(counts).table.set_index("period")
    assert rows.loc[1940, "note"].startswith("no labels of this period; rates of another one")
    assert counts.table.set_index("period").loc[1940, "note"] == "no label: no estimate"


def test_texts_of_unknown_year_are_left_out_and_said():
    corpus = Corpus.from_texts(["a"] * 30, year=[1931] * 29 + [None])
    assert sample_texts(corpus, 5).warnings == ("1 texts of unknown decade are left out.",)


def test_adjusted_intervals_hold_the_truth():
    """Lang and Reiczigel's interval, by simulation: 300 archives of one period."""
    draw, held = np.random.default_rng(8), 0
    for _ in range(300):
        so = draw.random(5000) < 0.3
        said = np.where(so, draw.random(5000) < 0.8, draw.random(5000) < 0.1).astype(float)
        at = draw.choice(5000, 150, replace=False)
        judged = Judged(
            np.array([[5000]]), np.array([[said.sum()]]), np.zeros(150, dtype=np.int64),
            np.zeros(150, dtype=np.int64), said[at], so[at].astype(float),
        )  # fmt: skip
        found = adjusted(judged, rates_of(judged), Rule("corpus"))
        held += found.low <= so.mean() <= found.high
    assert held >= 275


@pytest.mark.parametrize("language", ["en", "sv"])
def test_methods_say_how_many_were_labelled_and_whom_to_cite(sample, predictions, read, language):
    counts = corrected_counts(sample, predictions, read, label="rain", about="corpus")
    told = methods(counts, adjusted_counts(counts), language=language).text
    assert not re.search(r"[{}]|None", told)
    assert "200 text" in told
    assert "rain" in told
    assert "Angelopoulos" in told
    assert "Rogan" in told


def test_what_is_no_table_is_refused_with_the_table_it_should_be(sample, read):
    with pytest.raises(LabelError, match=r"(?s)given as a list\. .*pandas\.DataFrame"):
        corrected_counts(sample, ["weather"] * 3, read, label="weather")
