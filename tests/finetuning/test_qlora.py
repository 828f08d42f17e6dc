"""QLoRA: matrices really stored in few bits by bitsandbytes, and trained beside."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kblib.errors import ModelError
from kblib.finetuning.here import finetune
from kblib.finetuning.model import FinetunedModel
from kblib.finetuning.training import start
from tests.finetuning.labelled import names, sentences
from tests.finetuning.test_training import CPU, batches_of, prepared

bitsandbytes = pytest.importorskip("bitsandbytes")
QUICK = {"steps": 3, "eval_every": 2, "batch_size": 8}


@pytest.mark.parametrize(("quantize", "layer"), [("nf4", "Linear4bit"), ("int8", "Linear8bitLt")])
def test_matrices_are_stored_in_few_bits_and_the_head_is_not(
    quantize: str, layer: str, tiny
) -> None:
    data = prepared(sentences(), tiny("gpt_neox"), method="qlora", quantize=quantize)
    model, _, new = start(data, 1, device=CPU)
    kinds = {type(module).__name__ for module in model.modules()}
    assert layer in kinds
    assert new == ("score",)
    assert type(model.score.modules_to_save["default"]).__name__ == "Linear"
    trained = {name for name, one in model.named_parameters() if one.requires_grad}
    assert all("lora_" in name or "score" in name for name in trained)


@pytest.mark.parametrize("quantize", ["nf4", "int8"])
@pytest.mark.parametrize("architecture", ["bert", "gpt_neox"])
def test_quantized_model_is_saved_and_opened_with_equal_answers(
    quantize: str, architecture: str, tiny, tmp_path: Path
) -> None:
    parts = names()
    made = finetune(
        parts, tiny(architecture), method="qlora", quantize=quantize, folder=tmp_path / "m", **QUICK
    )
    again = FinetunedModel.open(made.folder)
    assert again.predict(parts.test).equals(made.predict(parts.test))
    assert again.about.quantized == quantize
    with pytest.raises(ModelError, match="is stored in few bits"):
        made.save(tmp_path / "whole", merged=True)


def test_gradients_pass_after_an_answer_was_asked_for(tiny) -> None:
    """bitsandbytes packs 4-bit matrices at the first answer, and then lets no gradient through."""
    data = prepared(sentences(), tiny("bert"), method="qlora", dropout=0.0)
    model, _, _ = start(data, 1, device=CPU)
    batch = batches_of(data).step(0)[0]
    inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}

    def gradients() -> dict[str, torch.Tensor]:
        model.train()
        model.zero_grad()
        cross = torch.nn.functional.cross_entropy(model(**inputs).logits, batch["targets"])
        cross.backward()
        return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}

    before = gradients()
    with torch.inference_mode():
        model.train(False)(**inputs)
    after = gradients()
    assert set(before) == set(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    first = next(name for name in before if "layer.0" in name and "lora_B" in name)
    assert float(before[first].abs().sum()) > 0


def test_quantized_answers_are_near_those_of_the_base(tiny) -> None:
    """What is lost by 8 bits is a few percent of the logits' spread (Dettmers et al. 2022)."""
    base = {}
    for quantize in ("int8", None):
        method = {"method": "qlora", "quantize": quantize} if quantize else {"method": "lora"}
        data = prepared(sentences(), tiny("gpt_neox"), dropout=0.0, **method)
        model, _, _ = start(data, 1, device=CPU)
        batch = batches_of(data).step(0)[0]
        with torch.inference_mode():
            states = model.train(False)(
                input_ids=batch["input_ids"], output_hidden_states=True
            ).hidden_states[-1]
        base[quantize] = states
    cosine = torch.nn.functional.cosine_similarity(base["int8"], base[None], dim=-1)
    assert float(cosine.min()) > 0.99
