"""The files of a bundle: which there must be, and what they must not tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from kblib import settings
from kblib.errors import ModelError
from kblib.fewshot.logistic_head import HEAD, TENSORS
from kblib.files import MANIFEST, read_json, sha256, write_json
from kblib.jobs.predict import is_few_shot
from kblib.models.catalog import CONFIG, find_model
from kblib.models.told import RECIPE, without_places

CARD, SCORES = "README.md", "scores.json"
_OF_A_MODEL = (CONFIG, "tokenizer.json")
_OF_AN_ADAPTER = ("adapter_config.json", "adapter_model.safetensors")
_OF_A_FEW_LABELS = (CONFIG, HEAD, TENSORS)
TELLING = (RECIPE, "finetuned.json", "adapter_config.json", CONFIG)
"""Files that may name folders."""
_WORDS = (".json", ".md", ".txt", "")
"""Files that are read for places on this machine."""


def folder_of(model: Any) -> Path:
    """Return the folder of a saved model or adapter, by path or name, or of one that is open.

    Raises
    ------
    ModelError
        If there is none.
    """
    if not isinstance(model, str | Path):
        model = getattr(model, "folder", None) or _in_no_folder(model)
    path, adapter = Path(model).expanduser(), _OF_AN_ADAPTER[0]
    places = [path, *(folder / path for folder in settings.model_folders())]
    found = next((one for one in places if (one / adapter).is_file()), None)
    return (found or find_model(model)).resolve()


def _in_no_folder(model: Any) -> NoReturn:
    raise ModelError(
        f"The model is a {type(model).__name__} that lies in no folder.",
        "A bundle is made of what is saved.",
        'kb.Bundle(model.save("models/mine"))',
    )


def check_parts(folder: Path) -> None:
    """Look whether all is there that belongs to a bundle.

    Raises
    ------
    ModelError
        Naming what is missing.
    """
    of_few = (folder / CONFIG).is_file() and is_few_shot(folder)
    beside = (folder / _OF_AN_ADAPTER[0]).is_file()
    own = _OF_A_FEW_LABELS if of_few else _OF_AN_ADAPTER if beside else _OF_A_MODEL
    wanted = (MANIFEST, *own, CARD, RECIPE, SCORES)
    missing = [name for name in wanted if not (folder / name).is_file()]
    if not any(folder.glob("*.safetensors")):
        missing.append("*.safetensors")
    if missing:
        raise ModelError(
            f"{folder} lacks {', '.join(missing)}.",
            "A bundle has weights, tokenizer, card, recipe and scores, as this library saves them.",
            "Train it again, and save it: model.save(folder)"
            if of_few
            else "Take the result of a run: python -m kblib bundle RUN OUT",
        )


def take_places_out(path: Path) -> None:
    """Put names into a JSON file in the place of the folders on this machine that it tells.

    A file that tells none stays as it is: its bytes may be part of a model's fingerprint.
    """
    if not path.is_file():
        return
    content = read_json(path)
    told = without_places(content)
    if told != content:
        write_json(path, told)


def refuse_places(folder: Path) -> None:
    """Refuse a folder whose files tell where things lie on this machine.

    Raises
    ------
    ModelError
        Naming the file, and what it tells.
    """
    homes = {str(Path.home()), str(settings.home())} - {"/"}
    for path in sorted(one for one in folder.rglob("*") if one.suffix in _WORDS and one.is_file()):
        text = path.read_text(encoding="utf-8", errors="replace")
        for home in sorted(homes):
            if f"{home}/" in text:
                raise ModelError(
                    f"{path.name} tells a place on this machine: {home}/...",
                    "A bundle says nothing of whose machine it came from.",
                    f"Take it out of {path.name} and save the model again.",
                )


def sums_of(folder: Path) -> str:
    """Return the SHA-256 of each file as ``sha256sum --check`` reads them."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return "".join(f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
