"""What to label next: chances against their formula, parts that are kept apart, plain refusals."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import LabelError
from kblib.evaluation.chances import chances, drawn_by_chance, weighed_sum
from kblib.evaluation.counts import corrected_counts
from kblib.evaluation.label_next import label_next
from kblib.evaluation.texts import sample_texts
from kblib.evaluation.wanted import density, uncertainty
from kblib.evaluation.weighed import weighed_share


@pytest.fixture(scope="module")
def sample(reports):
    return sample_texts(reports, 60, seed=3)


@pytest.fixture(scope="module")
def read(sample, truth):
    return of(truth, sample.rows["id"])


@pytest.fixture(scope="module")
def scored(predictions):
    """The model's labels, and a score that is low for every third text."""
    return predictions.assign(score=np.where(np.arange(len(predictions)) % 3 == 0, 0.55, 0.99))


def of(truth, ids):
    return truth[truth["id"].isin(ids.to_list())]


def test_weighed_sum_is_without_bias_and_varies_as_its_formula_says():
    """4,000 draws of 300 texts whose values go with their chances, against the closed formula."""
    draw = np.random.default_rng(1)
    values = draw.random(300) < 0.2
    chance = chances(draw.random(300) + 2.0 * values, 40)
    places = np.arange(300)
    found = []
    for seed in range(4_000):
        which = drawn_by_chance(places, chance, str(seed))
        found.append(weighed_sum(values[which].astype(float), chance[which]))
    sums, variances = np.array(found).T
    true = float(((1 - chance) / chance * values).sum())
    assert sums.mean() == pytest.approx(values.sum(), abs=4 * math.sqrt(true / len(found)))
    assert sums.var() == pytest.approx(true, rel=0.1)
    assert variances.mean() == pytest.approx(true, rel=0.05)


def test_texts_are_drawn_as_often_as_their_chances_say():
    chance = np.array([0.05, 0.3, 1.0, 0.0, 0.7])
    times = np.zeros(5)
    for seed in range(4_000):
        times[drawn_by_chance(np.arange(5), chance, str(seed))] += 1
    assert times / 4_000 == pytest.approx(chance, abs=0.03)
    assert (times[2], times[3]) == (4_000, 0)


def test_chances_add_up_go_with_sizes_and_have_a_floor():
    sizes = np.array([0.0, 0.1, 0.1, 0.2, 5.0, 0.4])
    found = chances(sizes, 3.0, floor=0.2)
    assert found.sum() == pytest.approx(3.0)
    assert found[4] == 1.0
    assert (np.diff(found[[0, 1, 3, 5]]) > 0).all()
    assert found[0] >= 0.2 * 3.0 / 6
    assert chances(sizes, 6).tolist() == [1.0] * 6
    assert chances(np.zeros(4), 2).tolist() == [0.5] * 4
    assert chances(np.array([0.0, 0.0, 9.0]), 2, floor=0.01).min() > 0
    for floor in (0.0, -0.1, 1.5, float("nan")):
        with pytest.raises(LabelError, match="A share above 0 and up to 1 was expected"):
            chances(sizes, 3.0, floor=floor)


def test_random_part_goes_on_with_the_sample_and_chosen_ones_are_what_the_model_doubts(
    sample, read, scored
):
    found = label_next(sample, read, 80, predictions=scored)
    parts = found.table.groupby("part")["id"].agg(list)
    assert set(sample.rows["id"]) < set(found.sample.rows["id"])
    assert set(parts["random"]) == set(found.sample.rows["id"]) - set(read["id"])
    assert not {*parts["chosen"]} & {*found.sample.rows["id"], *read["id"]}
    assert len(parts["random"]) == 40
    assert found.pool["chance"].sum() == pytest.approx(40)
    doubted = set(scored["id"][scored["score"] < 0.9])
    assert np.mean([one in doubted for one in parts["chosen"]]) > 0.7
    again = label_next(sample, read, 80, predictions=scored)
    assert again.rows.equals(found.rows)


def test_order_does_not_tell_which_part_a_text_is_of(sample, read, scored):
    parts = label_next(sample, read, 80, predictions=scored).rows["part"].to_list()
    changes = sum(one != other for one, other in pairwise(parts))
    assert changes > 20


def test_share_over_many_draws_is_that_of_all_texts(sample, read, scored, truth):
    """200 draws of the chosen part: what was drawn for doubt is weighed back to the truth."""
    rain = (truth["label"] == "rain").mean()
    found = [label_next(sample, read, 40, predictions=scored, seed=seed) for seed in range(200)]
    plain = [weighed_share(one, truth, label="rain").rows.row(0, named=True) for one in found]
    helped = [
        weighed_share(one, truth, label="rain", predictions=scored).rows.row(0, named=True)
        for one in found
    ]
    for rows in (plain, helped):
        shares = np.array([row["share"] for row in rows])
        assert shares.mean() == pytest.approx(rain, abs=4 * shares.std() / math.sqrt(len(shares)))
        errors = np.array([row["error"] for row in rows])
        assert math.sqrt((errors**2).mean()) == pytest.approx(shares.std(), rel=0.25)
    assert np.std([row["share"] for row in helped]) < np.std([row["share"] for row in plain])


def test_counts_take_the_random_part_alone(sample, read, scored, truth):
    found = label_next(sample, read, 80, predictions=scored)
    every = pd.concat([read, of(truth, found.rows["id"])])
    with pytest.raises(LabelError, match="were not drawn"):
        corrected_counts(found.sample, scored, every, label="rain")
    counts = corrected_counts(found.sample, scored, found.random_labels(every), label="rain")
    assert counts.provenance["labels"] == 100


