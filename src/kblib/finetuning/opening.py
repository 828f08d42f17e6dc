"""Open what a finetuning saved: a whole model, or what stands beside a base that must be the same.

::

    full    model.safetensors           everything, as plain transformers opens it
    lora    adapter_model.safetensors   additions and head, as plain peft opens them
    probe   head.safetensors            the head alone
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedModel,
)

from kblib.adapters.lora import quiet_peft, require_peft
from kblib.errors import IntegrityError
from kblib.finetuning.about import FINETUNED, About
from kblib.finetuning.beside import base_of
from kblib.models.folder import load_weights
from kblib.models.new_head import with_head
from kblib.tokens.subwords import Tokenizer

HEAD = "head.safetensors"


def open_weights(
    folder: Path,
    about: About,
    tokenizer: Tokenizer,
    *,
    base: Path | None = None,
    merged: bool = True,
    device: str | torch.device | None = None,
) -> PreTrainedModel:
    """Open the model of a folder, ready to answer.

    Parameters
    ----------
    base
        The folder of its base; by default where it was at training, or by its name.
    merged
        Whether the additions of LoRA are put into the matrices, which is faster; those of a
        quantized base stay beside it.

    Raises
    ------
    ModelError
        If the base is not there, or is another model than the one that was finetuned.
    IntegrityError
        If weights of the head are missing in the folder.
    """
    if about.method == "full":
        opener: Any = (
            AutoModelForTokenClassification
            if about.task.kind == "words"
            else AutoModelForSequenceClassification
        )
        return load_weights(folder, opener, device=device)
    headed = with_head(
        base_of(folder, about, base),
        tokenizer,
        about.task.labels,
        of="words" if about.task.kind == "words" else "texts",
        seed=about.seed,
        quantized=about.quantized,  # type: ignore[arg-type]  # it was checked when it was trained
        device=device,
    )
    if about.method == "probe":
        _take_head(folder, headed.model, headed.new)
        return _ready(headed.model)
    peft = require_peft()
    with quiet_peft():
        adapted = peft.PeftModel.from_pretrained(headed.model, str(folder))
    if merged and about.quantized is None:
        return _ready(adapted.merge_and_unload())
    return _ready(adapted.get_base_model())


def _ready(model: Any) -> PreTrainedModel:
    ready: PreTrainedModel = model.train(False)
    return ready


@torch.no_grad()
def _take_head(folder: Path, model: PreTrainedModel, new: tuple[str, ...]) -> None:
    stored, state = load_file(folder / HEAD), model.state_dict()
    wanted = {key for key in state if set(key.split(".")) & set(new)}
    if missing := sorted(wanted ^ set(stored)):
        raise IntegrityError(
            f"{folder / HEAD} and the head that {FINETUNED} names differ in '{missing[0]}'.",
            "All weights of the head, and no others, were expected.",
            "Copy the folder again from where it was made.",
        )
    for name, value in stored.items():
        state[name].copy_(value)
