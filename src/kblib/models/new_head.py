"""Open a model with a head that it was not trained with: labels of texts, or of words.

The body keeps its weights. The head's are drawn from a seed, unless the folder has a head for the
very same labels, which then goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BitsAndBytesConfig,
    PreTrainedModel,
)

from kblib.errors import MissingPartError, ModelError
from kblib.files import MANIFEST, check_folder
from kblib.models.continued import DROPOUTS
from kblib.models.folder import count_parameters, device_called, read_config, read_model
from kblib.models.layouts import OfWhat
from kblib.models.memory import check_memory
from kblib.models.quiet_bitsandbytes import quiet_bitsandbytes
from kblib.tokens.subwords import Tokenizer

Quantized = Literal["nf4", "int8"]
LAST_LAYERS = ("classifier", "score")
"""What transformers calls the layer that gives the labels, whatever the layout."""
_OF_A_HEAD = (*LAST_LAYERS, "head", "pooler", "pre_classifier")
"""Parts that a model for another use may lack."""
_SPREAD = 0.02  # of first weights, as in every BERT


@dataclass(frozen=True)
class Headed:
    """A model with its head.

    Attributes
    ----------
    model
        Of transformers.
    new
        Names of the parts whose weights were drawn and not read, the last layer always among them.
    """

    model: PreTrainedModel
    new: tuple[str, ...]


def with_head(
    folder: Path,
    tokenizer: Tokenizer,
    labels: Sequence[str],
    *,
    of: OfWhat,
    seed: int,
    dropout: float = 0.0,
    quantized: Quantized | None = None,
    device: str | torch.device | None = None,
) -> Headed:
    """Open the body of a saved model with a head for these labels.

    Parameters
    ----------
    tokenizer
        Its padding piece is where a causal model's text ends.
    labels
        Their names in order; none for a number.
    of
        What is labelled.
    seed
        Of the head's first weights; the generator of the caller is left as it was.
    dropout
        While training.
    quantized
        Whether the body's matrices are stored in 4 bits (NF4) or 8: a few percent of its answers
        change, and it cannot be trained but with an adapter beside it.

    Raises
    ------
    ModelError
        If the layout has no such head, or the model does not fit in memory.
    MissingPartError
        If it is to be quantized, and bitsandbytes is not installed.
    """
    if (folder / MANIFEST).is_file():
        check_folder(folder, contents=False)
    config = read_config(folder)
    place = device_called(device)
    if place.type == "cpu":
        check_memory(folder.name, count_parameters(folder))
    changes = {**_labels(labels, of), **_dropouts(config, dropout), **_pooling(config, tokenizer)}
    if quantized is not None:
        changes |= _quantization(quantized, place)
    opener: Any = {
        "texts": AutoModelForSequenceClassification,
        "words": AutoModelForTokenClassification,
    }[of]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, loading = read_model(folder, opener, ignore_mismatched_sizes=True, **changes)
        absent = [*loading["missing_keys"], *(one[0] for one in loading["mismatched_keys"])]
        new = set(_parts(model, absent))
        if not _same_labels(config, labels):
            new |= {name for name in LAST_LAYERS if hasattr(model, name)}
        _draw(model, sorted(new), seed)
    new |= {name for name in LAST_LAYERS if hasattr(model, name)}
    if quantized is None:
        model = cast(Any, model).to(place)
    else:
        _leave_unpacked(model)
    return Headed(model, tuple(sorted(new)))


def require_bitsandbytes() -> None:
    """Check that what stores matrices in few bits is installed.

    Raises
    ------
    MissingPartError
        If it is not, with the command that brings it.
    """
    quiet_bitsandbytes()
    try:
        import bitsandbytes  # noqa: F401
    except ImportError:
        raise MissingPartError(
            "QLoRA needs bitsandbytes, which is not installed here.",
            "It comes with the extra 'cluster'.",
            "python -m pip install 'bitsandbytes>=0.48'",
        ) from None


def _labels(labels: Sequence[str], of: OfWhat) -> dict[str, Any]:
    """Return what the configuration says of the labels."""
    if not labels:
        return {"num_labels": 1, "problem_type": "regression"}
    names = dict(enumerate(labels))
    kind = {"problem_type": "single_label_classification"} if of == "texts" else {}
    return {"id2label": names, "label2id": {name: n for n, name in names.items()}, **kind}


def _dropouts(config: dict[str, Any], dropout: float) -> dict[str, float]:
    said = {name for name in config if name.endswith(("dropout", "dropout_prob", "_pdrop"))}
    known = set(DROPOUTS.get(config["model_type"], ()))
    numeric = {name for name in said if isinstance(config[name], int | float)}
    return dict.fromkeys(sorted(numeric | known), dropout)


def _pooling(config: dict[str, Any], tokenizer: Tokenizer) -> dict[str, Any]:
    """Return how a text becomes one vector.

    Of our own layout the mean, for none of its pieces was trained to stand for all; of causal
    models the last piece that is no padding.
    """
    if config["model_type"] == "modernbert":
        return {"classifier_pooling": "mean"}
    return {"pad_token_id": tokenizer.pad_id}


def _quantization(quantized: Quantized, place: torch.device) -> dict[str, Any]:
    require_bitsandbytes()
    kept = [rf"(.*\.)?{name}(\.|$)" for name in _OF_A_HEAD]  # patterns, at the start of a name
    config_of: Any = BitsAndBytesConfig
    if quantized == "int8":
        said = config_of(load_in_8bit=True, llm_int8_skip_modules=kept)
    else:
        said = config_of(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.float32 if place.type == "cpu" else torch.bfloat16,
            llm_int8_skip_modules=kept,
        )
    return {"quantization_config": said, "device_map": {"": place}}


def _leave_unpacked(model: PreTrainedModel) -> None:
    """Keep bitsandbytes from packing 4-bit matrices for inference on processors.

    The first answer without a gradient would pack them in place, where the processor has units for
    bf16; from then on no gradient passes through them, and a training that is evaluated on its way
    learns next to nothing (bitsandbytes 0.50, nn/modules.py).
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            setattr(module, "support_avx512bf16_for_cpu", False)  # noqa: B010  no attribute of torch's


def _same_labels(config: dict[str, Any], labels: Sequence[str]) -> bool:
    names = config.get("id2label") or {}
    return bool(labels) and [names[key] for key in sorted(names, key=int)] == list(labels)


def _parts(model: PreTrainedModel, keys: Iterable[str]) -> list[str]:
    """Return the parts of a model that weights belong to: ``pooler``, ``classifier``."""
    body = f"{model.base_model_prefix}."
    found = [key.removeprefix(body).split(".")[0] for key in keys]
    if strange := [name for name in found if name not in _OF_A_HEAD]:
        raise ModelError(
            f"The folder of this {model.config.model_type} lacks the weights of '{strange[0]}'.",
            "All of a model but its head was expected there.",
            "Perhaps it was saved for another task: see its README.md.",
        )
    return found


@torch.no_grad()
def _draw(model: PreTrainedModel, names: Sequence[str], seed: int) -> None:
    """Draw the weights of parts that are new."""
    generator = torch.Generator().manual_seed(seed)
    for name in names:
        for module in _named(model, name).modules():
            if isinstance(module, nn.Linear):
                drawn = torch.randn(module.weight.shape, generator=generator) * _SPREAD
                module.weight.copy_(drawn)
                if module.bias is not None:
                    module.bias.zero_()


def _named(model: PreTrainedModel, name: str) -> nn.Module:
    home: Any = model if hasattr(model, name) else model.base_model
    found: nn.Module = getattr(home, name)
    return found
