"""Spans and single-number scores, against seqeval, scikit-learn and pandas."""

from __future__ import annotations

import random

import pandas as pd
import pytest
from seqeval.metrics import f1_score, precision_score, recall_score
from seqeval.metrics.sequence_labeling import get_entities
from sklearn.metrics import accuracy_score
from sklearn.metrics import f1_score as macro_f1

from kblib.finetuning.points import label_points, scale_points, span_points
from kblib.finetuning.spans import are_of_spans, spans_of

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "E-PER", "S-LOC")


def drawn(seed: int, labels=LABELS) -> list[str]:
    draw = random.Random(seed)
    return [draw.choice(labels) for _ in range(draw.randint(1, 12))]


@pytest.mark.parametrize("seed", range(60))
def test_spans_are_those_of_seqeval(seed: int) -> None:
    labels = drawn(seed)
    ours = [(span.kind, span.first, span.stop - 1) for span in spans_of(labels)]
    assert ours == get_entities(labels)


def test_scores_of_spans_are_those_of_seqeval() -> None:
    so = [drawn(seed, LABELS[:5]) for seed in range(40)]
    said = [
        [label if random.Random(f"{n}{at}").random() < 0.6 else "O" for at, label in enumerate(row)]
        for n, row in enumerate(so)
    ]
    found = span_points(so, said)
    assert found["span_f1"] == pytest.approx(f1_score(so, said))
    assert found["span_precision"] == pytest.approx(precision_score(so, said))
    assert found["span_recall"] == pytest.approx(recall_score(so, said))


def test_scores_of_labels_are_those_of_scikit_learn() -> None:
    draw = random.Random(2)
    so = [draw.choice("abc") for _ in range(200)]
    said = [one if draw.random() < 0.7 else draw.choice("abcd") for one in so]
    found = label_points(so, said)
    assert found["accuracy"] == pytest.approx(accuracy_score(so, said))
    assert found["macro_f1"] == pytest.approx(macro_f1(so, said, average="macro"))


def test_correlations_are_those_of_pandas() -> None:
    draw = random.Random(3)
    so = [float(draw.randint(0, 5)) for _ in range(80)]
    said = [one + draw.gauss(0, 1) for one in so]
    found = scale_points(so, said)
    table = pd.DataFrame({"so": so, "said": said})
    assert found["pearson"] == pytest.approx(table.corr().iloc[0, 1])
    assert found["spearman"] == pytest.approx(table.rank().corr().iloc[0, 1])
    assert scale_points([1.0, 2.0], [3.0, 3.0])["pearson"] == 0.0


def test_no_answer_is_wrong() -> None:
    assert label_points(["a", "b"], ["a", None]) == {"accuracy": 0.5, "macro_f1": 0.5}


def test_names_of_parts_of_speech_are_no_spans() -> None:
    assert not are_of_spans(["NOUN", "B-PER", "O"])
    assert not are_of_spans(["O"])


def test_names_without_letters_are_spans_of_neighbours() -> None:
    assert are_of_spans(["O", "PER", "LOC"])
    found = [(span.kind, span.first, span.stop) for span in spans_of(["PER", "PER", "O", "LOC"])]
    assert found == [("PER", 0, 2), ("LOC", 3, 4)]
    both = [f"I-{label}" if label != "O" else "O" for label in ("PER", "LOC", "O", "PER")]
    assert list(spans_of(both)) == list(spans_of(["PER", "LOC", "O", "PER"]))
