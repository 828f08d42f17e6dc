"""Models of the layouts that people bring: finetuned, saved and opened again, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from kblib.adapters.lora import quiet_peft, require_peft
from kblib.errors import ModelError
from kblib.files import read_json, write_json
from kblib.finetuning.here import finetune
from kblib.finetuning.model import FinetunedModel
from kblib.models.layouts import BOTH_WAYS, CAUSAL, WITHOUT_WORDS
from kblib.models.new_head import LAST_LAYERS
from tests.finetuning.labelled import KINDS, names, random_model, sentences

USUAL = ("gpt2", "mistral", "qwen2", "qwen3")
QUICK = {"steps": 2, "eval_every": 2, "batch_size": 8, "dropout": 0.0}


def finetuned(layout: str, kind: str, folder: Path, **how: str) -> FinetunedModel:
    parts, base = KINDS[kind](), random_model(folder, layout)
    made = finetune(parts, str(base), folder=folder / "made", **QUICK, **how)
    again = FinetunedModel.open(folder / "made")
    assert again.predict(parts.test).equals(made.predict(parts.test))
    return made


def names_of_linear_layers(made: FinetunedModel, **how: bool) -> set[str]:
    """What peft takes for all linear layers, by the last part of their names."""
    peft = require_peft()
    config = peft.LoraConfig(target_modules="all-linear", modules_to_save=[*LAST_LAYERS], **how)
    with quiet_peft():
        adapted = peft.get_peft_model(made.model, config)
    return {name.rsplit(".", 1)[-1] for name in adapted.targeted_module_names}


@pytest.mark.filterwarnings("ignore:fan_in_fan_out")  # of peft's own choice
@pytest.mark.parametrize("kind", ["sentences", "names"])
@pytest.mark.parametrize("layout", USUAL)
def test_usual_layout_is_finetuned_and_opened_with_equal_answers(
    layout: str, kind: str, tmp_path: Path
) -> None:
    """Saving itself compares logits of the trained and the saved bit by bit."""
    made = finetuned(layout, kind, tmp_path)
    said = read_json(made.folder / "adapter_config.json")
    transposed = layout == "gpt2"  # its matrices lie on their side
    assert said["fan_in_fan_out"] is transposed
    theirs = names_of_linear_layers(made, fan_in_fan_out=transposed)
    assert set(said["target_modules"]) == theirs - {*LAST_LAYERS}


@pytest.mark.parametrize("layout", ["gpt2", "mistral"])
def test_usual_layout_in_few_bits_is_opened_with_equal_answers(layout: str, tmp_path: Path) -> None:
    pytest.importorskip("bitsandbytes")
    made = finetuned(layout, "sentences", tmp_path, method="qlora")
    said = read_json(made.folder / "adapter_config.json")
    assert said["fan_in_fan_out"] is False  # what is stored in few bits lies as in other layouts


@pytest.mark.slow
@pytest.mark.parametrize("layout", sorted({*CAUSAL, *BOTH_WAYS} - {*USUAL, "bloom", "mpt"}))
def test_every_layout_is_finetuned_and_opened_with_equal_answers(
    layout: str, tmp_path: Path
) -> None:
    finetuned(layout, "sentences" if layout in WITHOUT_WORDS else "names", tmp_path)


@pytest.mark.parametrize("method", ["lora", "full", "probe"])
def test_layout_without_a_head_is_refused_before_anything(method: str, tmp_path: Path) -> None:
    folder = random_model(tmp_path, "gpt2")
    write_json(folder / "config.json", read_json(folder / "config.json") | {"model_type": "t5"})
    with pytest.raises(ModelError, match="'random-gpt2' has the layout 't5', which cannot be"):
        finetune(sentences(), str(folder), method=method, **QUICK)
    write_json(folder / "config.json", read_json(folder / "config.json") | {"model_type": "opt"})
    with pytest.raises(ModelError, match="transformers has no head that labels words"):
        finetune(names(), str(folder), method=method, **QUICK)
