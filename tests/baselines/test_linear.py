"""Linear baselines, against scikit-learn put together by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kblib.baselines.linear import tfidf, word_overlap
from kblib.fewshot.logistic_head import STRENGTHS
from kblib.labels import read_labels

metrics = pytest.importorskip("sklearn.metrics")
LogisticRegression = pytest.importorskip("sklearn.linear_model").LogisticRegression
StratifiedGroupKFold = pytest.importorskip("sklearn.model_selection").StratifiedGroupKFold
TfidfVectorizer = pytest.importorskip("sklearn.feature_extraction.text").TfidfVectorizer
make_pipeline = pytest.importorskip("sklearn.pipeline").make_pipeline


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


def test_word_overlap_gives_a_share_of_each_label(pairs):
    said = word_overlap(pairs.train, pairs.test, pairs.train.rows["film"].to_list(), 1)
    assert said.columns == ["id", "label", "score", "score_next", "score_other film", "note"]
    shares = said.select("score_next", "score_other film").to_numpy()
    assert shares.sum(axis=1) == pytest.approx(1)
    assert said["score"].to_numpy() == pytest.approx(shares.max(axis=1))
