"""Attention; the second source is transformers' own output, and loops over words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForMaskedLM, PreTrainedModel

from kblib.errors import ModelError
from kblib.models.attention import Attention, attention, roll_out
from kblib.models.causal import CausalLM
from kblib.models.masked import MaskedLM
from kblib.tokens.subwords import Tokenizer

SENTENCE = "Kungen och [MASK] besökte järnvägsstationen."


@pytest.fixture
def model(masked_folder: Path) -> MaskedLM:
    return MaskedLM.open(masked_folder, device="cpu")


@pytest.fixture
def seen(model: MaskedLM) -> Attention:
    return attention(model, SENTENCE)


def test_weights_are_those_of_transformers(seen: Attention, masked_folder: Path) -> None:
    theirs = AutoModelForMaskedLM.from_pretrained(masked_folder, attn_implementation="eager")
    ids = Tokenizer.open(masked_folder).encode(SENTENCE)
    with torch.no_grad():
        found = theirs(input_ids=torch.tensor([ids]), output_attentions=True).attentions
    wanted = np.stack([layer[0].numpy() for layer in found])
    assert seen.weights.shape == (2, 2, len(ids), len(ids)) == wanted.shape
    np.testing.assert_allclose(seen.weights, wanted, atol=1e-6)


def test_units_hold_every_token_once(seen: Attention) -> None:
    assert [place for unit in seen.units for place in unit.places] == list(range(len(seen.tokens)))
    kinds = [unit.kind for unit in seen.units]
    assert kinds == ["frame", "word", "word", "blank", "word", "word", "mark", "frame"]


def test_words_give_the_mean_and_get_the_sum(seen: Attention) -> None:
    assert max(len(unit.places) for unit in seen.units) > 1
    for layer, head in np.ndindex(2, 2):
        for a, one in enumerate(seen.units):
            for b, other in enumerate(seen.units):
                total = sum(
                    float(seen.weights[layer, head, i, j]) for i in one.places for j in other.places
                )
                assert seen.by_word[layer, head, a, b] == pytest.approx(
                    total / len(one.places), abs=1e-5
                )
    np.testing.assert_allclose(seen.by_word.sum(-1), 1.0, atol=1e-5)


def test_rollout_of_two_layers_by_hand() -> None:
    first, second = np.array([[0.6, 0.4], [0.2, 0.8]]), np.array([[1.0, 0.0], [0.5, 0.5]])
    weights = np.stack([first, second])[:, None].astype(np.float32)
    # (second + 1)/2 = [[1, 0], [.25, .75]] times (first + 1)/2 = [[.8, .2], [.1, .9]].
    np.testing.assert_allclose(roll_out(weights), [[0.8, 0.2], [0.275, 0.725]], atol=1e-6)


def test_rollout_shares_out_everything(seen: Attention) -> None:
    np.testing.assert_allclose(seen.rollout.sum(-1), 1.0, atol=1e-5)


def test_one_head_and_the_mean_of_all(seen: Attention) -> None:
    np.testing.assert_array_equal(seen.of(3, layer=2, head=1), seen.by_word[1, 0, 3])
    np.testing.assert_allclose(seen.of(3), seen.by_word[:, :, 3].mean(axis=(0, 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"layer": 3}, "There is no layer 3. This model has layers 1 to 2."),
        ({"head": 0}, "There is no head 0. This model has heads 1 to 2."),
        ({"unit": "Kungen"}, "There is no unit 'Kungen'."),
        ({"unit": 99}, "There is no unit 99. They are numbered 0 to 7."),
    ],
)
def test_what_is_not_there_is_said(seen: Attention, asked: dict[str, int], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        seen.of(**{"unit": 0, **asked})


def test_table_has_a_row_for_each_weight(seen: Attention) -> None:
    table = seen.table
    assert len(table) == 2 * 2 * len(seen.units) ** 2
    row = table[(table.layer == 2) & (table["head"] == 1) & (table.from_unit == 3)].iloc[1]
    assert (row["from"], row["to"]) == ("[MASK]", "Kungen")
    assert row["weight"] == pytest.approx(float(seen.by_word[1, 0, 3, 1]))


def test_model_goes_back_to_the_fast_way(model: MaskedLM) -> None:
    before = model.model.config._attn_implementation
    attention(model, SENTENCE)
    assert model.model.config._attn_implementation == before == "sdpa"


def test_model_that_keeps_no_weights_is_told_in_words(
    model: MaskedLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model.model, "set_attn_implementation", lambda _: None)
    with pytest.raises(ModelError, match=r"gave the attention of 0 of its 2 layers") as told:
        attention(model, SENTENCE)
    assert 'attn_implementation="eager"' in str(told.value)


def test_model_without_the_plain_way_is_told_in_words(
    model: MaskedLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: str) -> None:
        raise ValueError("no eager here")

    monkeypatch.setattr(model.model, "set_attn_implementation", refuse)
    with pytest.raises(ModelError, match="cannot show its attention: no eager here"):
        attention(model, SENTENCE)


def test_causal_model_looks_back_only(causal_model: PreTrainedModel, bpe: Tokenizer) -> None:
    seen = attention(CausalLM(causal_model, bpe, name="causal"), "Kungen besökte Malmö.")
    assert not np.triu(seen.weights, 1).any()
    np.testing.assert_allclose(seen.by_word.sum(-1), 1.0, atol=1e-5)


@pytest.mark.parametrize("text", ["", "och " * 40])
def test_text_that_cannot_be_read_is_refused(model: MaskedLM, text: str) -> None:
    with pytest.raises(ModelError, match=r"The text is empty|The text has 42 tokens"):
        attention(model, text)


def test_name_of_a_model_is_not_read() -> None:
    with pytest.raises(ModelError, match="An opened model was expected"):
        attention("kb-mini-masked", SENTENCE)  # type: ignore[arg-type]
