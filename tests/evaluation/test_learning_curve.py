"""Learning curves: the draws, scores with a second source, what is kept, crossings, prices."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kblib.errors import LabelError
from kblib.evaluation import curve_methods
from kblib.evaluation.curve_draws import drawn, order_of, sizes_of
from kblib.evaluation.curve_methods import CurveMethod
from kblib.evaluation.curve_scores import means_of_draws
from kblib.evaluation.learning_curve import learning_curve
from kblib.evaluation.scores import evaluate
from kblib.evaluation.significance import differences
from kblib.fewshot.classifier import FewShotClassifier
from kblib.fewshot.logistic_head import LogisticHead
from kblib.labels import read_labels
from tests.fewshot.few_made import WORDS, WordVectors, made_labels

SIZES = (8, 32, 64)
KEYS = {label: [f"{word}*" for word in words.split()[:2]] for label, words in WORDS.items()}


@pytest.fixture(scope="module")
def labels():
    return made_labels(240, films=40)


@pytest.fixture(scope="module")
def methods():
    return (
        CurveMethod("sentences", WordVectors(), name="vectors"),
        "tf-idf",
        CurveMethod("keywords", words=KEYS),
        "majority",
    )


@pytest.fixture(scope="module")
def curve(labels, methods, tmp_path_factory):
    cache = tmp_path_factory.mktemp("curves")
    return learning_curve(labels, methods, sizes=SIZES, seeds=3, cache=cache)


def test_draws_begin_with_one_of_each_and_keep_the_proportions(labels):
    train = labels.split(test=0.3).train
    order = order_of(train, 1)
    names = train.rows["label"].to_list()
    assert sorted(order) == list(range(len(names)))
    assert Counter(names[one] for one in order[:3]) == {"weather": 1, "sport": 1, "court": 1}
    whole = Counter(names)
    for size in (12, 30, 60, 120):
        some = Counter(names[one] for one in order[:size])
        assert all(abs(some[one] - size * whole[one] / len(names)) < 1 for one in whole)


def test_a_larger_draw_holds_the_smaller_and_seeds_differ(labels):
    train = labels.split(test=0.3).train
    orders = [order_of(train, seed) for seed in (1, 2)]
    small, large = (set(drawn(train, orders[0], size).rows["id"]) for size in (8, 16))
    assert small < large
    assert len(large) == 16
    assert small != set(drawn(train, orders[1], 8).rows["id"])


def test_one_draw_scores_as_evaluate_says(labels, tmp_path):
    parts = labels.split(test=0.3)
    vectors = CurveMethod("sentences", WordVectors(), name="vectors")
    found = learning_curve(parts, [vectors, "majority"], sizes=(32,), seeds=1, cache=tmp_path)
    train = drawn(parts.train, order_of(parts.train, 1), 32)
    said = FewShotClassifier.train(train, WordVectors()).predict(parts.test)
    commonest = Counter(parts.train.rows["label"]).most_common(1)[0][0]
    level = pd.DataFrame({"id": said["id"], "label": commonest})
    known = parts.test.table[["id", "label"]]
    for table, method, size in ((said, "vectors", 32), (level, "majority", None)):
        plain = evaluate(parts.test.corpus, table, known).table
        for measure in ("accuracy", "macro F1"):
            told = found.scores.told((method, size), measure)
            want = plain[plain["label"].isna() & (plain["measure"] == measure)].iloc[0]
            assert told[:3] == pytest.approx((want["score"], want["low"], want["high"]))


def test_difference_of_one_draw_is_that_of_the_paired_test(labels, tmp_path):
    parts = labels.split(test=0.3)
    vectors = CurveMethod("sentences", WordVectors(), name="vectors")
    keys = CurveMethod("keywords", words=KEYS)
    found = learning_curve(parts, [vectors, keys], sizes=(64,), seeds=1, cache=tmp_path)
    known, cells = parts.test.table[["id", "label"]], found.scores.cells
    scores = {
        cell.method: evaluate(
            parts.test.corpus, pd.DataFrame({"id": known["id"], "label": list(cell.said)}), known
        )
        for cell in cells
    }
    want = differences(scores).rows.row(0, named=True)
    row = found.crossings.of("vectors", "keywords")
    assert [row[one] for one in ("difference", "low", "high")] == pytest.approx(
        [want[one] for one in ("difference", "low", "high")]
    )


def test_means_and_spread_are_those_of_the_draws(curve):
    for size in SIZES:
        scores = curve.scores.whole(("tf-idf", size), "accuracy")
        told = curve.scores.told(("tf-idf", size), "accuracy")
        right = [
            np.mean([a == b for a, b in zip(cell.said, curve.scores.so, strict=True)])
            for cell in curve.scores.cells
            if (cell.method, cell.size) == ("tf-idf", size)
        ]
        assert scores == pytest.approx(right)
        assert (told.mean, told.spread) == pytest.approx((np.mean(right), np.std(right, ddof=1)))
        assert told.low < told.mean < told.high


def test_few_draws_are_made_wider_by_what_they_hide():
    scores = np.array([0.5, 0.6, 0.8, 0.7, 0.4])
    again = means_of_draws(np.tile(scores, (20_000, 1)))
    assert again.mean() == pytest.approx(0.6, abs=0.002)
    assert again.std() == pytest.approx(scores.std(ddof=1) / np.sqrt(5), rel=0.03)


def test_interval_knows_of_texts_and_of_draws():
    draw = np.random.default_rng(1)
    tests, draws = draw.normal(0, 0.03, size=(20_000, 1)), draw.normal(0, 0.05, size=8)
    again = means_of_draws(0.7 + tests + draws)
    assert again.var() == pytest.approx(0.03**2 + draws.var(ddof=1) / 8, rel=0.05)


def test_table_has_a_row_a_method_size_and_measure(curve):
    rows = curve.table
    assert len(rows) == 2 * (2 * len(SIZES) + 2)
    assert rows[rows["method"] == "keywords"]["labels"].isna().all()
    assert curve.title == (
        "Learning curve of 'labels': 8 to 64 labels, 3 draws each, tested on "
        f"{curve.provenance['n_test']} texts"
    )


def test_more_labels_are_better_and_groups_stay_apart(curve):
    scores = [curve.scores.told(("vectors", size), "macro F1").mean for size in SIZES]
    assert scores[-1] > scores[0]
    assert curve.provenance["groups"] == "film"
    assert curve.provenance["n_test_groups"] == 12


def test_groups_that_were_asked_for_hold_in_cross_validation_too(labels, tmp_path, monkeypatch):
    rows = labels.rows.with_columns(series=pl.col("film").str.tail(1))
    seen, fit = [], LogisticHead.fit
    monkeypatch.setattr(
        LogisticHead, "fit", lambda *a, **how: (seen.append(how["groups"]), fit(*a, **how))[1]
    )
    method = CurveMethod("sentences", WordVectors())
    asked = {"sizes": (32,), "seeds": 1, "cache": tmp_path}
    for groups in ("series", "film"):  # what is kept of one is not taken for the other
        found = learning_curve(read_labels(rows), [method], groups=groups, **asked)
        assert found.provenance["groups"] == groups
        assert set(seen.pop()) <= set(rows[groups])


def planned(right: dict[int, float]):
    """Return an own method that is right about a share of the test texts, by number of labels."""

    def answer(train, test, seed):
        so = test.rows["label"].to_list()
        others = {"weather": "sport", "sport": "court", "court": "weather"}
        order = np.random.default_rng(0).permutation(len(so))
        wrong = set(order[round(len(so) * right.get(len(train), 0.5)) :].tolist())
        return [others[one] if at in wrong else one for at, one in enumerate(so)]

    return answer


def test_crossings_hold_from_there_on(labels, tmp_path):
    above = CurveMethod("own", name="above", answer=planned({8: 0.6, 32: 0.45, 64: 0.95}))
    never = CurveMethod("own", name="never", answer=planned({8: 0.1, 32: 0.2, 64: 0.3}))
    level = CurveMethod("own", name="level", answer=planned({}), learns=False)
    found = learning_curve(labels, [above, never, level], sizes=SIZES, seeds=3, cache=tmp_path)
    crossed = found.crossings
    assert crossed.of("above", "level")["from_labels"] == 64
    assert crossed.of("above", "level")["surely_from"] == 64
    assert crossed.of("never", "level")["from_labels"] is None
    assert crossed.of("above", "never")["from_labels"] == 8
    assert crossed.of("above", "never")["difference"] > 0.5
    with pytest.raises(LabelError, match="'level' was not compared with 'above'"):
        crossed.of("level", "above")


def test_price_is_minutes_times_labels(curve):
    price = curve.price(minutes=1.5)
    rows = price.table.set_index(["method", "labels"])
    assert rows.loc[("vectors", 64), "hours"] == pytest.approx(64 * 1.5 / 60)
    small, large = (curve.scores.told(("vectors", size), "macro F1").mean for size in (32, 64))
    assert rows.loc[("vectors", 64), "gain"] == pytest.approx(large - small)
    assert rows.loc[("vectors", 64), "gain_per_hour"] == pytest.approx((large - small) / 0.8)
    n = curve.provenance["n_test"]
    assert f"The test part has {n} labels too: {n * 1.5 / 60:.1f} h more" in price.warnings[0]


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), "0.5", True])
def test_what_is_no_price_is_refused(curve, minutes):
    with pytest.raises(LabelError, match="How many minutes a label takes was expected"):
        curve.price(minutes)


def test_unknown_measure_is_refused(curve):
    with pytest.raises(LabelError, match="measure is 'F2'"):
        curve.crossed("F2")


def test_interrupted_curve_goes_on_where_it_stopped(labels, tmp_path, monkeypatch):
    plain, calls = curve_methods.tfidf, []

    def counted(*asked):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return plain(*asked)

    monkeypatch.setattr(curve_methods, "tfidf", counted)
    wish = {"methods": ["tf-idf"], "sizes": (8, 16), "seeds": 3, "cache": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        learning_curve(labels, **wish)
    whole = learning_curve(labels, **wish)
    assert len(calls) == 4 + 3
    assert learning_curve(labels, **wish).rows.equals(whole.rows)
    learning_curve(labels, **{**wish, "seeds": 4})
    assert len(calls) == 7 + 2


def test_damaged_cell_is_computed_again(labels, tmp_path):
    wish = {"methods": ["n-grams"], "sizes": (8,), "seeds": 1, "cache": tmp_path}
    first = learning_curve(labels, **wish)
    (cell,) = tmp_path.glob("*.json")
    cell.write_text(cell.read_text(encoding="utf-8")[:50], encoding="utf-8")
    assert learning_curve(labels, **wish).rows.drop("seconds").equals(first.rows.drop("seconds"))
    assert json.loads(cell.read_text(encoding="utf-8"))["said"]


def test_vectors_are_made_once(labels, tmp_path):
    encoder = WordVectors()
    wish = {"sizes": (8, 16), "seeds": 2, "cache": tmp_path}
    learning_curve(labels, [CurveMethod("sentences", encoder)], **wish)
    assert encoder.asked == len(set(labels.rows["text"]))
    learning_curve(labels, [CurveMethod("sentences", encoder)], **{**wish, "seeds": 3})
    assert encoder.asked == len(set(labels.rows["text"]))


def test_progress_counts_to_the_end(labels, tmp_path):
    told: list[tuple[int, int, str]] = []
    learning_curve(
        labels, ["tf-idf", "majority"], sizes=(8, 16), seeds=2, cache=tmp_path,
        progress=lambda *said: told.append(said),
    )  # fmt: skip
    assert [done for done, _, _ in told] == [0, 1, 2, 3, 4, 5]
    assert told[0] == (0, 5, "tf-idf")


def test_usual_sizes_end_where_the_labels_end(labels):
    sizes, said = sizes_of(None, labels.split(test=0.3).train)
    assert sizes == (8, 16, 32, 64, 128)
    assert said == ["The train part has 168 labels: sizes 256, 512 are left out."]


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ((8, 500), "500 labels were asked for; the train part has 168."),
        ((2, 8), "2 labels cannot show 3 different ones."),
        ((16, 8), r"sizes is \(16, 8\)."),
        ((), r"sizes is \(\)."),
        ((8.0,), r"sizes is \(8.0,\)."),
    ],
)
def test_sizes_that_do_not_fit_are_refused(labels, sizes, told):
    with pytest.raises(LabelError, match=told):
        learning_curve(labels, ["tf-idf"], sizes=sizes)


def test_too_few_labels_are_told():
    few = made_labels(9, films=9)
    with pytest.raises(LabelError, match="The train part has 6 labels of 3 kinds"):
        learning_curve(few, ["tf-idf"])


def test_few_groups_have_no_interval_and_say_so(tmp_path):
    found = learning_curve(
        made_labels(60, films=5), ["tf-idf"], sizes=(8,), seeds=2, cache=tmp_path
    )
    assert found.table["low"].isna().all()
    assert "2 groups are tested on: too few for intervals." in found.warnings
    assert found.crossings.rows.height == 0


@pytest.mark.parametrize(
    ("methods", "told"),
    [
        (["tfidf"], "There is no method 'tfidf'."),
        ([3], "There is no method 3."),
        (["majority"], "None of the methods is given labels: majority."),
        (["tf-idf", "tf-idf"], "Two methods are called 'tf-idf'."),
        ([CurveMethod("own")], "The method 'own' has no function."),
        ([CurveMethod("tf-idf", words={"wether": "x"})], "has words for 'wether'."),
    ],
)
def test_methods_that_do_not_fit_are_refused(labels, methods, told):
    with pytest.raises(LabelError, match=told):
        learning_curve(labels, methods)


def test_own_method_is_held_to_the_labels(labels):
    for answer, told in (
        (lambda *_: ["weather"], "gave 1 labels for"),
        (lambda _, test, __: ["Weather"] * len(test), "gave the label 'Weather'"),
    ):
        with pytest.raises(LabelError, match=told):
            learning_curve(labels, [CurveMethod("own", name="rules", answer=answer)], sizes=(8,))


def test_one_kind_of_labels_is_refused():
    rows = [{"text": f"regn {n}", "label": "weather"} for n in range(40)]
    with pytest.raises(LabelError, match="All 40 labels of 'labels' are 'weather'"):
        learning_curve(read_labels(rows))


def test_prompts_say_how_many_examples_fit(labels, tmp_path):
    wish = {"sizes": (8,), "seeds": 1, "cache": tmp_path}
    words = {"weather": "väder", "sport": "sport", "court": "hov"}
    few = made_labels(36, films=12)
    found = learning_curve(few, [CurveMethod("prompt", words=words)], **wish)
    (told,) = [one for one in found.warnings if "are shown" in one]
    assert told.startswith("prompt: ")
    assert told.endswith("'kb-mini-causal' reads 128 tokens at once.")


def test_abstaining_counts_as_wrong(labels, tmp_path):
    silent = CurveMethod("own", name="silent", answer=lambda _, test, __: [None] * len(test))
    found = learning_curve(labels, [silent], sizes=(8,), seeds=1, cache=tmp_path)
    assert found.scores.told(("silent", 8), "accuracy").mean == 0
