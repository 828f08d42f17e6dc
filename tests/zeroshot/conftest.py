"""Small models of each kind that answer in words, with random weights that were enlarged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    MegatronBertConfig,
    MegatronBertForSequenceClassification,
)

from kblib.files import read_json, write_json
from kblib.tokens.subwords import CONFIG_FILE, Tokenizer
from tests.models.conftest import bpe, documents, wordpiece  # noqa: F401

SEQ_LEN = 64
LABELS = ("kungen", "tåget", "matchen")
TEMPLATE = "Texten handlar om {}."


def save_judge(
    folder: Path,
    tokenizer: Tokenizer,
    answers: tuple[str, ...],
    *,
    megatron: bool = False,
    types: bool = False,
) -> Path:
    """Save a classifier of pairs, as transformers does.

    Parameters
    ----------
    types
        Whether the tokenizer's configuration lets transformers tell which text a token is of.
    """
    names = dict(enumerate(answers))
    sizes: dict[str, Any] = {
        "vocab_size": tokenizer.vocab_size,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": SEQ_LEN,
        "pad_token_id": tokenizer.pad_id,
        "id2label": names,
        "label2id": {label: n for n, label in names.items()},
    }
    torch.manual_seed(1)
    model: Any = (
        MegatronBertForSequenceClassification(MegatronBertConfig(**sizes))
        if megatron
        else BertForSequenceClassification(BertConfig(**sizes))
    )
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.mul_(6.0)
    model.save_pretrained(folder)
    tokenizer.save(folder, seq_len=SEQ_LEN)
    if types:
        said = read_json(folder / CONFIG_FILE)
        said["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
        write_json(folder / CONFIG_FILE, said)
    return folder


@pytest.fixture(scope="session")
def judge_folder(wordpiece: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """Give a model laid out and named as KBLab's zero-shot model is."""
    folder = tmp_path_factory.mktemp("judges") / "megatron"
    answers = ("entailment", "neutral", "contradiction")
    return save_judge(folder, wordpiece, answers, megatron=True, types=True)


@pytest.fixture(scope="session")
def bert_folder(wordpiece: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """Give one with another order of answers, whose tokenizer tells no types."""
    folder = tmp_path_factory.mktemp("judges") / "bert"
    return save_judge(folder, wordpiece, ("CONTRADICTION", "NEUTRAL", "ENTAILMENT"))
