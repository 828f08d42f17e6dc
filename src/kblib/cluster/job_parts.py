"""What a job names by folder: saved corpora, and models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kblib.models.origin import name_of_origin
from kblib.models.sentence_encoder_packaged import PACKAGE

MODELS = ("model", "tokenizer", "continue_from")
"""Fields of jobs that name a model: a folder, a name in the model folders, or one of the hub."""
_OWN_FUNCTIONS = "kblib."
"""How functions of batches begin whose arguments below are folders of models."""
_ASKED = ("model", "beside")


def corpora_in(job: Any) -> Iterator[dict[str, Any]]:
    """Yield what a job says of each saved corpus, wherever it stands in it."""
    if isinstance(job, dict):
        if job.get("folder") and "fingerprint" in job:
            yield job
        job = [part for name, part in job.items() if name not in MODELS]
    for part in job if isinstance(job, list) else ():
        yield from corpora_in(part)


def models_in(job: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name of each model that a job names, and where to look for it."""
    for said in (*(job.get(field) for field in MODELS), *asked_models(job).values()):
        if isinstance(said, Mapping):
            yield str(said["name"]), str(said["folder"] or said["name"])
        elif said:
            yield str(said), str(said)


def asked_models(job: Mapping[str, Any]) -> dict[str, Mapping[str, str]]:
    """Return the models that a batch asks, by argument, where its function is one of ours.

    A package is none: each machine has it for itself.
    """
    arguments = job.get("arguments") or {}
    if not str(job.get("function", "")).startswith(_OWN_FUNCTIONS):
        return {}
    folders = {one: str(arguments[one]) for one in _ASKED if arguments.get(one)}
    return {
        one: {"name": name_of_origin(folder), "folder": folder}
        for one, folder in folders.items()
        if folder != PACKAGE
    }


def with_models_at(job: Mapping[str, Any], place: Callable[[str], str | None]) -> dict[str, Any]:
    """Return a job with its models in other folders.

    Parameters
    ----------
    place
        Gives the folder in the place of one; None where the model has to be found by its name.

    Examples
    --------
    >>> job = {"continue_from": {"name": "mine", "folder": "/here/mine"}}
    >>> with_models_at(job, {"/here/mine": "/there/mine"}.get)
    {'continue_from': {'name': 'mine', 'folder': '/there/mine'}}
    """
    moved = dict(job)
    for field in MODELS:
        said = job.get(field)
        if isinstance(said, Mapping) and said.get("folder"):
            moved[field] = {**said, "folder": place(str(said["folder"]))}
    for one, asked in asked_models(job).items():
        found = place(asked["folder"]) or asked["name"]
        moved["arguments"] = {**moved["arguments"], one: found}
    return moved
