"""The logistic head: what scikit-learn and hand arithmetic say, and that it is read as written."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kblib.errors import IntegrityError, LabelError
from kblib.fewshot import logistic_head
from kblib.fewshot.logistic_head import HEAD, STRENGTHS, TENSORS, USUAL, LogisticHead


def drawn(n: int = 90, kinds: int = 3, seed: int = 1):
    """Vectors around a point a label, far from zero and on a small scale, as encoders make them."""
    draw = np.random.default_rng(seed)
    answers = np.arange(n) % kinds
    middles = draw.normal(size=(kinds, 5))
    vectors = 7 + 0.01 * (middles[answers] + draw.normal(size=(n, 5)))
    return vectors, [f"label {one}" for one in answers]


@pytest.mark.parametrize("kinds", [2, 3])
def test_shares_are_those_of_scikit_learn(kinds):
    vectors, answers = drawn(kinds=kinds)
    head = LogisticHead.fit(vectors, answers, names=sorted(set(answers)))
    spread = np.sqrt(((vectors - vectors.mean(axis=0)) ** 2).mean())
    scaled = (vectors - vectors.mean(axis=0)) / spread
    model = LogisticRegression(C=head.strength, max_iter=2_000).fit(scaled, answers)
    np.testing.assert_allclose(head.shares(vectors), model.predict_proba(scaled), atol=1e-6)


def test_balanced_shares_are_those_of_scikit_learn():
    vectors, answers = drawn()
    some = [*range(0, 90, 3), *range(1, 30, 3), *range(2, 30, 3)]
    vectors, answers = vectors[some], [answers[one] for one in some]
    head = LogisticHead.fit(vectors, answers, names=sorted(set(answers)), balanced=True)
    spread = np.sqrt(((vectors - vectors.mean(axis=0)) ** 2).mean())
    scaled = (vectors - vectors.mean(axis=0)) / spread
    model = LogisticRegression(C=head.strength, max_iter=2_000, class_weight="balanced")
    model.fit(scaled, answers)
    np.testing.assert_allclose(head.shares(vectors), model.predict_proba(scaled), atol=1e-6)


def test_strength_has_the_least_surprise_at_labels_held_out():
    vectors, answers = drawn()
    head = LogisticHead.fit(vectors, answers, names=sorted(set(answers)))
    assert list(head.tried) == list(STRENGTHS)
    assert head.tried[head.strength] == min(head.tried.values())


def test_tried_loss_is_that_of_a_plain_loop():
    vectors, answers = drawn()
    names, groups = sorted(set(answers)), [number // 6 for number in range(90)]
    head = LogisticHead.fit(vectors, answers, names=names, groups=groups, seed=3)
    numbers = np.array([names.index(one) for one in answers])
    spread = np.sqrt(((vectors - vectors.mean(axis=0)) ** 2).mean())
    scaled = (vectors - vectors.mean(axis=0)) / spread
    surprise = []
    for train, test in logistic_head._folds(numbers, np.array(groups), 3):
        assert not {groups[one] for one in train} & {groups[one] for one in test}
        model = LogisticRegression(C=1.0, max_iter=2_000).fit(scaled[train], numbers[train])
        for place in test:
            shares = model.predict_proba(scaled[[place]])[0]
            surprise.append(-np.log(shares[list(model.classes_).index(numbers[place])]))
    assert len(surprise) == 90
    assert head.tried[1.0] == pytest.approx(np.mean(surprise), rel=1e-9)


def test_few_labels_take_the_usual_strength():
    vectors, answers = drawn(n=6)
    head = LogisticHead.fit(vectors, answers, names=sorted(set(answers)))
    assert head.tried == {}
    assert head.strength == USUAL


def test_label_that_no_text_has_is_left_out():
    vectors, answers = drawn()
    head = LogisticHead.fit(vectors, answers, names=["absent", *sorted(set(answers))])
    assert head.labels == ("label 0", "label 1", "label 2")


def test_texts_without_a_group_are_their_own():
    vectors, answers = drawn(30)
    one = {"names": sorted(set(answers)), "seed": 3}
    alone = LogisticHead.fit(vectors, answers, groups=[None] * 30, **one)
    assert alone.tried == LogisticHead.fit(vectors, answers, **one).tried != {}
    assert LogisticHead.fit(vectors, answers, groups=["SF1"] * 30, **one).tried == {}


def test_one_label_is_refused():
    with pytest.raises(LabelError, match="1 different labels were given"):
        LogisticHead.fit(np.ones((3, 2)), ["a", "a", "a"], names=["a", "b"])


def test_equal_vectors_give_the_shares_of_the_labels():
    head = LogisticHead.fit(np.ones((4, 3)), ["a", "a", "a", "b"], names=["a", "b"])
    assert head.shares(np.ones((1, 3)))[0] == pytest.approx([0.75, 0.25], abs=1e-4)


def test_head_is_read_bit_by_bit_as_written(tmp_path):
    vectors, answers = drawn()
    head = LogisticHead.fit(vectors, answers, names=sorted(set(answers)))
    head.save(tmp_path)
    again = LogisticHead.open(tmp_path)
    assert again.labels == head.labels
    assert again.tried == head.tried
    assert (again.shares(vectors) == head.shares(vectors)).all()


@pytest.mark.parametrize("damage", ["cut", "no labels", "gone"])
def test_damaged_head_is_told(tmp_path, damage):
    vectors, answers = drawn()
    LogisticHead.fit(vectors, answers, names=sorted(set(answers))).save(tmp_path)
    if damage == "cut":
        (tmp_path / TENSORS).write_bytes((tmp_path / TENSORS).read_bytes()[:40])
    elif damage == "gone":
        (tmp_path / TENSORS).unlink()
    else:
        (tmp_path / HEAD).write_text(json.dumps({"strength": 1.0}), encoding="utf-8")
    with pytest.raises(IntegrityError, match=r"The head in .* cannot be read"):
        LogisticHead.open(tmp_path)
