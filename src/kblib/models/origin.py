"""The model that a training goes on from: its folder, its shape, and who it is.

Nothing here imports torch: a job is made on a login node.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from kblib.errors import ModelError
from kblib.files import MANIFEST, read_json, read_manifest, sha256
from kblib.models import hub
from kblib.models.catalog import CONFIG, entry_of, find_model, local_folder
from kblib.models.shape import ARCHITECTURES, MASKED, ModelShape
from kblib.runs.finding import run_of_model

_WHOLE = ("*.safetensors", CONFIG, "tokenizer*", "vocab*", "merges.txt", "*.model")
"""What decides the first loss: weights, layout, tokenizer."""
_BLOB = re.compile(r"[0-9a-f]{64}")
"""How the cache of the model hub names large files: by their SHA-256."""
_TIED_BY_DEFAULT = {"gpt2": True}
_GPT2 = {
    "num_hidden_layers": "n_layer",
    "num_attention_heads": "n_head",
    "hidden_size": "n_embd",
    "max_position_embeddings": "n_positions",
    "intermediate_size": "n_inner",
}
"""GPT-2's own words for the sizes."""


def shape_of_origin(name: str) -> ModelShape:
    """Return the shape of a model by its folder, or by the catalog where it is not here.

    Raises
    ------
    ModelError
        If it is neither here nor known, or of a layout that cannot be trained on.
    """
    folder = local_folder(name)
    if folder is not None:
        return shape_in(folder)
    entry = entry_of(name)
    if entry is None or entry.shape is None:
        raise ModelError(
            f"The model '{name}' is not on this machine, so its shape is not known.",
            "A folder of a saved model was expected, or a name with a shape.",
            f'kb.Pretrain(corpus, kb.ModelShape(...), continue_from="{name}", ...)',
        )
    return entry.shape


def shape_in(folder: Path) -> ModelShape:
    """Read a shape off the ``config.json`` of a saved model.

    Raises
    ------
    ModelError
        If the layout is none that this project trains.
    """
    config = read_json(folder / CONFIG)
    kind = config.get("model_type")
    if kind not in ARCHITECTURES:
        raise ModelError(
            f"The model in {folder} is a '{kind}'.",
            f"Training goes on from: {', '.join(ARCHITECTURES)}.",
        )
    _refuse_grouped_heads(folder, config)
    tied = config.get("tie_word_embeddings", _TIED_BY_DEFAULT.get(kind, False))
    return ModelShape(
        n_layer=_size(folder, config, "num_hidden_layers"),
        n_head=_size(folder, config, "num_attention_heads"),
        n_embd=_size(folder, config, "hidden_size"),
        architecture=kind,
        vocab_size=_size(folder, config, "vocab_size"),
        seq_len=_size(folder, config, "max_position_embeddings"),
        n_inner=config.get(_word(config, "intermediate_size")),
        tied=None if kind in MASKED else bool(tied),
    )


def _word(config: dict[str, Any], name: str) -> str:
    return _GPT2.get(name, name) if config["model_type"] == "gpt2" else name


def _size(folder: Path, config: dict[str, Any], name: str) -> int:
    value = config.get(_word(config, name))
    if not isinstance(value, int):
        raise ModelError(
            f"{folder / CONFIG} says {_word(config, name)}={value!r}.",
            "A whole number was expected there.",
        )
    return value


def _refuse_grouped_heads(folder: Path, config: dict[str, Any]) -> None:
    groups = config.get("num_key_value_heads")
    if groups not in (None, config.get("num_attention_heads")):
        raise ModelError(
            f"The model in {folder} has {groups} key-value heads and "
            f"{config.get('num_attention_heads')} heads.",
            "Equal numbers were expected: the size of such a model cannot be planned yet.",
        )


def folder_of_origin(name: str) -> Path:
    """Return the folder of a model, fetched from the hub if need be, with safetensors in it.

    Raises
    ------
    ModelError
        If it is not there, or has weights as pickles only.
    """
    folder = find_model(name)
    if not any(folder.glob("*.safetensors")):
        raise hub.pickled(name, [path.name for path in folder.glob("*.bin")])
    return folder


def origin_fingerprint(folder: Path) -> str:
    """Return a hash of weights, layout and tokenizer: equal ones train on alike.

    Sums that a manifest or the cache of the model hub knows are believed; loading the weights
    checks their sizes. Other files are read once a process.
    """
    known = read_manifest(folder).get("files", {}) if (folder / MANIFEST).is_file() else {}
    digest = hashlib.sha256()
    for path in sorted({path for pattern in _WHOLE for path in folder.glob(pattern)}):
        digest.update(f"{path.name} {_sum(path, known)}\n".encode())
    return digest.hexdigest()


def _sum(path: Path, known: dict[str, Any]) -> str:
    if path.name in known:
        return str(known[path.name]["sha256"])
    blob = path.resolve().name
    if _BLOB.fullmatch(blob):
        return blob
    about = path.stat()
    return _read(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: Path, size: int, changed_ns: int) -> str:  # noqa: ARG001  # they are the key
    return sha256(path)


def name_of_origin(name: str) -> str:
    """Return how a model is called: the hub's name in the hub's cache, a run's for its result.

    Examples
    --------
    >>> name_of_origin("/cache/hub/models--KB--bert-base-swedish-cased/snapshots/5dfe")
    'KB/bert-base-swedish-cased'
    >>> name_of_origin("/home/ada/runs/films-1a2b/result/model")
    'films-1a2b'
    """
    for part in Path(name).parts:
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/")
    if hub.looks_like_hub_name(name):
        return name
    run = run_of_model(Path(name))
    return Path(name).name if run is None else run
