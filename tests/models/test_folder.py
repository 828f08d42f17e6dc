from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoTokenizer,
    ModernBertModel,
    PreTrainedModel,
)

from kblib.errors import IntegrityError, ModelError, TokenError
from kblib.files import read_json, read_manifest
from kblib.models import folder as folder_module
from kblib.models import memory
from kblib.models.folder import (
    check_model,
    count_parameters,
    fingerprint,
    load_weights,
    save_model,
    shape_of,
)
from kblib.tokens.subwords import Tokenizer


def logits(model: PreTrainedModel) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.arange(5, 25)[None]).logits


def saved(
    model: PreTrainedModel, tokenizer: Tokenizer, target: Path, *, half: bool = False
) -> Path:
    return save_model(
        target, model=model, tokenizer=tokenizer, recipe={}, scores={}, card="# x\n", half=half
    )


def test_saved_model_answers_as_before(masked_folder: Path, masked_model: PreTrainedModel) -> None:
    loaded = load_weights(masked_folder, AutoModelForMaskedLM)
    assert torch.equal(logits(loaded), logits(masked_model))
    assert not loaded.training


def test_folder_holds_all_that_belongs_to_a_model(masked_folder: Path) -> None:
    assert (masked_folder / "README.md").read_text(encoding="utf-8") == "# small\n"
    assert (masked_folder / "NOTICE").read_text(encoding="utf-8") == "Source: twelve documents.\n"
    assert read_json(masked_folder / "recipe.json") == {"steps": 0}
    assert read_json(masked_folder / "scores.json") == {"top1": 0.0}
    assert set(read_manifest(masked_folder)["files"]) == {
        "NOTICE", "README.md", "config.json", "model.safetensors", "recipe.json", "scores.json",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip


@pytest.mark.parametrize("half", [False, True])
def test_plain_transformers_opens_a_masked_model(
    half: bool, masked_model: PreTrainedModel, wordpiece: Tokenizer, tmp_path: Path
) -> None:
    folder = saved(masked_model, wordpiece, tmp_path / "m", half=half)
    model, loading = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not any(loading.values())
    assert torch.allclose(logits(model.eval()), logits(masked_model), atol=0.05 if half else 0)
    text = "Kungen besökte [MASK]."
    assert AutoTokenizer.from_pretrained(folder)(text)["input_ids"] == wordpiece.encode(text)


def test_plain_transformers_opens_a_causal_model(
    causal_model: PreTrainedModel, bpe: Tokenizer, tmp_path: Path
) -> None:
    folder = saved(causal_model, bpe, tmp_path / "m")
    model, loading = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(loading.values())
    assert torch.equal(logits(model.eval()), logits(causal_model))


def test_half_precision_takes_half_and_is_opened_in_32_bits(
    masked_model: PreTrainedModel, wordpiece: Tokenizer, tmp_path: Path
) -> None:
    whole = saved(masked_model, wordpiece, tmp_path / "whole") / "model.safetensors"
    half = saved(masked_model, wordpiece, tmp_path / "half", half=True) / "model.safetensors"
    one, other = load_file(whole), load_file(half)
    assert set(one) == set(other)  # a tied matrix is stored once in either
    assert {tensor.dtype for tensor in other.values()} == {torch.float16}
    assert half.stat().st_size < 0.5 * whole.stat().st_size + 4096
    assert load_weights(half.parent, AutoModelForMaskedLM).dtype == torch.float32


def test_parameters_are_counted_by_the_header(
    masked_folder: Path, masked_model: PreTrainedModel
) -> None:
    stored = load_file(masked_folder / "model.safetensors")
    assert count_parameters(masked_folder) == sum(tensor.numel() for tensor in stored.values())
    assert read_manifest(masked_folder)["parameters"] == masked_model.num_parameters()


def test_shape_is_read_back(causal_model: PreTrainedModel) -> None:
    shape = shape_of(causal_model.config)
    assert shape is not None
    assert shape.parameters() == causal_model.num_parameters()


def test_check_passes_and_returns_the_manifest(masked_folder: Path) -> None:
    assert check_model(masked_folder)["kind"] == "model"


def test_fingerprint_is_that_of_the_weights(masked_folder: Path, tmp_path: Path) -> None:
    said = read_manifest(masked_folder)["files"]["model.safetensors"]["sha256"]
    assert fingerprint(masked_folder) == said
    assert fingerprint(tmp_path) == ""


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "README.md"]
)
def test_changed_byte_fails_the_check(name: str, masked_folder: Path) -> None:
    path = masked_folder / name
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=f"{name} has been changed or damaged"):
        check_model(masked_folder)


