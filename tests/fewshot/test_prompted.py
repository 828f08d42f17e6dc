"""Prompting with examples: what the model says of each answer, and how many examples fit."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from kblib.errors import LabelError, ModelError
from kblib.fewshot.prompt_scores import SAYS_NOTHING, nats_of, opened_model
from kblib.fewshot.prompted import PromptedClassifier, shortened
from kblib.labels import Labels
from kblib.models.build import build_causal, build_masked
from kblib.models.causal import CausalLM
from kblib.models.masked import MaskedLM
from kblib.models.prompting import LAYOUT, prompt_of
from kblib.models.shape import ModelShape
from kblib.tokens.subwords import Tokenizer
from tests.fewshot.few_made import made_labels

WORDS = {"weather": "regn", "sport": "match", "court": "kungen"}
EXAMPLES = [("sol nu", "regn"), ("lag vinst", "match")]


@pytest.fixture(scope="module")
def labels() -> Labels:
    return made_labels(60, films=6)


def texts_of(labels: Labels) -> list[str]:
    return [*labels.rows["text"].to_list(), *["Text: Svar: regn match kungen\n"] * 9]


@pytest.fixture(scope="module")
def causal(labels) -> CausalLM:
    tokenizer = Tokenizer.train(texts_of(labels), kind="bpe", vocab_size=340)
    shape = ModelShape(
        2, 2, 32, architecture="gpt_neox", vocab_size=tokenizer.vocab_size, seq_len=192
    )
    return CausalLM(spread(build_causal(shape, seed=1)), tokenizer, name="small")


@pytest.fixture(scope="module")
def masked(labels) -> MaskedLM:
    tokenizer = Tokenizer.train(texts_of(labels), vocab_size=300)
    shape = ModelShape(2, 2, 32, vocab_size=tokenizer.vocab_size, seq_len=192)
    return MaskedLM(spread(build_masked(shape, seed=1)), tokenizer, name="small")


def spread(model):
    for weight in model.parameters():
        if weight.dim() > 1:
            weight.data.mul_(6.0)
    return model.eval()


def test_causal_answers_have_the_bits_of_few_shot(causal):
    texts, answers = ["regn och snö", "mål"], ["regn", "match", "kungen"]
    found = nats_of(causal, EXAMPLES, texts, answers, LAYOUT)
    for text, row in zip(texts, found, strict=True):
        shown = causal.few_shot(EXAMPLES, text, answers=answers)
        np.testing.assert_allclose(-row / np.log(2), shown.bits, rtol=1e-4)


def test_masked_answers_are_what_fills_the_blank(masked):
    answers = ["regn", "match"]
    pieces = [masked.tokenizer.encode(one, special=False) for one in answers]
    assert [len(ids) for ids in pieces] == [1, 1]
    (row,) = nats_of(masked, EXAMPLES, ["sol"], answers, LAYOUT)
    sentence = f"{prompt_of(EXAMPLES, 'sol', LAYOUT)} [MASK]."
    ids = masked.tokenizer.encode(sentence)
    with torch.inference_mode():
        logits = masked.model(input_ids=torch.tensor([ids])).logits[0]
    logs = logits[ids.index(masked.tokenizer.mask_id), : masked.tokenizer.vocab_size].log_softmax(0)
    assert row == pytest.approx([float(logs[one]) for (one,) in pieces], rel=1e-4)


@pytest.mark.parametrize("kind", ["causal", "masked"])
def test_shares_are_what_a_text_adds(kind, labels, request):
    model = request.getfixturevalue(kind)
    found = PromptedClassifier.of_examples(labels, model, shots=1, words=WORDS)
    asked = (list(found.examples), ["regn"], list(found.words), LAYOUT)
    usual = np.mean(
        [nats_of(model, asked[0], [one], *asked[2:])[0] for one in SAYS_NOTHING], axis=0
    )
    weights = np.exp(nats_of(model, *asked)[0] - usual)
    row = found.predict(["regn"]).iloc[0]
    assert [row[f"score_{one}"] for one in found.labels] == pytest.approx(
        (weights / weights.sum()).tolist(), rel=1e-6
    )
    assert row["label"] == found.labels[int(weights.argmax())]


def test_examples_are_balanced_and_ordered_by_the_seed(labels, causal):
    shown = [
        PromptedClassifier.of_examples(labels, causal, shots=2, words=WORDS, seed=seed).examples
        for seed in (1, 1, 2)
    ]
    assert shown[0] == shown[1]
    assert shown[0] != shown[2]
    counts = Counter(word for _, word in shown[0])
    assert len(counts) == 3
    assert len(set(counts.values())) == 1


def test_examples_that_fit_are_told(labels, causal):
    found = PromptedClassifier.of_examples(labels, causal, shots=8, words=WORDS)
    n = len(found.examples) // 3
    assert 0 < n < 8
    assert (
        f"{n} of 8 examples of each label are shown: 'small' reads 192 tokens at once."
        in found.warnings
    )


def test_fewer_labels_than_asked_for_are_told(labels, causal):
    few = made_labels(6, films=2)
    said = PromptedClassifier.of_examples(few, causal, shots=2, words=WORDS).warnings
    assert "2 examples of each label were asked for; of the rarest there are 1." in said


def test_long_text_is_cut_and_an_empty_one_has_no_label(labels, causal):
    found = PromptedClassifier.of_examples(labels, causal, shots=1, words=WORDS)
    table = found.predict(["regn " * 20_000, ""])
    assert table["label"].notna().tolist() == [True, False]
    short = shortened(causal, "regn " * 400, found.most_tokens)
    assert len(causal.tokenizer.encode(short, special=False)) <= found.most_tokens


def test_labels_that_do_not_fit_the_window_are_told(labels, masked):
    shape = ModelShape(2, 2, 32, vocab_size=masked.tokenizer.vocab_size, seq_len=24)
    small = MaskedLM(build_masked(shape, seed=1), masked.tokenizer, name="smaller")
    with pytest.raises(ModelError, match=r"One example of each of 3 labels.*have \d+ tokens"):
        PromptedClassifier.of_examples(labels, small, words=WORDS)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"words": {"wether": "regn"}}, "words is"),
        ({"words": {"weather": "match", "sport": "match"}}, "words is"),
        ({"shots": 0}, "shots is 0"),
        ({"shots": True}, "shots is True"),
    ],
)
def test_wrong_wishes_are_refused(labels, causal, asked, told):
    with pytest.raises(LabelError, match=told):
        PromptedClassifier.of_examples(labels, causal, **asked)


def test_word_that_the_model_cannot_spell_is_told(labels, masked):
    with pytest.raises(ModelError, match="cannot spell the answer '☃☃'"):
        nats_of(masked, EXAMPLES, ["sol"], ["regn", "☃☃"], LAYOUT)


def test_model_that_writes_nothing_is_refused():
    with pytest.raises(ModelError, match="A language model was expected"):
        opened_model(0.5)
