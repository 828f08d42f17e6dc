"""Bits, vectors and labels of many texts: those of one text at a time, by transformers itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    PreTrainedModel,
    pipeline,
)

from kblib.errors import ModelError
from kblib.models.batch_texts import bits_all, labels_all, vectors_all
from kblib.models.causal import CausalLM
from kblib.models.classifier import SequenceClassifier
from kblib.models.encoder import Encoder
from kblib.tokens.subwords import Tokenizer

LABELS = ("brott", "handel", "väder")
SEQ_LEN = 32


def save_classifier(folder: Path, tokenizer: Tokenizer, **changes: Any) -> Path:
    """Save a classifier with random weights, as transformers does."""
    names = dict(enumerate(LABELS))
    config = BertConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=SEQ_LEN,
        pad_token_id=tokenizer.pad_id,
        **{"id2label": names, "label2id": {label: n for n, label in names.items()}, **changes},
    )
    torch.manual_seed(1)
    model = BertForSequenceClassification(config)
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.mul_(6.0)
    model.save_pretrained(folder)
    tokenizer.save(folder, seq_len=SEQ_LEN)
    return folder


@pytest.fixture(scope="module")
def classifier_folder(wordpiece: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tmp_path_factory.mktemp("models") / "topics", wordpiece)


def test_bits_are_those_of_one_by_one(
    causal_model: PreTrainedModel, bpe: Tokenizer, documents: tuple[str, ...]
) -> None:
    model = CausalLM(causal_model, bpe, name="small")
    texts = [*documents, " ".join(documents)]
    table = bits_all(model, texts)
    for text, row in zip(texts, table.to_dicts(), strict=True):
        alone = model.perplexity([text])
        assert row["bits_per_byte"] == pytest.approx(alone.bits_per_byte, rel=1e-5)
        assert row["bits"] == pytest.approx(row["bits_per_byte"] * len(text.encode()))
    last = table.to_dicts()[-1]
    assert last["note"] == f"Read in {last['n_windows']} windows that overlap by half."
    assert last["n_windows"] > 1


def test_labels_are_those_of_the_pipeline(
    classifier_folder: Path, documents: tuple[str, ...]
) -> None:
    table = labels_all(SequenceClassifier.open(classifier_folder), documents)
    peer = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(classifier_folder),
        tokenizer=AutoTokenizer.from_pretrained(classifier_folder),
        top_k=None,
        device="cpu",
    )
    for text, row in zip(documents, table.to_dicts(), strict=True):
        alone = {one["label"]: one["score"] for one in peer([text])[0]}
        assert row["label"] == max(alone, key=alone.__getitem__)
        assert row["score"] == row[f"score_{row['label']}"]
        for label, score in alone.items():
            assert row[f"score_{label}"] == pytest.approx(score, abs=1e-5)
    assert np.ptp(table["score"].to_numpy()) > 1e-3  # the texts are not all the same to it


def test_vectors_are_those_of_one_by_one(
    classifier_folder: Path, documents: tuple[str, ...]
) -> None:
    table = vectors_all(SequenceClassifier.open(classifier_folder), documents)
    body, tokenizer = (
        kind.from_pretrained(classifier_folder) for kind in (AutoModel, AutoTokenizer)
    )
    for text, vector in zip(documents, table["vector"], strict=True):
        with torch.inference_mode():
            states = body(**tokenizer(text, return_tensors="pt")).last_hidden_state
        np.testing.assert_allclose(vector.to_numpy(), states[0].mean(0).numpy(), atol=1e-5)
    also = vectors_all(Encoder.open(classifier_folder), documents)
    assert also["vector"].to_list() == table["vector"].to_list()


def test_long_text_has_the_mean_of_its_windows(classifier_folder: Path) -> None:
    model = SequenceClassifier.open(classifier_folder)
    whole = "Kungen besökte Stockholm. " * 20
    ids = model.tokenizer.encode(whole, special=False)
    n = math.ceil(len(ids) / (SEQ_LEN - 2))
    size = math.ceil(len(ids) / n)
    row = labels_all(model, [whole]).to_dicts()[0]
    assert (row["n_tokens"], row["n_windows"]) == (len(ids), n)
    assert row["note"] == f"Read in {n} windows."
    total, weights = np.zeros(len(LABELS)), 0
    for start in range(0, len(ids), size):
        window = [model.tokenizer.first_id, *ids[start : start + size], model.tokenizer.end_id]
        with torch.inference_mode():
            share = model.model(input_ids=torch.tensor([window])).logits.softmax(-1)[0].numpy()
        total, weights = total + share * len(window), weights + len(window)
    scores = [row[f"score_{label}"] for label in LABELS]
    np.testing.assert_allclose(scores, total / weights, atol=1e-5)


def test_empty_texts_have_nulls_and_a_reason(
    classifier_folder: Path, causal_model: PreTrainedModel, bpe: Tokenizer
) -> None:
    classifier = SequenceClassifier.open(classifier_folder)
    causal = CausalLM(causal_model, bpe, name="small")
    texts = ["", "Kungen kom."]
    for table, column in (
        (labels_all(classifier, texts), "label"),
        (vectors_all(classifier, texts), "vector"),
        (bits_all(causal, texts), "bits"),
    ):
        first, second = table.to_dicts()
        assert (first[column], first["note"]) == (None, "The text is empty.")
        assert (first["n_tokens"], first["n_windows"]) == (0, 0)
        assert second[column] is not None
    blank, signs = labels_all(classifier, [" \n", "\u200b"])["note"]
    assert (blank, signs) == ("The text is empty.", "The text holds nothing that the model reads.")
    assert labels_all(classifier, []).height == 0


def test_several_labels_are_judged_each_by_itself(wordpiece: Tokenizer, tmp_path: Path) -> None:
    folder = save_classifier(
        tmp_path / "several", wordpiece, problem_type="multi_label_classification"
    )
    model = SequenceClassifier.open(folder)
    row = labels_all(model, ["Kungen kom."]).to_dicts()[0]
    ids = torch.tensor([wordpiece.encode("Kungen kom.")])
    with torch.inference_mode():
        shares = model.model(input_ids=ids).logits.sigmoid()[0].tolist()
    assert [row[f"score_{label}"] for label in LABELS] == pytest.approx(shares, abs=1e-5)


def test_model_of_one_number_is_refused(wordpiece: Tokenizer, tmp_path: Path) -> None:
    folder = save_classifier(
        tmp_path / "one", wordpiece, id2label={0: "LABEL_0"}, label2id={"LABEL_0": 0}
    )
    with pytest.raises(ModelError, match=r"'one' gives a number, not one of several labels"):
        SequenceClassifier.open(folder)
