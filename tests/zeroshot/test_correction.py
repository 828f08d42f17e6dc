"""Scores corrected by a few labels: a maximum found otherwise, and that it helps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kblib.errors import LabelError
from kblib.labels import read_labels
from kblib.labels.labelled import Labels
from kblib.zeroshot.classifier import ZeroShotClassifier
from kblib.zeroshot.correction import Correction, correct

BIASES = np.array([1.5, 0.0, -1.5])


def drawn(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return evidence that is three times too sure and leans, and what is so."""
    draw = np.random.default_rng(seed)
    true_NL = draw.normal(size=(n, 3))
    share_NL = np.exp(true_NL) / np.exp(true_NL).sum(1, keepdims=True)
    so_N = np.array([draw.choice(3, p=share) for share in share_NL])
    return 3 * (true_NL - BIASES), so_N


@pytest.mark.parametrize("multi", [False, True])
def test_scale_and_biases_are_those_of_another_optimiser(multi: bool) -> None:
    evidence_NL, so_N = drawn(80)
    found = correct(evidence_NL, so_N, list(range(80)), multi=multi)
    scale = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
    biases = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    evidence, so = torch.tensor(evidence_NL), torch.tensor(so_N)
    search = torch.optim.LBFGS([scale, biases], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        search.zero_grad()
        says = scale * evidence + biases
        if multi:
            yes = torch.nn.functional.one_hot(so, 3).double()
            nats = torch.nn.functional.binary_cross_entropy_with_logits(says, yes, reduction="sum")
        else:
            nats = torch.nn.functional.cross_entropy(says, so, reduction="sum")
        whole = nats + 0.5 * ((scale - 1) ** 2 + (biases**2).sum())
        whole.backward()
        return whole

    search.step(loss)  # type: ignore[no-untyped-call]
    assert found.scale == pytest.approx(scale.item(), abs=1e-4)
    np.testing.assert_allclose(found.biases, biases.detach().numpy(), atol=1e-4)


def test_correction_helps_where_scores_lean() -> None:
    evidence_NL, so_N = drawn(400)
    found = correct(evidence_NL, so_N, list(range(400)), multi=False)
    assert found.scale == pytest.approx(1 / 3, abs=0.08)
    np.testing.assert_allclose(found.biases - found.biases.mean(), BIASES, atol=0.5)
    assert found.measured["nats"] < found.measured["nats_before"] - 0.2
    assert found.measured["right"] > found.measured["right_before"] + 0.05
    again = Correction.from_dict(found.to_dict())
    np.testing.assert_array_equal(again(evidence_NL), found(evidence_NL))


def test_more_labels_are_advised_while_biases_are_unsure() -> None:
    few, many = (correct(*drawn(n), list(range(n)), multi=False) for n in (12, 2000))
    assert few.wanted > 12
    assert few.errors.max() > many.errors.max()
    assert any(f"About {few.wanted:,} labels would be needed" in note for note in few.notes)
    assert many.wanted == 2000
    assert not any("would be needed" in note for note in many.notes)


def test_errors_are_how_much_biases_differ_between_draws() -> None:
    found = [correct(*drawn(300, seed), list(range(300)), multi=False) for seed in range(30)]
    biases = np.array([one.biases - one.biases.mean() for one in found])
    errors = np.mean([one.errors for one in found], axis=0)
    np.testing.assert_allclose(errors, biases.std(axis=0, ddof=1), rtol=0.4)


def test_evidence_that_points_the_wrong_way_counts_for_nothing() -> None:
    evidence_NL, so_N = drawn(100)
    assert correct(-evidence_NL, so_N, list(range(100)), multi=False).scale == 0


def test_groups_are_held_back_whole() -> None:
    evidence_NL, so_N = drawn(40)
    assert correct(evidence_NL, so_N, ["SF1"] * 40, multi=False).measured == {}


def test_texts_without_a_group_are_held_back_one_by_one() -> None:
    evidence_NL, so_N = drawn(40)
    alone = correct(evidence_NL, so_N, [None] * 40, multi=False)
    assert alone.measured == correct(evidence_NL, so_N, list(range(40)), multi=False).measured


@pytest.fixture
def labels() -> Labels:
    rows = [{"text": f"Kungen kom år {n}.", "label": "hov", "film": f"SF{n}"} for n in range(12)]
    rows += [{"text": f"Tåget gick år {n}.", "label": "resor", "film": f"SF{n}"} for n in range(12)]
    return read_labels(rows)


def test_judge_is_corrected_and_says_so(labels: Labels) -> None:
    judge = ZeroShotClassifier("kb-mini-masked", ["hov", "resor"], method="sentences")
    better = judge.corrected_by(labels)
    assert judge.correction is None
    found = better.predict(labels)
    assert found.provenance["corrected"]["n_texts"] == 24
    assert "Scores were corrected by 24 labels." in found.warnings
    before = judge.predict(labels)
    assert better.correction is not None
    np.testing.assert_allclose(found.evidence, better.correction(before.evidence))
    again = ZeroShotClassifier.from_dict(str(judge.folder), better.to_dict())
    assert again.predict(labels).rows.equals(found.rows)


def test_labels_that_cannot_correct_are_refused(labels: Labels) -> None:
    judge = ZeroShotClassifier("kb-mini-masked", ["hov", "sport"], method="sentences")
    with pytest.raises(LabelError, match="The labels have 'resor', which was not offered"):
        judge.corrected_by(labels)
    with pytest.raises(LabelError, match="There are 12 labelled texts with 1 different labels"):
        judge.corrected_by(labels.take(["hov"]))
    with pytest.raises(LabelError, match="Keywords were counted"):
        ZeroShotClassifier(labels=["hov", "resor"], method="keywords").corrected_by(labels)
    with pytest.raises(LabelError, match=r"The labels are 'labels\.csv'"):
        judge.corrected_by("labels.csv")  # type: ignore[arg-type]