@pytest.mark.parametrize("change", ["shorter", "longer", "missing"])
def test_weights_of_another_size_are_not_opened(change: str, masked_folder: Path) -> None:
    path = masked_folder / "model.safetensors"
    content = path.read_bytes()
    path.unlink()
    if change != "missing":
        path.write_bytes(content[:-1] if change == "shorter" else content + b"0")
    with pytest.raises(IntegrityError, match=r"model.safetensors (has \d+ bytes|is missing)"):
        load_weights(masked_folder, AutoModelForMaskedLM)


@pytest.mark.parametrize("change", ["shorter", "longer", "no header", "header cut", "empty"])
def test_header_is_checked_without_a_manifest(change: str, masked_folder: Path) -> None:
    (masked_folder / "manifest.json").unlink()
    path = masked_folder / "model.safetensors"
    content = path.read_bytes()
    broken = {
        "shorter": content[:-1],
        "longer": content + b"0",
        "no header": b"\xff" * len(content),
        "header cut": content[:40],
        "empty": b"",
    }
    path.write_bytes(broken[change])
    with pytest.raises(IntegrityError, match=r"model\.safetensors has \d+ bytes"):
        load_weights(masked_folder, AutoModelForMaskedLM)


def test_header_that_is_no_json_is_refused(masked_folder: Path) -> None:
    (masked_folder / "manifest.json").unlink()
    path = masked_folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[8:20] = b"}" * 12
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"The header of .* is damaged"):
        load_weights(masked_folder, AutoModelForMaskedLM)


def test_pickled_weights_are_refused_in_plain_words(masked_folder: Path) -> None:
    (masked_folder / "manifest.json").unlink()
    weights = load_file(masked_folder / "model.safetensors")
    torch.save(weights, masked_folder / "pytorch_model.bin")
    (masked_folder / "model.safetensors").unlink()
    with pytest.raises(ModelError) as refused:
        load_weights(masked_folder, AutoModelForMaskedLM)
    assert "has only pytorch_model.bin. Safetensors were expected" in str(refused.value)
    assert "opening a pickle can run any code" in str(refused.value)


