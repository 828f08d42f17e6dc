"""The saved model: a sealed folder that this project and plain transformers both open.

::

    model.safetensors   weights, by choice in half precision; never a pickle
    config.json         layout and sizes, as transformers reads them
    tokenizer.json      and tokenizer_config.json
    README.md           the card          NOTICE       what must be said about the data, if anything
    recipe.json         how it was made   scores.json  how good it is
    manifest.json       sizes and checksums of all of these
"""

from __future__ import annotations

import json
import logging
import math
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from kblib.errors import IntegrityError, ModelError
from kblib.files import (
    MANIFEST,
    check_folder,
    read_json,
    read_manifest,
    sealed_folder,
    write_atomic,
    write_json,
)
from kblib.models import hub
from kblib.models.build import embedding_matrix
from kblib.models.memory import check_memory
from kblib.models.shape import ARCHITECTURES, MASKED, ModelShape
from kblib.tokens.subwords import Tokenizer

KIND = "model"
CONFIG = "config.json"
CARD = "README.md"
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.h5", "*.msgpack")
_HEADER_LIMIT = 100 << 20  # safetensors' own limit for a header
_ALL_LAYOUTS = "\nModel type should be one of"  # transformers goes on with hundreds of names


def save_model(
    target: Path | str,
    *,
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    recipe: Mapping[str, Any],
    scores: Mapping[str, Any],
    card: str,
    notice: str | None = None,
    half: bool = False,
    replace: bool = False,
) -> Path:
    """Save a model with all that belongs to it; the folder appears when it is complete.

    Parameters
    ----------
    recipe, scores
        How it was made and how good it is, as plain values.
    card
        Text of ``README.md``.
    notice
        Text of ``NOTICE``: licences and citations the data asks for.
    half
        Whether to store 16-bit floats: half the size; what is lost is below what a small model
        resolves. The folder is still opened in 32 bits.
    replace
        Whether a folder that is already there gives way.

    Raises
    ------
    ModelError
        If the tokenizer has more pieces than the model has embeddings.
    FileExistsError
        If the folder is there and `replace` is False.
    """
    target = Path(target)
    rows = embedding_matrix(model).shape[0]
    if tokenizer.vocab_size > rows:
        raise ModelError(
            f"The tokenizer has {tokenizer.vocab_size} pieces, the model {rows} embeddings.",
            "Each piece needs one.",
            "Build the model with vocab_size=tokenizer.vocab_size",
        )
    about: dict[str, Any] = {
        "kind": KIND,
        "architecture": model.config.model_type,
        "parameters": model.num_parameters(),
        "stored": "float16" if half else "float32",
        "tokenizer": tokenizer.fingerprint,
    }
    with sealed_folder(target, about, replace=replace) as aside:
        save_weights(aside, model, half=half)
        tokenizer.save(aside, seq_len=model.config.max_position_embeddings)
        write_json(aside / "recipe.json", recipe)
        write_json(aside / "scores.json", scores)
        write_atomic(aside / CARD, card.encode("utf-8"))
        if notice is not None:
            write_atomic(aside / "NOTICE", notice.encode("utf-8"))
    return target


