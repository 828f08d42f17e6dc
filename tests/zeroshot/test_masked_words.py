"""Zero-shot by a blank: a slow way by hand, one label and one window at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kblib.errors import LabelError
from kblib.models.masked import MaskedLM
from kblib.tokens.subwords import Tokenizer
from kblib.zeroshot.asked import Asked
from kblib.zeroshot.classifier import ZeroShotClassifier
from kblib.zeroshot.masked_words import MaskedWords
from tests.models.conftest import masked_model  # noqa: F401
from tests.zeroshot.conftest import LABELS, TEMPLATE

LONG = "järnvägen till Malmö"


@pytest.fixture
def model(masked_model: object, wordpiece: Tokenizer) -> MaskedLM:  # noqa: F811
    return MaskedLM(masked_model, wordpiece, name="small")  # type: ignore[arg-type]


def by_hand(model: MaskedLM, text: str, label: str) -> float:
    """Return the sum of the log-probabilities of a label's pieces behind as many masks."""
    tokenizer = model.tokenizer
    pieces = tokenizer.encode(label, special=False)
    ids = tokenizer.encode(f"{text} {TEMPLATE.replace('{}', '[MASK]')}")
    place = ids.index(tokenizer.mask_id)
    ids[place : place + 1] = [tokenizer.mask_id] * len(pieces)
    with torch.inference_mode():
        logits = model.model(input_ids=torch.tensor([ids])).logits[0]
    logs = logits[:, : tokenizer.vocab_size].log_softmax(-1)
    return sum(float(logs[place + n, piece]) for n, piece in enumerate(pieces))


def test_evidence_is_what_the_text_adds(model: MaskedLM, documents: tuple[str, ...]) -> None:
    labels = [*LABELS, LONG]
    texts = [text for text in documents if len(model.tokenizer.encode(text)) < 15]
    found = MaskedWords(model).evidence(texts, Asked.of(labels, TEMPLATE, multi=False), multi=False)
    assert len(model.tokenizer.encode(LONG, special=False)) > 2
    for text, row in zip(texts, found.values, strict=True):
        slow = [by_hand(model, text, label) - by_hand(model, "", label) for label in labels]
        np.testing.assert_allclose(row, slow, atol=1e-4)


def test_each_label_by_itself_stands_against_something_else(model: MaskedLM) -> None:
    asked = Asked.of(["kungen"], TEMPLATE, multi=True)
    text = "Kungen kom."
    found = MaskedWords(model).evidence([text], asked, multi=True).values[0, 0]
    one, other = (
        by_hand(model, text, label) - by_hand(model, "", label)
        for label in ("kungen", "något annat")
    )
    assert found == pytest.approx(one - other, abs=1e-4)


def test_result_says_how_labels_of_several_pieces_were_asked(model: MaskedLM) -> None:
    judge = ZeroShotClassifier(model, LABELS, template=TEMPLATE)
    found = judge.predict("Kungen besökte Stockholm i dag.")
    assert (found.method, found.model) == ("masked", "small")
    assert any("behind as many masks" in note for note in found.warnings)
    assert sum(found.one().values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"a": "Laget vann.", "b": "kungen"}, "'Laget vann.' stands for a label."),
        (["kungen", "日本"], "'small' cannot spell the label '日本'."),
    ],
)
def test_label_that_fills_no_blank_is_refused(model: MaskedLM, labels: object, said: str) -> None:
    judge = ZeroShotClassifier(model, labels, template=TEMPLATE)  # type: ignore[arg-type]
    with pytest.raises(LabelError, match=said):
        judge.predict("Kungen kom.")
