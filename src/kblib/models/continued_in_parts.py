"""Open a saved model in order to train it further, on ranks none of which shall hold all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM, PreTrainedModel

from kblib.files import MANIFEST, check_folder
from kblib.models.continued import DROPOUTS, open_to_train
from kblib.models.folder import count_parameters, read_config
from kblib.models.in_parts import HandOut, StoredWeights, fill_in_parts, lay_out
from kblib.models.shape import ModelShape


def open_in_parts(
    folder: Path, shape: ModelShape, hand_out: HandOut, *, dropout: float = 0.0, reads: bool
) -> PreTrainedModel:
    """Open a saved model as `open_to_train` does, one parameter at a time.

    Parameters
    ----------
    folder, shape, dropout
        As there.
    hand_out
        Gets each parameter as soon as it has its weights.
    reads
        Whether this rank reads them; parameters of the others hold anything when they are handed
        out.

    Raises
    ------
    IntegrityError, ModelError
        As `open_to_train`.
    """
    _check_files(folder)
    model = lay_out(lambda: _without_weights(folder, shape, dropout))
    if model.num_parameters() != shape.parameters():
        return open_to_train(folder, shape, dropout=dropout)  # it says on every rank what is wrong
    if not reads:
        fill_in_parts(model, None, hand_out)
        return model
    with StoredWeights(folder, model) as stored:
        if stored.are_those_of(model):
            fill_in_parts(model, stored, hand_out)
        else:  # transformers knows more ways to read a file, or says what is wrong with it
            whole = open_to_train(folder, shape, dropout=dropout)
            fill_in_parts(model, dict(whole.named_parameters()), hand_out)
    return model


def _check_files(folder: Path) -> None:
    if (folder / MANIFEST).is_file():
        check_folder(folder, contents=False)
    read_config(folder)
    count_parameters(folder)


def _without_weights(folder: Path, shape: ModelShape, dropout: float) -> PreTrainedModel:
    of: Any = AutoModelForMaskedLM if shape.objective == "masked" else AutoModelForCausalLM
    config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    for name in DROPOUTS[shape.architecture]:
        setattr(config, name, dropout)
    model: PreTrainedModel = of.from_config(
        config, dtype=torch.float32, attn_implementation="sdpa", trust_remote_code=False
    )
    return model
