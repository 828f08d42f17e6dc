"""Templates compared, and limits below which no label is given."""

from __future__ import annotations

import re

import numpy as np
import pytest

from kblib.errors import LabelError
from kblib.labels import read_labels
from kblib.labels.labelled import Labels
from kblib.models.sentence_encoder import SentenceEncoder
from kblib.ngrams.stratified import wilson
from kblib.zeroshot.abstaining import abstention
from kblib.zeroshot.classifier import ZeroShotClassifier, zero_shot
from kblib.zeroshot.templates import MEAN, compare_templates

TEMPLATES = ["Om {}.", "Texten handlar om {}."]
NAMES = ["hov", "resor"]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder.open("kb-mini-masked")


@pytest.fixture(scope="module")
def labels() -> Labels:
    rows = [{"text": f"Kungen kom år {n}.", "label": "hov"} for n in range(10)]
    rows += [{"text": f"Tåget gick år {n}.", "label": "resor"} for n in range(10)]
    return read_labels(rows)


def test_each_template_has_the_share_right_that_it_has_alone(
    encoder: SentenceEncoder, labels: Labels
) -> None:
    study = compare_templates(labels, NAMES, TEMPLATES, model=encoder)
    assert study.rows["template"].to_list() == [*TEMPLATES, MEAN]
    so = labels.rows["label"].to_list()
    for template, row in zip(TEMPLATES, study.rows.to_dicts(), strict=False):
        alone = zero_shot(labels, NAMES, model=encoder, template=template).rows["label"].to_list()
        right = float(np.mean([one == other for one, other in zip(alone, so, strict=True)]))
        assert row["right"] == pytest.approx(right)
        assert (row["low"], row["high"]) == pytest.approx(wilson(right, 20, 1.959964), abs=1e-6)
        mean = study.result.rows["label"].to_list()
        agrees = float(np.mean([one == other for one, other in zip(alone, mean, strict=True)]))
        assert row["agrees"] == pytest.approx(agrees)
    assert study.rows["agrees"][-1] == 1
    assert "too good on the texts it was chosen by" in study.warnings[-1]


def test_without_labels_only_agreement_is_told(encoder: SentenceEncoder) -> None:
    study = compare_templates(["Kungen kom.", "Tåget gick."], NAMES, TEMPLATES, model=encoder)
    assert "right" not in study.rows.columns
    assert "how steady the answers are, not how right" in study.warnings[-1]


def test_labels_that_are_not_asked_for_are_refused(
    encoder: SentenceEncoder, labels: Labels
) -> None:
    with pytest.raises(LabelError) as caught:
        compare_templates(labels, ["hov", "resa"], TEMPLATES, model=encoder)
    first = labels.rows.filter(label="resor")["id"][0]
    assert str(caught.value) == (
        f"10 of 20 texts are labelled with what is not asked for; the first is '{first}': 'resor'. "
        "Asked for are: hov, resa.\n  "
        "compare_templates(labels.take(['hov']), ...), or ask for it too"
    )
    with pytest.raises(LabelError, match="Name the labels as they are written on the texts"):
        compare_templates(labels, ["Hov", "Resor"], TEMPLATES, model=encoder)


@pytest.mark.parametrize("templates", ["Om {}.", ["Om {}."], ["Om {}.", "Om {}."]])
def test_one_template_is_nothing_to_compare(encoder: SentenceEncoder, templates: list[str]) -> None:
    with pytest.raises(LabelError, match=re.escape(f"The templates are {templates!r}.")):
        compare_templates(["Kungen kom."], NAMES, templates, model=encoder)


def test_labels_of_whole_sentences_have_no_template(encoder: SentenceEncoder) -> None:
    given = {"hov": "Kungen kom.", "resor": "tåget"}
    with pytest.raises(LabelError, match=r"by the template 'Om \{\}\.'"):
        compare_templates(["Kungen kom."], given, TEMPLATES, model=encoder)


def test_limits_trade_texts_for_right_ones(encoder: SentenceEncoder, labels: Labels) -> None:
    judge = ZeroShotClassifier(encoder, NAMES)
    result = judge.predict(labels)
    found = abstention(result, labels)
    scores, said = result.rows["score"].to_numpy(), result.rows["label"].to_list()
    right = np.array(
        [one == so for one, so in zip(said, labels.rows["label"].to_list(), strict=True)]
    )
    for row in found.rows.to_dicts():
        kept = right[scores >= row["least"]]
        assert (row["texts"], row["right"]) == (len(kept), pytest.approx(kept.mean()))
        assert row["labelled"] == pytest.approx(len(kept) / 20)
    assert found.rows["least"][0] == 0
    assert found.least(0.0) == 0
    assert found.least(1.0) is None or found.least(1.0) > 0
    limited = abstention(result.abstain(float(np.median(scores))), labels)
    assert limited.rows.equals(found.rows)


def test_limits_need_labels(encoder: SentenceEncoder, labels: Labels) -> None:
    result = ZeroShotClassifier(encoder, NAMES).predict(["Kungen kom."])
    with pytest.raises(LabelError, match="0 of 1 texts have a label of both"):
        abstention(result, labels)
