"""Scores against scikit-learn, intervals and tests against slow versions by hand."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from kblib.corpora import Corpus
from kblib.errors import LabelError
from kblib.evaluation.calibration import calibration
from kblib.evaluation.scores import evaluate
from kblib.evaluation.significance import differences, holm
from kblib.methods import methods

NAMES = np.array(["brott", "handel", "väder"])


@pytest.fixture(scope="module")
def pages() -> Corpus:
    film = [str(number // 8) for number in range(240)]
    years = [1930 + number // 24 for number in range(240)]
    return Corpus.from_texts([f"sida {n}" for n in range(240)], film=film, year=years)


@pytest.fixture(scope="module")
def read(pages) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    return pd.DataFrame(
        {"id": pages.table["id"], "label": draw.choice(NAMES, 240, p=[0.2, 0.3, 0.5])}
    )


def said_by(read, right, seed):
    draw = np.random.default_rng(seed)
    guess = draw.choice(NAMES, len(read))
    keeps = draw.random(len(read)) < right
    return read.assign(label=np.where(keeps, read["label"], guess), score=draw.random(len(read)))


@pytest.fixture(scope="module")
def said(read) -> pd.DataFrame:
    return said_by(read, 0.6, 2)


def test_scores_agree_with_scikit_learn(pages, said, read):
    rows = evaluate(pages, said, read).table
    so, answer = read["label"], said["label"]
    whole = rows[rows["label"].isna()].set_index("measure")["score"]
    assert whole["accuracy"] == pytest.approx(metrics.accuracy_score(so, answer))
    assert whole["macro F1"] == pytest.approx(metrics.f1_score(so, answer, average="macro"))
    theirs = metrics.precision_recall_fscore_support(so, answer, labels=NAMES)
    for measure, values in zip(("precision", "recall", "F1"), theirs, strict=False):
        ours = rows[rows["measure"] == measure].set_index("label")["score"]
        assert ours.loc[NAMES].tolist() == pytest.approx(list(values))
    texts = rows[rows["measure"] == "F1"].set_index("label")["texts"]
    assert texts.loc[NAMES].tolist() == list(theirs[3])


def test_groups_are_scored_on_their_own_texts(pages, said, read):
    rows = evaluate(pages, said, read, by=["decade"]).table
    thirties = rows[(rows["value"] == "1930") & (rows["measure"] == "accuracy")].iloc[0]
    right = (said["label"] == read["label"])[:240]
    assert thirties["score"] == pytest.approx(right.mean())
    assert thirties["texts"] == 240


def test_interval_is_that_of_films_drawn_again(pages, said, read):
    """A slow bootstrap of whole films, another stream of random numbers: nearly the same ends."""
    row = evaluate(pages, said, read).table.iloc[0]
    right = (said["label"] == read["label"]).to_numpy().reshape(30, 8).mean(axis=1)
    draw = np.random.default_rng(9)
    again = [right[draw.integers(30, size=30)].mean() for _ in range(4000)]
    assert [row["low"], row["high"]] == pytest.approx(np.percentile(again, [2.5, 97.5]), abs=0.01)


def test_few_units_get_no_interval(pages, said, read):
    two = pages.filter(film=["1", "2"])
    rows = evaluate(two, said, read).table
    assert rows["low"].isna().all()
    assert rows["note"].iloc[0] == "fewer than 10 units: no interval"


def test_abstaining_is_right_about_nothing(pages, said, read):
    silent = said.assign(label=said["label"].where(said.index % 2 == 0))
    rows = evaluate(pages, silent, read).table
    right = (silent["label"] == read["label"]).mean()
    assert rows["score"].iloc[0] == pytest.approx(right)
    assert "(abstained)" not in rows["label"].to_list()
    asked = sorted(set(read["label"]))
    f1 = metrics.f1_score(read["label"], silent["label"].fillna(""), labels=asked, average="macro")
    assert rows["score"].iloc[1] == pytest.approx(f1)  # no answer is no class beside the others
    assert rows["low"].iloc[1] <= f1 <= rows["high"].iloc[1]


def test_errors_come_with_their_texts_the_surest_first(pages, said, read):
    scores = evaluate(pages, said, read)
    wrong = scores.errors(so="väder", said="handel")
    assert set(wrong["so"]) == {"väder"}
    assert set(wrong["said"]) == {"handel"}
    assert wrong["score"].is_monotonic_decreasing
    assert wrong["text"].str.startswith("sida").all()
    table = scores.confusion.set_index("so")
    assert table.loc["väder", "handel"] == len(wrong)


def test_unsure_labels_are_left_out_and_counted(pages, said, read):
    doubt = read.assign(label=read["label"].where(read.index > 4, "unsure"))
    scores = evaluate(pages, said, doubt)
    assert scores.provenance["n_texts"] == 235
    assert scores.warnings[0].startswith("5 labels are unsure")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda p, r: (p[1:], r), "1 of 240 labelled texts have no prediction"),
        (lambda p, r: (pd.concat([p, p[:1]]), r), "more than once in the predictions"),
        (lambda p, r: (p, pd.concat([r, r[:1]])), "more than once in the labels"),
        (lambda p, r: (p, r.assign(id="x" + r["id"])), "None of the 240 labels is of a text"),
        (lambda p, r: (p, r.drop(columns="id")), "labels have no column 'id'"),
    ],
)
def test_tables_that_do_not_fit_are_refused(pages, said, read, spoil, why):
    with pytest.raises(LabelError, match=why):
        evaluate(pages, *spoil(said, read))


@pytest.mark.parametrize("ids", [int, float, object, str], ids=lambda kind: kind.__name__)
def test_ids_that_are_numbers_here_and_text_there_join(ids):
    """As a spreadsheet gives them: a gap makes fractions of whole numbers, labels too."""
    pages = Corpus.from_texts([f"sida {n}" for n in range(40)], id=[str(n) for n in range(40)])
    so = pd.DataFrame({"id": range(40), "label": [n % 2 for n in range(40)]})
    said = pd.DataFrame({"id": [str(n) for n in range(40)], "label": [n % 2 for n in range(40)]})
    given = so.assign(id=so["id"].astype(ids), label=so["label"].astype(float).where(so.index > 3))
    scores = evaluate(pages, said, given)
    assert scores.rows["score"][0] == 1.0
    assert scores.provenance["n_texts"] == 36
    assert sorted(set(scores.judged["so"])) == ["0", "1"]
    if ids is object:
        mixed = given.assign(id=[n if n % 2 else str(n) for n in range(40)])
        assert evaluate(pages, mixed.assign(label=said["label"]), given).rows["score"][0] == 1.0


def test_ids_that_lost_their_zeros_are_refused_with_how_to_keep_them():
    pages = Corpus.from_texts(["sida"] * 3, id=["007", "008", "009"])
    read = pd.DataFrame({"id": [7, 8, 9], "label": "a"})
    with pytest.raises(LabelError) as caught:
        evaluate(pages, read, read)
    assert str(caught.value) == (
        "None of the 3 labels is of a text of corpus 'texts'. Labels are joined to texts by 'id'. "
        "An id of this corpus: '007'.\n  Zeros in front are kept by pandas.read_csv(path, "
        'dtype={"id": str})'
    )


def test_methods_say_on_how_many_texts_and_which_units_were_drawn_again(pages, said, read):
    told = methods(pages, evaluate(pages, said, read)).text
    assert "Labels were scored on 240 texts; 95 % intervals come from drawing whole units" in told
    assert "(film) again" in told


def test_better_model_is_found(pages, read):
    models = {
        name: evaluate(pages, said_by(read, right, seed), read)
        for name, right, seed in (("good", 0.9, 3), ("fair", 0.5, 4))
    }
    row = differences(models).table.iloc[0]
    assert row["p_holm"] < 0.01
    assert row["low"] > 0


def test_equal_models_are_told_apart_as_rarely_as_promised(pages, read):
    """30 pairs of equally good models: at the level of 5 %, six or more would be 1 in 300."""
    found = [evaluate(pages, said_by(read, 0.5, seed), read) for seed in range(100, 160)]
    pairs = [differences({"a": a, "b": b}) for a, b in zip(found[::2], found[1::2], strict=True)]
    assert sum(pair.table["p"].iloc[0] < 0.05 for pair in pairs) < 6


def test_p_value_is_that_of_all_exchanges(read):
    """Eight films: every one of the 256 exchanges, against 9,999 drawn ones."""
    small = Corpus.from_texts([f"t{n}" for n in range(40)], film=[str(n // 5) for n in range(40)])
    ids = small.table["id"]
    so = read[:40].assign(id=ids)
    one, other = (said_by(so, right, seed) for right, seed in ((0.9, 6), (0.6, 7)))
    found = differences(
        {"one": evaluate(small, one, so), "other": evaluate(small, other, so)}, measure="accuracy"
    ).table.iloc[0]
    apart = (one["label"] == so["label"]).astype(int) - (other["label"] == so["label"]).astype(int)
    by_film = apart.to_numpy().reshape(8, 5).sum(axis=1)
    sums = [abs(np.dot(signs, by_film)) for signs in product([-1, 1], repeat=8)]
    exact = np.mean([one >= abs(by_film.sum()) for one in sums])
    assert found["difference"] == pytest.approx(by_film.sum() / 40)
    assert found["p"] == pytest.approx(exact, abs=0.02)


def test_holm_is_the_largest_of_all_bonferronis_that_hold_a_pair():
    """Closed testing: a pair is corrected for every set of pairs that holds it (Marcus 1976)."""
    p = [0.011, 0.02, 0.04, 0.004, 0.9]
    sets = [c for k in range(1, 6) for c in combinations(range(5), k)]
    by_hand = [
        max(min(1.0, len(one) * min(p[at] for at in one)) for one in sets if n in one)
        for n in range(5)
    ]
    assert holm(p) == pytest.approx(by_hand)


def test_each_model_is_compared_with_each_other_one_asked_for(pages, read):
    scores = {
        name: evaluate(pages, said_by(read, right, seed), read)
        for name, right, seed in (("a", 0.9, 3), ("b", 0.6, 4), ("c", 0.5, 5), ("d", 0.4, 6))
    }
    first, others = ({name: scores[name] for name in names} for names in ("ab", "cd"))
    found = differences(first, others)
    assert found.rows.select("one", "other").rows() == [*product("ab", "cd")]
    assert found.rows["p_holm"].to_list() == holm(found.rows["p"].to_list())
    assert found.provenance["p_holm"] == "corrected for 4 comparisons (Holm 1979)"
    assert differences({"a": scores["a"], "d": scores["d"]}).title == "Differences of macro F1"
    with pytest.raises(LabelError, match="1 models were given"):
        differences({"a": scores["a"]})
    with pytest.raises(LabelError, match="'b' is among the models and among the others"):
        differences(first, {"b": scores["c"]})


def test_models_scored_on_other_texts_are_not_compared(pages, said, read):
    with pytest.raises(LabelError, match="'b' was scored on other texts"):
        differences({"a": evaluate(pages, said, read), "b": evaluate(pages, said, read[:200])})


def test_calibration_agrees_with_scikit_learn_where_bins_are_equal(pages, read):
    """Scores that are true probabilities have a small error; scores of chance a large one."""
    from sklearn.calibration import calibration_curve

    draw = np.random.default_rng(3)
    sure = draw.random(240)
    other = np.where(read["label"] == "väder", "brott", "väder")
    said = read.assign(label=np.where(draw.random(240) < sure, read["label"], other), score=sure)
    found = calibration(evaluate(pages, said, read), bins=8)
    right = (said["label"] == read["label"]).astype(int)
    share, mean = calibration_curve(right, sure, n_bins=8, strategy="quantile")
    assert found.table["right"].tolist() == pytest.approx(list(share), abs=0.04)
    assert found.table["score"].tolist() == pytest.approx(list(mean), abs=0.02)
    assert found.error < 0.12
    assert calibration(evaluate(pages, said.assign(score=1 - sure), read)).error > 0.3


def test_calibration_needs_scores_and_texts_for_its_bins(pages, said, read):
    with pytest.raises(LabelError, match="no column 'score'"):
        calibration(evaluate(pages, said.drop(columns="score"), read))
    with pytest.raises(LabelError, match="bins is 500, for 240 texts"):
        calibration(evaluate(pages, said, read), bins=500)
