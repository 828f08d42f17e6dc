"""Zero-shot by a causal model: a slow way by hand, one label at a time, token by token."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from kblib.errors import ModelError
from kblib.models.causal import CausalLM
from kblib.models.reading import begin_id
from kblib.tokens.subwords import Tokenizer
from kblib.zeroshot.asked import Asked
from kblib.zeroshot.classifier import ZeroShotClassifier, zero_shot
from kblib.zeroshot.prompts import Prompts
from tests.models.conftest import causal_model  # noqa: F401
from tests.zeroshot.conftest import LABELS

TEMPLATE = "Om {}."


@pytest.fixture
def model(causal_model: object, bpe: Tokenizer) -> CausalLM:  # noqa: F811
    return CausalLM(causal_model, bpe, name="small")  # type: ignore[arg-type]


def by_hand(model: CausalLM, text: str, label: str) -> float:
    """Return the mean log-probability of the label's tokens and the full stop."""
    encode = partial(model.tokenizer.encode, special=False)
    known = [begin_id(model.tokenizer), *encode(text), *encode("i\nOm")[len(encode("i")) :]]
    asked = encode(f"Om {label}.")[len(encode("Om")) :]
    logs = []
    for piece in asked:
        with torch.inference_mode():
            logits = model.model(input_ids=torch.tensor([known])).logits[0, -1]
        logs.append(float(logits.log_softmax(-1)[piece]))
        known.append(piece)
    return float(np.mean(logs))


def test_evidence_is_what_the_text_adds_a_token(model: CausalLM) -> None:
    texts = ["Kungen kom.", "Tåget går i dag."]
    asked = Asked.of(LABELS, TEMPLATE, multi=False)
    found = Prompts(model).evidence(texts, asked, multi=False)
    for text, row in zip(texts, found.values, strict=True):
        slow = [by_hand(model, text, label) - by_hand(model, "", label) for label in LABELS]
        np.testing.assert_allclose(row, slow, atol=1e-4)


def test_long_text_is_cut_and_the_prompt_never(model: CausalLM) -> None:
    judge = ZeroShotClassifier(model, LABELS, template=TEMPLATE)
    row = judge.predict("Kungen besökte Stockholm i dag. " * 10).rows.to_dicts()[0]
    assert row["n_windows"] > 1
    assert row["score"] is not None


def test_causal_model_is_not_asked_for_entailment() -> None:
    with pytest.raises(ModelError) as caught:
        zero_shot("Kungen kom.", LABELS, model="kb-mini-causal", method="entailment")
    assert str(caught.value) == (
        "The model 'kb-mini-causal' is a GPTNeoXForCausalLM; method='entailment' was asked of it. "
        "That needs a classifier of pairs with a label called 'entailment'. This one can do: "
        "prompt, sentences.\n"
        '  kb.zero_shot(texts, labels, model="kb-mini-causal", method="prompt")'
    )
