"""Heads: which layouts read from left to right, by what transformers says of them."""

from __future__ import annotations

from types import SimpleNamespace

from transformers.models.auto import modeling_auto as known

from kblib.models.new_head import CAUSAL, is_causal


def test_layouts_that_read_from_left_to_right_fill_no_blanks():
    going_on = set(known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    filling = set(known.MODEL_FOR_MASKED_LM_MAPPING_NAMES)
    headed = set(known.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES)
    assert set(CAUSAL) <= (going_on - filling) & headed
    assert is_causal(SimpleNamespace(model_type="qwen3"))
    assert not is_causal(SimpleNamespace(model_type="modernbert"))
