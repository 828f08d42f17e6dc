"""Layouts: how they read and what they label, by what transformers says of them."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from transformers.models.auto import modeling_auto as known

from kblib.errors import ModelError
from kblib.models.layouts import (
    BOTH_WAYS,
    CAUSAL,
    WITHOUT_WORDS,
    check_layout,
    is_causal,
    most_tokens,
)

GOING_ON = set(known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
FILLING = set(known.MODEL_FOR_MASKED_LM_MAPPING_NAMES)
OF_TEXTS = set(known.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
OF_WORDS = set(known.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES)


def test_layouts_that_read_from_left_to_right_fill_no_blanks() -> None:
    assert set(CAUSAL) <= (GOING_ON - FILLING) & OF_TEXTS
    assert set(BOTH_WAYS) <= FILLING & OF_TEXTS
    assert is_causal("qwen3")
    assert not is_causal("modernbert")


def test_layouts_without_a_head_for_words_are_those_of_transformers() -> None:
    assert {*CAUSAL, *BOTH_WAYS} - OF_WORDS == set(WITHOUT_WORDS)


def test_layout_without_a_head_is_refused_with_what_to_do() -> None:
    check_layout("mine", {"model_type": "opt"}, of="texts")
    with pytest.raises(ModelError, match=r"^'mine' has the layout 'opt', for which .* words\."):
        check_layout("mine", {"model_type": "opt"}, of="words")
    with pytest.raises(ModelError, match=r"^'mine' has the layout 't5', which cannot") as caught:
        check_layout("mine", {"model_type": "t5"}, of="texts")
    assert "KB/bert-base-swedish-cased" in str(caught.value)


def test_longest_text_is_read_from_the_configuration() -> None:
    bert = SimpleNamespace(model_type="bert", max_position_embeddings=512, pad_token_id=0)
    roberta = {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    gpt2 = {"model_type": "gpt2", "n_positions": 1024}
    assert [most_tokens(one) for one in (bert, roberta, gpt2)] == [512, 512, 1024]
    with pytest.raises(ModelError, match=r"this t5 model has no max_position_embeddings\."):
        most_tokens(SimpleNamespace(model_type="t5"))
