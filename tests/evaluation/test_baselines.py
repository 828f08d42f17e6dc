"""Baselines on one test part, and models beside them: scores, comparisons, what has none."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from kblib.baselines import linear
from kblib.errors import LabelError
from kblib.evaluation.baselines import baselines
from kblib.evaluation.significance import differences
from kblib.labels import read_labels
from kblib.labels.parts import Parts
from tests.baselines.made import Letters, passages, tagged, weather

metrics = pytest.importorskip("sklearn.metrics")


@pytest.fixture(scope="module")
def parts() -> Parts:
    return weather()


@pytest.fixture(scope="module")
def pairs() -> Parts:
    return passages()


@pytest.fixture(scope="module")
def words() -> Parts:
    return tagged()


def test_texts_have_four_baselines_scored_as_scikit_learn_does(parts):
    found = baselines(parts, encoder=Letters())
    assert found.table["model"].tolist() == ["majority", "n-grams", "tf-idf", "frozen vectors"]
    so = parts.test.rows["label"].to_list()
    for row in found.rows.iter_rows(named=True):
        said = found.predictions[row["model"]]["label"].to_list()
        assert row["accuracy"] == pytest.approx(metrics.accuracy_score(so, said))
        f1 = metrics.f1_score(so, said, average="macro", zero_division=0.0)
        assert row["macro_f1"] == pytest.approx(f1)
        assert row["f1_low"] <= row["macro_f1"] <= row["f1_high"]
    commonest = Counter(parts.train.rows["label"]).most_common(1)[0][0]
    assert found.rows["accuracy"][0] == pytest.approx(so.count(commonest) / len(so))
    assert found.best in ("n-grams", "tf-idf", "frozen vectors")
    assert found.provenance["split"]["by"] == "film"
    assert found.scores["tf-idf"].provenance["unit"] == "film"
    assert repr(found).startswith(f"Baselines on {len(parts.test)} texts of 'weather'")


def test_same_seed_gives_the_same_table(parts):
    some = [baselines(parts, only=["tf-idf"]).rows for _ in range(2)]
    assert some[0].equals(some[1])


def test_words_of_one_film_are_left_out_together(words, monkeypatch):
    seen = []
    searched = linear._searched
    monkeypatch.setattr(
        linear, "_searched", lambda *given: (seen.append(given[4]), searched(*given))[1]
    )
    baselines(words, only=["neighbouring words"])
    train = words.train.rows
    films = [film for film, tokens in train.select("film", "tokens").iter_rows() for _ in tokens]
    assert len(set(zip(films, seen[0], strict=True))) == len(set(films)) == len(set(seen[0]))


def test_word_overlap_finds_what_tf_idf_of_each_text_cannot(pairs):
    found = baselines(pairs, only=["majority", "word overlap"])
    assert found.rows.filter(model="word overlap")["accuracy"][0] > 0.95
    assert found.best == "word overlap"
    both = baselines(pairs, only=["frozen vectors"], encoder=Letters())
    assert both.rows["model"].to_list() == ["frozen vectors"]


def test_words_have_baselines_of_their_own_counted_word_by_word(words):
    found = baselines(words)
    assert found.table["model"].tolist() == ["majority", "majority by word", "neighbouring words"]
    counts: dict[str, Counter] = {}
    for tokens, tags in words.train.rows.select("tokens", "label").iter_rows():
        for word, tag in zip(tokens, tags, strict=True):
            counts.setdefault(word, Counter())[tag] += 1
    flat = [
        (word, tag)
        for tokens, tags in words.test.rows.select("tokens", "label").iter_rows()
        for word, tag in zip(tokens, tags, strict=True)
    ]
    all_tags = sum(counts.values(), Counter())
    said = [counts.get(word, all_tags).most_common(1)[0][0] for word, _ in flat]
    right = sum(one == tag for one, (_, tag) in zip(said, flat, strict=True)) / len(flat)
    assert found.rows.filter(model="majority by word")["accuracy"][0] == pytest.approx(right)
    assert found.predictions["majority by word"]["label"].to_list() == said
    assert found.rows.filter(model="neighbouring words")["accuracy"][0] > right
    assert found.provenance["tested"] == len(flat)


def test_model_beside_baselines_is_compared_with_the_best(parts, words):
    so = parts.test.rows.select("id", "label")
    right = baselines(parts, {"oracle": so, "echo": so.to_pandas()}, only=["majority"])
    assert right.rows["baseline"].to_list() == [True, False, False]
    assert right.rows["accuracy"].to_list()[1:] == [1.0, 1.0]
    assert right.warnings[0].startswith("oracle is better than majority: macro F1 +0.")
    wrong = so.with_columns(label=pl.lit("snow"))
    found = baselines(parts, {"snow": wrong}, only=["tf-idf"])
    assert found.warnings[0].startswith("snow is worse than tf-idf: macro F1 -0.")
    same = baselines(parts, {"copy": found.predictions["tf-idf"]}, only=["tf-idf"])
    assert same.warnings[0].startswith("copy is not surely better or worse than tf-idf")


def test_every_model_is_compared_with_every_baseline_and_corrected_for_all(parts):
    """The second source are p-values of one pair at a time, corrected by statsmodels."""
    multipletests = pytest.importorskip("statsmodels.stats.multitest").multipletests
    so = parts.test.rows.select("id", "label")
    draw = np.random.default_rng(9)
    beside = {
        name: so.with_columns(
            label=pl.when(pl.Series(draw.random(so.height) < right)).then("label").otherwise(
                pl.lit("sun")
            )
        )
        for name, right in (("good", 0.6), ("fair", 0.3))
    }  # fmt: skip
    found = baselines(parts, beside, only=["majority", "n-grams", "tf-idf"])
    rows = found.compared.rows
    pairs = [(one, other) for one in beside for other in ("majority", "n-grams", "tf-idf")]
    assert rows.select("one", "other").rows() == pairs
    scores = found.scores
    alone = [
        differences({one: scores[one], other: scores[other]}).rows["p"][0] for one, other in pairs
    ]
    assert rows["p"].to_list() == alone
    corrected = multipletests(alone, method="holm")[1].tolist()
    assert rows["p_holm"].to_list() == pytest.approx(corrected)
    assert (rows["p_holm"] > rows["p"]).any()
    best = dict(zip(pairs, corrected, strict=True))["good", found.best]
    assert f"p {best:.4f}, corrected for 6 comparisons)." in found.warnings[0]
    assert found.compared.title.endswith("p_holm is corrected for 6 comparisons (Holm 1979)")


def test_what_is_sure_alone_may_not_be_sure_among_many(parts):
    """Forty models that guess: alone, some seem to differ from the baseline; corrected, none."""
    so, draw = parts.test.rows.select("id", "label"), np.random.default_rng(3)
    guess = {
        f"guess {n}": so.with_columns(label=pl.Series(draw.choice(["sun", "rain"], so.height)))
        for n in range(40)
    }
    found = baselines(parts, {"first": guess["guess 0"], **guess}, only=["majority"])
    rows = found.compared.rows.filter(pl.col("one") != "first")
    assert (rows["p"] < 0.05).any()
    sure = (rows["p_holm"] < 0.05).to_list()
    told = ["not surely" not in one for one in found.warnings[1:41]]
    assert told == sure
    assert sum(sure) < (rows["p"] < 0.05).sum()


def test_few_units_do_not_say_which_is_better(words):
    so = words.test.rows.select("id", "label")
    assert words.test.rows["film"].n_unique() < 10
    found = baselines(words, {"oracle": so}, only=["majority"])
    apart = 1 - found.rows["macro_f1"][0]
    assert found.warnings[0].startswith(f"oracle beside majority: macro F1 {apart:+.3f}; how sure")


def test_words_of_a_model_are_lists_rows_or_what_a_finetuned_model_answers(words):
    lists = words.test.rows.select("id", "label")
    answered = pl.DataFrame(
        {
            "id": lists["id"],
            "words": [[{"word": "x", "label": one} for one in row] for row in lists["label"]],
        }
    )
    flat = baselines(words, only=["majority by word"]).predictions["majority by word"]
    beside = {"lists": lists, "pandas": lists.to_pandas(), "words": answered, "rows": flat}
    found = baselines(words, beside, only=["majority"])
    assert found.rows["accuracy"].to_list()[1:4] == [1.0] * 3


def test_words_of_one_text_hang_together_where_no_film_is_known(words):
    rows = words.train.rows.select("tokens", "label").to_dicts()
    parts = read_labels(rows, text="tokens").split(test=0.5)
    found = baselines(parts, only=["majority"]).scores["majority"]
    assert found.rows["units"].to_list()[0] == len(parts.test)


def test_no_answer_beside_baselines_is_wrong_and_no_class(parts):
    so = parts.test.rows.select("id", "label")
    silent = so.with_columns(label=pl.when(pl.int_range(pl.len()) % 3 > 0).then("label"))
    found = baselines(parts, {"silent": silent}, only=["majority"])
    told = silent["label"].fill_null("").to_list()
    f1 = metrics.f1_score(so["label"].to_list(), told, labels=parts.test.labels, average="macro")
    assert found.rows["macro_f1"][1] == pytest.approx(f1)
    apart = f1 - found.rows["macro_f1"][0]
    assert found.warnings[0].startswith(f"silent is better than majority: macro F1 {apart:+.3f}")


def test_model_beside_baselines_is_asked_about_the_test_part(parts):
    class Sunny:
        def predict(self, texts):
            return texts.table[["id"]].assign(label="sun")

    found = baselines(parts, {"sunny": Sunny()}, only=["majority"])
    so = parts.test.rows["label"]
    assert found.rows["accuracy"][1] == pytest.approx((so == "sun").sum() / len(so))


def test_rare_label_and_few_groups_are_no_obstacle():
    rows = [{"text": f"sol {n}", "label": "sun", "film": n} for n in range(6)]
    rows += [
        {"text": "regn 1", "label": "rain", "film": 7},
        {"text": "regn 2", "label": "rain", "film": 8},
    ]
    found = baselines(read_labels(rows).split(test=0.3, seed=3), only=["n-grams", "tf-idf"])
    assert found.rows.height == 2
    assert found.rows["f1_low"].is_nan().all()


def test_what_has_no_baseline_is_told(parts):
    labels = read_labels([{"text": f"text {n}", "label": n} for n in range(9)], scale=True)
    with pytest.raises(LabelError, match="are points on a scale"):
        baselines(labels.split())
    with pytest.raises(LabelError) as error:
        baselines(parts.train)
    assert str(error.value) == (
        "The parts are a Labels. Labels in parts were expected, so that baselines are tested on "
        "what they did not see.\n  kb.baselines(labels.split(test=0.2))"
    )
    one = read_labels([{"text": f"text {n}", "label": "sun"} for n in range(9)])
    with pytest.raises(LabelError, match="Every label of 'labels-train' is 'sun'"):
        baselines(one.split())
    with pytest.raises(LabelError, match="There is no baseline 'word overlap' for texts"):
        baselines(parts, only=["word overlap"])
    with pytest.raises(LabelError, match="A model is called 'majority'"):
        baselines(parts, {"majority": parts.test.table}, only=["majority"])
    with pytest.raises(LabelError, match="have no prediction"):
        baselines(parts, {"half": parts.test.rows.head(5)}, only=["majority"])
    with pytest.raises(LabelError, match="predictions of 'none' were given as a list"):
        baselines(parts, {"none": ["sun"]}, only=["majority"])
