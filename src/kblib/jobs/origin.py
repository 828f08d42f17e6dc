"""The model that a job goes on from, as a run folder names it: where it lies, what it has to be."""

from __future__ import annotations

from typing import Any

from kblib.errors import JobError, ModelError
from kblib.models.catalog import local_folder
from kblib.models.origin import (
    folder_of_origin,
    name_of_origin,
    origin_fingerprint,
    shape_of_origin,
)
from kblib.models.shape import ModelShape


def origin_to_dict(name: str) -> dict[str, Any]:
    """Return name, folder and fingerprint of a model; only the name where it is not here."""
    folder = local_folder(name)
    return {
        "name": name_of_origin(name),
        "folder": None if folder is None else str(folder),
        "fingerprint": None if folder is None else origin_fingerprint(folder),
    }


def same_origin(said: dict[str, Any]) -> str:
    """Return the folder of the model that `origin_to_dict` told of.

    Raises
    ------
    ModelError
        If it is no longer there.
    JobError
        If it is another one than at submit.
    """
    if said["folder"] is None:
        return str(said["name"])
    folder = folder_of_origin(said["folder"])
    found = origin_fingerprint(folder)
    if found != said["fingerprint"]:
        raise JobError(
            f"The model in {folder} has the fingerprint {found[:12]}.",
            f"The job was submitted for {said['fingerprint'][:12]}: the model was changed since.",
            "Submit the job again with the model as it is now.",
        )
    return str(folder)


def check_shape(shape: ModelShape, origin: str) -> None:
    """Refuse another shape than that of the model to go on from, where that is known.

    Raises
    ------
    JobError
        With both.
    """
    try:
        known = shape_of_origin(origin)
    except ModelError:  # not here yet: the run looks when it has the weights
        return
    if known.parameters() != shape.parameters():
        raise JobError(
            f"Pretrain got the shape {shape} of {shape.parameters():,} parameters for '{origin}', "
            f"which is {known} of {known.parameters():,}.",
            "A model goes on with the shape that it has.",
            f'kb.Pretrain(corpus, continue_from="{origin}", ...) reads the shape off the model.',
        )