def test_labels_that_were_chosen_before_are_not_asked_for_again(sample, read, scored, truth):
    first = label_next(sample, read, 60, predictions=scored)
    so_far = pd.concat([read, of(truth, first.rows["id"])])
    second = label_next(first.sample, so_far, 60, predictions=scored)
    assert not set(second.rows["id"]) & set(so_far["id"])
    assert (second.rows["part"] == "random").sum() == 30


def test_unfinished_sample_is_finished_before_it_grows(sample, read, scored):
    found = label_next(sample, read.head(20), 20, predictions=scored)
    assert found.sample is sample
    at_random = found.rows.filter(pl.col("part") == "random")
    assert set(at_random["id"]) < set(sample.rows["id"])


def test_all_at_random_needs_no_model(sample, read):
    found = label_next(sample, read, 10, random_share=1)
    assert found.rows["part"].to_list() == ["random"] * 10
    assert found.warnings == ()


def test_uncertainty_is_the_margin_of_the_two_highest():
    said = pl.DataFrame(
        {
            "id": ["a", "b", "c"],
            "label": ["x", "y", None],
            "score_x": [0.5, 0.1, 0.4],
            "score_y": [0.4, 0.8, 0.4],
            "score_z": [0.1, 0.1, 0.2],
        }
    )
    assert uncertainty(said["id"], said).tolist() == pytest.approx([0.9, 0.3, 1.0])
    alone = said.select("id", "label", score=pl.lit(0.7))
    assert uncertainty(said["id"], alone).tolist() == pytest.approx([0.3, 0.3, 1.0])


def test_density_is_typical_times_unlike_by_hand():
    table = pl.DataFrame(
        {"id": ["a", "b", "c", "d"], "vector": [[2.0, 0.0], [0.0, 1.0], [1.0, 1.0], [3.0, 0.0]]}
    )
    ids, labelled = pl.Series("id", ["a", "b", "c"]), pl.Series("id", ["d"])
    half = 1 / math.sqrt(2)
    middle = np.array([(1 + half) / 3, (1 + half) / 3])
    typical = np.array([[1, 0], [0, 1], [half, half]]) @ middle / np.linalg.norm(middle)
    expected = typical * np.array([0.0, 1.0, 1 - half])
    assert density(ids, labelled, table).tolist() == pytest.approx(expected.tolist(), abs=1e-6)
    assert density(ids, labelled.head(0), table).tolist() == pytest.approx(typical, abs=1e-6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, "There is nothing to choose texts by"),
        ({"n": 0}, "n is 0"),
        ({"random_share": 2}, "random_share is 2"),
        ({"predictions": "labels"}, "The predictions have no scores"),
        ({"predictions": "some"}, "texts have no prediction with a score"),
        ({"vectors": pd.DataFrame({"id": ["a"]})}, "The vectors have no column 'vector'"),
    ],
)
def test_what_cannot_be_drawn_is_told(sample, read, scored, predictions, change, said):
    tables = {"labels": predictions, "some": scored.head(50)}
    asked = {name: tables.get(one, one) if isinstance(one, str) else one
             for name, one in change.items()}  # fmt: skip
    with pytest.raises(LabelError, match=said):
        label_next(sample, read, **asked)


def test_corpus_that_is_all_labelled_has_nothing_next(reports, truth, scored):
    everything = sample_texts(reports, 600)
    with pytest.raises(LabelError, match="All 600 texts of 'reports' have a label"):
        label_next(everything, truth, predictions=scored)


def test_share_needs_every_drawn_label(sample, read, scored, truth):
    found = label_next(sample, read, 30, predictions=scored)
    with pytest.raises(LabelError, match="texts have no label; the first is"):
        weighed_share(found, read, label="rain")
    with pytest.raises(LabelError, match="texts have no prediction"):
        weighed_share(found, truth, label="rain", predictions=scored.head(9))


def test_label_that_nobody_gave_has_no_share(sample, read, scored, truth):
    found = label_next(sample, read, 30, predictions=scored)
    for label in ("rian", None):
        with pytest.raises(LabelError, match=f"labels is .?{label}"):
            weighed_share(found, truth, label=label)
    with pytest.raises(LabelError, match="The texts are a TextSample"):
        weighed_share(sample, truth, label="rain")


def test_corpus_is_no_sample_and_a_share_no_text(reports, sample, read, scored):
    with pytest.raises(LabelError, match="The sample is a Corpus"):
        label_next(reports, read, predictions=scored)
    with pytest.raises(LabelError, match="random_share is "):
        label_next(sample, read, predictions=scored, random_share="0.5")


def test_ids_that_are_numbers_join_the_texts_of_a_corpus():
    pages = Corpus.from_texts([f"sida {n}" for n in range(60)], id=[str(n) for n in range(60)],
                              year=[1914] * 60)  # fmt: skip
    sample = sample_texts(pages, 10)
    read = sample.table[["id"]].astype(int).assign(label="letter")
    said = pd.DataFrame({"id": range(60), "label": "letter", "score": 0.9})
    vectors = pd.DataFrame({"id": range(60), "vector": [[1.0, float(n % 3)] for n in range(60)]})
    found = label_next(sample, read, 20, predictions=said, vectors=vectors)
    assert not set(found.table["id"]) & set(read["id"].astype(str))
    assert len(found.random_labels(read)) == 10
