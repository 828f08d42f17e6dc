"""Save a finetuned model, and open it again before anybody relies on it.

A head that is saved under other names than it is opened by is drawn anew, and nobody is told
(peft issues 310 and 577): its scores are then those of chance. So each folder is opened before it
is sealed, and must give the same logits, bit by bit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from kblib.adapters.folder import CONFIG as ADAPTER_CONFIG
from kblib.adapters.folder import WEIGHTS as ADAPTER_WEIGHTS
from kblib.adapters.folder import peft_config
from kblib.adapters.lora import require_peft
from kblib.errors import IntegrityError
from kblib.files import read_json, sealed_folder, write_atomic, write_json
from kblib.finetuning.about import FINETUNED, About
from kblib.finetuning.card import card_of
from kblib.finetuning.model import FinetunedModel
from kblib.finetuning.opening import HEAD, open_weights
from kblib.finetuning.prepared import TYPES, Prepared
from kblib.finetuning.training import Trained, in_parts
from kblib.finetuning.windows import padded_rows
from kblib.labels.told import NOTICE, notice_of, told_labels
from kblib.models.batches import filler_of
from kblib.models.folder import CARD, CONFIG, save_weights
from kblib.tokens.subwords import CONFIG_FILE

KIND = "finetuned"
_CHECKED = 8
"""Windows that are read before and after."""

Score = Callable[[FinetunedModel], Mapping[str, Any]]
"""Gives what is to be said of how good a model is."""


def save_trained(
    target: Path,
    trained: Trained,
    data: Prepared,
    *,
    recipe: Mapping[str, Any],
    score: Score,
    replace: bool = False,
) -> FinetunedModel:
    """Save a model that was finetuned, and return it as it is opened from there.

    Parameters
    ----------
    recipe
        How it was made.
    score
        Scores the opened model; what it says is saved beside it.
    replace
        Whether a folder that is there gives way.

    Raises
    ------
    IntegrityError
        If the folder does not give the same answers.
    """
    about = data.about.of_seed(trained.seed)
    manifest: dict[str, Any] = {
        "kind": KIND,
        "method": about.method,
        "base": about.base.name,
        "base_fingerprint": about.base.fingerprint,
        "trained_parameters": trained.trained_parameters,
        "tokenizer": data.tokenizer.fingerprint,
    }
    with sealed_folder(target, manifest, replace=replace) as aside:
        _write_weights(aside, trained, about)
        _save_tokenizer(aside, data, about)
        write_json(aside / FINETUNED, about.to_dict())
        _check_same_answers(aside, trained, data, about)
        opened = FinetunedModel(
            open_weights(aside, about, data.tokenizer, base=data.folder, device=_place(trained)),
            data.tokenizer, about, name=target.name, folder=aside,
        )  # fmt: skip
        scores = dict(score(opened))
        write_json(aside / "recipe.json", recipe)
        write_json(aside / "scores.json", scores)
        write_atomic(aside / CARD, card_of(about, data, trained, scores).encode("utf-8"))
        notice = notice_of(told_labels(data.material.name, data.material.parts), data.folder)
        if notice is not None:
            write_atomic(aside / NOTICE, notice.encode("utf-8"))
    return FinetunedModel(
        opened.model, data.tokenizer, about, name=target.name, folder=target, scores=scores
    )


def _write_weights(folder: Path, trained: Trained, about: About) -> None:
    if about.method == "full":
        save_weights(folder, trained.model)
        return
    write_json(folder / CONFIG, _config(trained))
    if trained.adapted is None:
        parts = in_parts(trained.model, trained.new)
        save_file(_plain(parts), folder / HEAD, metadata={"format": "pt"})
        return
    state = require_peft().get_peft_model_state_dict(trained.adapted, save_embedding_layers=False)
    save_file(_plain(state), folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    write_json(folder / ADAPTER_CONFIG, peft_config(trained.adapted, about.base.name))


def _save_tokenizer(folder: Path, data: Prepared, about: About) -> None:
    """Save the tokenizer; if the model was told of types, transformers is to tell it as well."""
    data.tokenizer.save(folder, seq_len=about.seq_len)
    if about.typed:
        config = read_json(folder / CONFIG_FILE)
        config["model_input_names"] = ["input_ids", TYPES, "attention_mask"]
        write_json(folder / CONFIG_FILE, config)


def _config(trained: Trained) -> dict[str, Any]:
    """Return the configuration, so that it can be read what this model does."""
    content: dict[str, Any] = json.loads(trained.model.config.to_json_string(use_diff=False))
    for name in ("quantization_config", "_name_or_path"):  # the base as it lies here
        content.pop(name, None)
    return {**content, "architectures": [type(trained.model).__name__]}


def _plain(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}


def _check_same_answers(folder: Path, trained: Trained, data: Prepared, about: About) -> None:
    """Open the folder as it was trained, nothing merged, and compare logits bit by bit."""
    again = open_weights(
        folder, about, data.tokenizer, base=data.folder, merged=False, device=_place(trained)
    )
    before, after = (_logits(model, data) for model in (trained.model, again))
    if not torch.equal(before, after):
        worst = float((before - after).abs().max())
        raise IntegrityError(
            f"The saved model gives other answers than the trained one: logits {worst:g} apart.",
            "Equal bits were expected; nothing was saved.",
            "Its layout may have parts that are not saved. Try method='full'.",
        )


@torch.inference_mode()
def _logits(model: Any, data: Prepared) -> Tensor:
    rows, types = data.test.rows(_CHECKED)
    batch = padded_rows(rows, types, filler_of(data.tokenizer), model.device)
    logits: Tensor = model.train(False)(**batch).logits
    return logits


def _place(trained: Trained) -> torch.device:
    return torch.device(trained.model.device)