def check_model(folder: Path | str) -> dict[str, Any]:
    """Check all of a saved model: checksums, header, configuration, tokenizer; return the manifest.

    Raises
    ------
    IntegrityError, ModelError, TokenError
        Naming the first thing that is wrong.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(f"There is no folder {folder}.", "A saved model was expected.")
    manifest = check_folder(folder, contents=True)
    config = read_config(folder)
    count_parameters(folder)
    tokenizer = Tokenizer.open(folder)
    if tokenizer.vocab_size > config["vocab_size"]:
        raise ModelError(
            f"The tokenizer in {folder} has {tokenizer.vocab_size} pieces, "
            f"the model {config['vocab_size']}.",
            "They do not belong together.",
        )
    return manifest


def load_weights(
    folder: Path, model_class: Any, *, device: str | torch.device | None = None, **changes: Any
) -> PreTrainedModel:
    """Load a model for use: 32-bit floats, on a GPU if there is one, fused attention if it can.

    Parameters
    ----------
    folder
        A saved model, ours or anyone's with safetensors.
    model_class
        One of transformers' AutoModel classes: which head is wanted.
    **changes
        What its configuration shall say instead, such as another dropout.

    Raises
    ------
    IntegrityError
        If a file is missing, too short or too long.
    ModelError
        If there are no safetensors, the head is not in the file, or the model does not fit in
        memory.
    """
    if (folder / MANIFEST).is_file():
        check_folder(folder, contents=False)
    read_config(folder)
    n_parameters = count_parameters(folder)
    place = device_called(device)
    if place.type == "cpu":
        check_memory(folder.name, n_parameters)
    model, loading = read_model(folder, model_class, **changes)
    if missing := sorted(loading["missing_keys"]):
        raise ModelError(
            f"The model in {folder} lacks {len(missing)} weights, such as {missing[0]}.",
            f"{type(model).__name__} needs them; with random ones its answers would be noise.",
            "Perhaps it was saved for another task: see its README.md.",
        )
    loaded: PreTrainedModel = model.train(False).to(place)
    return loaded


def read_model(
    folder: Path, model_class: Any, **changes: Any
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """Read a model in 32 bits; return it with what transformers says of keys that did not match.

    Raises
    ------
    ModelError
        If transformers does not know the layout for this use.
    """
    try:
        with _QuietTransformers():
            found: tuple[PreTrainedModel, dict[str, Any]] = model_class.from_pretrained(
                folder,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **changes,
            )
    except (ValueError, KeyError, RuntimeError, OSError) as error:
        kind = read_config(folder)["model_type"]
        raise ModelError(
            f"The model in {folder} ({kind}) cannot be loaded: "
            f"{str(error).partition(_ALL_LAYOUTS)[0].strip()}",
            "A layout that transformers knows for this use was expected; a folder's own code is "
            "never run.",
            "MaskedLM.open is for models that fill a blank, CausalLM.open for models that go on.",
        ) from None
    return found


def read_config(folder: Path) -> dict[str, Any]:
    """Return a model's ``config.json``.

    Raises
    ------
    IntegrityError
        If it is missing, damaged, or names no layout.
    """
    config = read_json(folder / CONFIG)
    if "model_type" not in config:
        raise IntegrityError(f"{folder / CONFIG} has no model_type.", "transformers writes one.")
    return config


def count_parameters(folder: Path) -> int:
    """Count the stored numbers by the headers of the safetensors, whose sizes are checked.

    Raises
    ------
    IntegrityError
        If a file is truncated, padded, or has no readable header.
    ModelError
        If there are no safetensors.
    """
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise hub.pickled(
            str(folder), [path.name for pattern in _PICKLES for path in folder.glob(pattern)]
        )
    return sum(math.prod(entry["shape"]) for path in files for entry in _header(path).values())


def fingerprint(folder: Path) -> str:
    """Return the SHA-256 of a saved model's weights by its manifest; empty if it has none."""
    if not (folder / MANIFEST).is_file():
        return ""
    files = read_manifest(folder).get("files", {})
    return str(files.get("model.safetensors", {}).get("sha256", ""))


def shape_of(config: Any) -> ModelShape | None:
    """Return the shape a configuration describes; None for a layout this project does not build."""
    if config.model_type not in ARCHITECTURES:
        return None
    return ModelShape(
        n_layer=config.num_hidden_layers,
        n_head=config.num_attention_heads,
        n_embd=config.hidden_size,
        architecture=config.model_type,
        vocab_size=config.vocab_size,
        seq_len=config.max_position_embeddings,
        n_inner=config.n_inner if config.model_type == "gpt2" else config.intermediate_size,
        tied=None if config.model_type in MASKED else bool(config.tie_word_embeddings),
    )


def save_weights(folder: Path, model: PreTrainedModel, *, half: bool = False) -> None:
    """Write weights and configuration, by choice in 16 bits."""
    # The configuration keeps saying float32, so that transformers, too, opens half-precision files
    # in 32 bits.
    state = model.state_dict()
    if half:
        halves = {tensor.data_ptr(): tensor.half() for tensor in state.values()}
        state = {
            name: halves[tensor.data_ptr()] for name, tensor in state.items()
        }  # ties stay ties
    if not torch.cuda.is_available():  # accelerate imports DeepSpeed here, which would warn of it
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    with _QuietTransformers():
        model.save_pretrained(folder, state_dict=state)


def _header(path: Path) -> dict[str, Any]:
    """Read a safetensors header: its length, JSON, then exactly as many bytes as it lists."""
    size = path.stat().st_size
    with open(path, "rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else -1
        if not 0 < length <= min(_HEADER_LIMIT, size - 8):
            raise IntegrityError(
                f"{path} has {size} bytes and no readable header.",
                "A safetensors file was expected.",
            )
        raw = file.read(length)
    try:
        content = json.loads(raw)
        header = {name: entry for name, entry in content.items() if name != "__metadata__"}
        end = 8 + length + max((entry["data_offsets"][1] for entry in header.values()), default=0)
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        raise IntegrityError(
            f"The header of {path} is damaged.", "A safetensors file was expected."
        ) from None
    if end != size:
        raise IntegrityError(
            f"{path} has {size} bytes.", f"Its header lists {end}.", "Copy it again."
        )
    return header


def device_called(device: str | torch.device | None) -> torch.device:
    """Return the device of a name; by default a GPU if there is one.

    Raises
    ------
    ModelError
        If no device is called so.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except RuntimeError as error:
        raise ModelError(
            f"No device is called '{device}': {error}", "'cpu' or 'cuda' was expected."
        ) from None


class _QuietTransformers:
    """Keep transformers' bars and reports off the page; what matters is raised as an error."""

    def __enter__(self) -> None:
        self.level = transformers_logging.get_verbosity()
        self.bars = transformers_logging.is_progress_bar_enabled()
        transformers_logging.set_verbosity(logging.ERROR)
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]

    def __exit__(self, *_: object) -> None:
        transformers_logging.set_verbosity(self.level)
        if self.bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
