"""Models of others that label words, such as those for names on the model hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import AutoModelForTokenClassification

from kblib.finetuning.about import About, Base
from kblib.finetuning.material import Task
from kblib.finetuning.model import FinetunedModel
from kblib.models.folder import load_weights
from kblib.models.layouts import most_tokens
from kblib.models.origin import name_of_origin, origin_fingerprint
from kblib.tokens.subwords import Tokenizer


def open_word_labeller(folder: Path, *, device: str | None = None) -> FinetunedModel:
    """Open any folder that transformers opens as a model for token classification.

    It is asked as those that were finetuned here: marks stand apart, the first piece of a word
    answers for it.

    Raises
    ------
    ModelError
        If it has no such head, no safetensors, or does not fit in memory.
    TokenError
        If it has no tokenizer.
    """
    tokenizer = Tokenizer.open(folder)
    model = load_weights(folder, AutoModelForTokenClassification, device=device)
    names: Any = model.config.id2label
    name = name_of_origin(str(folder))
    about = About(
        task=Task("words", tuple(names[number] for number in sorted(names))),
        method="full",
        base=Base(name, str(folder), origin_fingerprint(folder)),
        seq_len=most_tokens(model.config),
        cutting="marks",
    )
    return FinetunedModel(model, tokenizer, about, name=name, folder=folder)