def test_pickle_that_would_run_code_is_never_opened(masked_folder: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            return (Path.touch, (tmp_path / "sprung",))

    torch.save({"trap": Trap()}, masked_folder / "pytorch_model.bin")
    load_weights(masked_folder, AutoModelForMaskedLM)  # beside safetensors it is left alone
    (masked_folder / "manifest.json").unlink()
    (masked_folder / "model.safetensors").unlink()
    with pytest.raises(ModelError):
        load_weights(masked_folder, AutoModelForMaskedLM)
    assert not (tmp_path / "sprung").exists()


def test_model_without_the_head_asked_for_is_refused(
    masked_model: PreTrainedModel, masked_folder: Path
) -> None:
    (masked_folder / "manifest.json").unlink()
    path = masked_folder / "model.safetensors"
    headless = {k: v for k, v in load_file(path).items() if "norm" not in k or "layers" in k}
    save_file(headless, path, metadata={"format": "pt"})
    if isinstance(masked_model.base_model, ModernBertModel):
        with pytest.raises(ModelError, match=r"lacks 3 weights, such as head.norm.weight"):
            load_weights(masked_folder, AutoModelForMaskedLM)


@pytest.mark.parametrize("model_type", ["no-such-layout", "whisper"])
def test_layout_that_cannot_be_loaded_is_refused(model_type: str, masked_folder: Path) -> None:
    (masked_folder / "manifest.json").unlink()
    config = read_json(masked_folder / "config.json")
    (masked_folder / "config.json").write_text(json.dumps({**config, "model_type": model_type}))
    with pytest.raises(ModelError, match=rf"\({model_type}\) cannot be loaded"):
        load_weights(masked_folder, AutoModelForMaskedLM)


def test_model_of_another_kind_is_told_in_one_line(
    causal_model: PreTrainedModel, bpe: Tokenizer, tmp_path: Path
) -> None:
    """Transformers goes on with the names of all layouts it knows."""
    folder = saved(causal_model, bpe, tmp_path / "m")
    with pytest.raises(ModelError) as refused:
        load_weights(folder, AutoModelForMaskedLM)
    assert type(causal_model.config).__name__ in str(refused.value)
    assert "Model type should be" not in str(refused.value)
    assert "CausalLM.open for models that go on" in str(refused.value)


def test_code_in_a_model_folder_is_never_run(masked_folder: Path, tmp_path: Path) -> None:
    (masked_folder / "manifest.json").unlink()
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\nclass Trap: ...\n"
    (masked_folder / "trap.py").write_text(trap)
    config = read_json(masked_folder / "config.json")
    config["auto_map"] = {"AutoModelForMaskedLM": "trap.Trap", "AutoConfig": "trap.Trap"}
    config["model_type"] = "trap"
    (masked_folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError):
        load_weights(masked_folder, AutoModelForMaskedLM)
    assert not (tmp_path / "sprung").exists()


def test_config_without_a_layout_is_refused(masked_folder: Path) -> None:
    (masked_folder / "manifest.json").unlink()
    (masked_folder / "config.json").write_text("{}")
    with pytest.raises(IntegrityError, match=r"config.json has no model_type"):
        load_weights(masked_folder, AutoModelForMaskedLM)


def test_model_that_does_not_fit_is_refused_before_loading(
    masked_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    with pytest.raises(ModelError, match=r"The model 'small' .* 0\.0 GiB are free"):
        load_weights(masked_folder, AutoModelForMaskedLM, device="cpu")


def test_unknown_device_is_refused(masked_folder: Path) -> None:
    with pytest.raises(ModelError, match="No device is called 'gpu-7'"):
        load_weights(masked_folder, AutoModelForMaskedLM, device="gpu-7")


def test_tokenizer_larger_than_the_model_is_refused(
    masked_model: PreTrainedModel, documents: tuple[str, ...], tmp_path: Path
) -> None:
    larger = Tokenizer.train([*documents, "αβγδε ζηθικ"] * 2, vocab_size=400)
    with pytest.raises(ModelError, match=f"The tokenizer has {larger.vocab_size} pieces"):
        saved(masked_model, larger, tmp_path / "m")


def test_check_refuses_a_tokenizer_of_another_model(
    masked_folder: Path, documents: tuple[str, ...]
) -> None:
    larger = Tokenizer.train([*documents, "αβγδε ζηθικ"] * 2, vocab_size=400)
    shutil.copytree(masked_folder, masked_folder.with_name("mixed"))
    mixed = masked_folder.with_name("mixed")
    larger.save(mixed)
    folder_module.write_json(mixed / "manifest.json", {"kind": "model", "files": {}})
    with pytest.raises(ModelError, match="They do not belong together"):
        check_model(mixed)


def test_check_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no folder"):
        check_model(tmp_path / "gone")


def test_check_refuses_a_model_without_a_tokenizer(masked_folder: Path) -> None:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (masked_folder / name).unlink()
    folder_module.write_json(masked_folder / "manifest.json", {"kind": "model", "files": {}})
    with pytest.raises(TokenError, match="There is no tokenizer in"):
        check_model(masked_folder)


def test_full_disk_while_saving_keeps_the_old_model(
    masked_folder: Path,
    masked_model: PreTrainedModel,
    wordpiece: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folder_module, "write_json", full)
    before = np.array(sorted(masked_folder.parent.iterdir()))
    with pytest.raises(OSError, match="No space left"):
        save_model(
            masked_folder,
            model=masked_model,
            tokenizer=wordpiece,
            recipe={},
            scores={},
            card="",
            replace=True,
        )
    monkeypatch.undo()
    assert (np.array(sorted(masked_folder.parent.iterdir())) == before).all()
    check_model(masked_folder)


def test_model_that_is_there_is_kept_unless_told(
    masked_folder: Path, masked_model: PreTrainedModel, wordpiece: Tokenizer
) -> None:
    with pytest.raises(FileExistsError):
        saved(masked_model, wordpiece, masked_folder)
