"""What a job names by folder: saved corpora, and models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from kblib.models.origin import name_of_origin

MODELS = ("model", "tokenizer", "continue_from")
"""Fields of jobs that name a model: a folder, a name in the model folders, or one of the hub."""
_OWN_FUNCTIONS = "kblib."
"""How functions of batches begin whose argument ``model`` is the folder of one."""


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
    for said in (*(job.get(field) for field in MODELS), asked_model(job)):
        if isinstance(said, Mapping):
            yield str(said["name"]), str(said["folder"] or said["name"])
        elif said:
            yield str(said), str(said)


def asked_model(job: Mapping[str, Any]) -> Mapping[str, str] | None:
    """Return the model that a batch asks, where its function is one of ours."""
    folder = (job.get("arguments") or {}).get("model")
    if not str(job.get("function", "")).startswith(_OWN_FUNCTIONS) or not folder:
        return None
    return {"name": name_of_origin(str(folder)), "folder": str(folder)}


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
    if asked := asked_model(job):
        folder = asked["folder"]
        found = place(folder) or name_of_origin(folder)
        moved["arguments"] = {**job["arguments"], "model": found}
    return moved
