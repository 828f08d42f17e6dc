"""Open a saved model in order to train it further, with its own layout and all of its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedModel

from kblib.errors import ModelError
from kblib.models.folder import load_weights
from kblib.models.shape import ModelShape

DROPOUTS = {
    "bert": ("hidden_dropout_prob", "attention_probs_dropout_prob"),
    "modernbert": ("embedding_dropout", "attention_dropout", "mlp_dropout"),
    "gpt_neox": ("hidden_dropout", "attention_dropout"),
    "gpt2": ("resid_pdrop", "embd_pdrop", "attn_pdrop"),
    "llama": ("attention_dropout",),
}
"""What each layout's configuration calls its dropouts."""


def open_to_train(folder: Path, shape: ModelShape, *, dropout: float = 0.0) -> PreTrainedModel:
    """Open a saved model in 32 bits, ready to be trained further.

    Parameters
    ----------
    folder
        A saved model with safetensors, ours or anyone's.
    shape
        What it is expected to be.
    dropout
        Share of numbers dropped while training, whatever the model was trained with before.

    Raises
    ------
    IntegrityError
        If a file is missing, too short or too long.
    ModelError
        If a weight is missing, or the model is of another size than expected.
    """
    model_class: Any = AutoModelForMaskedLM if shape.objective == "masked" else AutoModelForCausalLM
    changes = dict.fromkeys(DROPOUTS[shape.architecture], dropout)
    model = load_weights(folder, model_class, device="cpu", **changes)
    if model.num_parameters() != shape.parameters():
        raise ModelError(
            f"The model in {folder} has {model.num_parameters():,} parameters.",
            f"{shape} with {shape.parameters():,} was expected.",
            f'kb.Pretrain(corpus, continue_from="{folder}", ...) reads the shape off the model.',
        )
    return model


def same_layout(model: PreTrainedModel) -> PreTrainedModel:
    """Return a model of the same layout and sizes, whole and in 32 bits, with other weights."""
    with torch.random.fork_rng(devices=[]):
        return type(model)(model.config)
