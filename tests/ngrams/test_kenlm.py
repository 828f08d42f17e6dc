"""KenLM itself, as it comes from the Python package index, reads our ARPA files."""

from __future__ import annotations

import random

import pytest

from kblib.ngrams.language_model import NgramLM

kenlm = pytest.importorskip(
    "kenlm", reason="kenlm is not installed; it compiles in minutes: pip install kenlm"
)


@pytest.fixture(scope="module")
def texts():
    draw = random.Random(3)
    words = ["a\u00a0b", "\u0085x", "é", *(f"ord{n}" for n in range(200))]
    weights = [1 / (n + 1) for n in range(len(words))]
    return [" ".join(draw.choices(words, weights, k=draw.choice([0, 1, 12]))) for _ in range(900)]


@pytest.mark.parametrize("prune", [(), (0, 0, 1), (0, 1, 1), (1,)], ids=str)
@pytest.mark.parametrize("order", range(2, 7))
def test_kenlm_scores_as_we_do(tmp_path, texts, order, prune):
    model = NgramLM.train(texts, order=order, prune=prune[:order])
    reader = kenlm.Model(str(model.to_arpa(tmp_path / "our.arpa")))
    assert reader.order == order
    draw = random.Random(4)
    words = " ".join(texts).split(" ")
    new = [*texts[:60], *(" ".join([*draw.choices(words, k=7), "okänt"]) for _ in range(60))]
    for text in new:
        assert model.log10_score(text) == pytest.approx(reader.score(text), abs=1e-4), text
