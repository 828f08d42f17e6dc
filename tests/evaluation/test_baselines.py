"""Baselines: each against a count by hand or scikit-learn; models beside them; what has none."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import polars as pl
import pytest

from kblib.baselines import linear
from kblib.baselines.counts import majority_by_word, ngrams
from kblib.baselines.linear import tfidf, word_overlap
from kblib.errors import LabelError
from kblib.evaluation.baselines import baselines
from kblib.fewshot.logistic_head import STRENGTHS
from kblib.labels import read_labels
from kblib.labels.parts import Parts
from kblib.ngrams.language_model import NgramLM
from tests.ngrams.conftest import BEGIN, END
from tests.ngrams.conftest import _textbook as textbook

metrics = pytest.importorskip("sklearn.metrics")
LogisticRegression = pytest.importorskip("sklearn.linear_model").LogisticRegression
StratifiedGroupKFold = pytest.importorskip("sklearn.model_selection").StratifiedGroupKFold
TfidfVectorizer = pytest.importorskip("sklearn.feature_extraction.text").TfidfVectorizer
make_pipeline = pytest.importorskip("sklearn.pipeline").make_pipeline

WEATHER = {"sun": ("sol", "värme", "sommar"), "rain": ("regn", "blåst", "åska"), "snow": ("snö",)}


class Letters:
    """An encoder: how often each letter of a few is there."""

    name = "letters"

    def encode(self, texts):
        return np.array([[text.count(one) for one in "solregnå"] for text in texts], np.float32)


@pytest.fixture(scope="module")
def parts() -> Parts:
    draw = np.random.default_rng(4)
    rows = []
    for n in range(240):
        label = ("sun", "sun", "rain", "snow")[draw.integers(4)]
        other = ("sun", "rain", "snow")[draw.integers(3)]
        words = [draw.choice(WEATHER[label]), draw.choice(WEATHER[other]), "över", f"plats{n}"]
        rows.append({"text": " ".join(words), "label": label, "film": f"F{n // 8}"})
    return read_labels(rows, name="weather").split(test=0.4, seed=1)


@pytest.fixture(scope="module")
def pairs() -> Parts:
    draw = np.random.default_rng(5)
    rows = []
    for n in range(160):
        one = [f"ord{k}" for k in draw.integers(0, 60, 6)]
        same = n % 2 == 0
        other = [*one[:2], *(f"ord{k}" for k in draw.integers(0, 60, 4))]
        drawn = other if same else [f"ord{k}" for k in draw.integers(60, 120, 6)]
        label = "next" if same else "other film"
        rows.append({"text": " ".join(one), "text_pair": " ".join(drawn), "label": label,
                     "film": f"F{n // 4}"})  # fmt: skip
    return read_labels(rows, text=("text", "text_pair"), name="pairs").split(test=0.4)


@pytest.fixture(scope="module")
def words() -> Parts:
    draw = np.random.default_rng(6)
    rows = []
    for n in range(60):
        tokens = [str(draw.choice(["kungen", "reser", "till", f"ort{n}"])) for _ in range(8)]
        tags = {"kungen": "NOUN", "reser": "VERB", "till": "ADP"}
        label = [
            tags.get(word, "PROPN" if before == "till" else "NOUN")
            for before, word in zip(["", *tokens], tokens, strict=False)
        ]
        rows.append({"words": tokens, "label": label, "film": f"F{n // 3}"})
    return read_labels(rows, text="words", name="words").split(test=0.4)


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


def test_ngrams_are_bayes_with_a_model_a_label_and_one_vocabulary(parts):
    train, test = parts.train, parts.test
    rows = [(text.split(), label) for text, label in train.rows.select("text", "label").iter_rows()]
    n_guessed = len({word for text, _ in rows for word in text}) + 2  # the unknown word, the end
    texts = {label: [text for text, one in rows if one == label] for label in train.labels}
    prob = {label: textbook(own, 3, n_guessed) for label, own in texts.items()}
    said = ngrams(train, test).iter_rows(named=True)
    for text, row in zip(test.rows["text"][:20], said, strict=False):
        words = [BEGIN, *text.split(), END]
        logs = {
            label: math.log(len(texts[label]) / len(rows))
            + sum(math.log(one(words[at], tuple(words[:at]))) for at in range(1, len(words)))
            for label, one in prob.items()
        }
        assert row["label"] == max(logs, key=logs.__getitem__)
        whole = sum(math.exp(one) for one in logs.values())
        for label, one in logs.items():
            assert row[f"score_{label}"] == pytest.approx(math.exp(one) / whole, rel=1e-6)


def test_ngrams_of_a_rare_label_do_not_win_by_knowing_few_words():
    draw = np.random.default_rng(7)
    often = [" ".join(f"ord{k}" for k in draw.integers(0, 30, 3)) for _ in range(80)]
    told = [(text, "often") for text in often] + [("sällan sedd", "rare")] * 4
    rows = [{"text": text, "label": label, "film": n % 2} for n, (text, label) in enumerate(told)]
    parts = read_labels(rows).split(test=0.5, by="film")
    asked = parts.test.rows.filter(label="often")["text"].to_list()
    own = [
        NgramLM.train(parts.train.take([label]).rows["text"], order=3).log10_scores(asked)
        for label in ("often", "rare")
    ]
    assert (own[1] - math.log10(20) > own[0]).mean() > 0.5  # each with a vocabulary of its own
    assert ngrams(parts.train, parts.test)["label"].to_list() == parts.test.rows["label"].to_list()


def test_tf_idf_chooses_penalty_and_weight_of_labels_by_groups_left_out():
    draw = np.random.default_rng(8)
    told = ["rare" if n % 9 == 0 else "often" for n in range(90)]
    words = {"rare": ["sol", "regn", "snö"], "often": ["sol", "regn", "tåg"]}
    rows = [
        {"text": " ".join(draw.choice(words[one], 3)), "label": one, "film": n // 3}
        for n, one in enumerate(told)
    ]
    parts = read_labels([*rows, {"text": "ensam", "label": "once", "film": 31}]).split(test=0.3)
    train, films = parts.train.rows, parts.train.rows["film"].to_list()
    texts, so = train["text"].to_numpy(), train["label"].to_numpy()
    folds = list(StratifiedGroupKFold(3, shuffle=True, random_state=1).split(texts, so, films))

    def fitted(places, penalty, weight):
        head = LogisticRegression(C=penalty, class_weight=weight, max_iter=1_000)
        weigh = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+")
        return make_pipeline(weigh, head).fit(texts[places], so[places])

    def score(penalty, weight):
        each = [(so[left], fitted(known, penalty, weight).predict(texts[left]))
                for known, left in folds]  # fmt: skip
        return np.mean([metrics.f1_score(*one, average="macro", zero_division=0.0) for one in each])

    tried = {(c, one): score(c, one) for c in STRENGTHS for one in (None, "balanced")}
    best = max(tried, key=tried.__getitem__)
    assert best[1] == "balanced"
    asked = parts.test.rows["text"].to_numpy()
    model = fitted(np.arange(len(so)), *best)
    said = tfidf(parts.train, parts.test, films, 1)
    assert said["label"].to_list() == model.predict(asked).tolist()
    shares = said.select(f"score_{one}" for one in model.classes_).to_numpy()
    np.testing.assert_allclose(shares, model.predict_proba(asked), atol=1e-9)


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
    said = word_overlap(pairs.train, pairs.test, pairs.train.rows["film"].to_list(), 1)
    assert said.columns == ["id", "label", "score", "score_next", "score_other film", "note"]
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
    assert majority_by_word(words.train, words.test)["label"].to_list() == said
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
    with pytest.raises(LabelError, match="predictions of 'none' are a list"):
        baselines(parts, {"none": ["sun"]}, only=["majority"])
