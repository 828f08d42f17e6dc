"""What a model that was made from another one has to tell of it: who it is, and what made it.

Nothing here imports torch.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from kblib.errors import IntegrityError
from kblib.files import read_json
from kblib.models.catalog import entry_of, local_folder
from kblib.models.origin import name_of_origin, origin_fingerprint
from kblib.models.sentence_encoder_packaged import LICENCE, PACKAGE, VERSION, WEIGHTS_SHA256

RECIPE = "recipe.json"
_PLACES = {"folder", "output", "base_model_name_or_path", "encoder_at"}


def told_model(folder: Path) -> dict[str, Any]:
    """Return who a model is, as plain data without folders.

    Returns
    -------
    dict
        name, fingerprint; licence, where the catalog knows this very model; recipe, where it has
        one, so that what it was made from can be asked for when it is no longer here.
    """
    name = name_of_origin(str(folder))
    told: dict[str, Any] = {"name": name, "fingerprint": origin_fingerprint(folder)}
    entry, listed = entry_of(name), local_folder(name)
    if entry is not None and listed is not None and listed.resolve() == folder.resolve():
        told["licence"] = entry.licence
    with suppress(IntegrityError):  # models of others have none
        told["recipe"] = without_places(read_json(folder / RECIPE))
    return told


def told_package() -> dict[str, Any]:
    """Return who the sentence encoder is that comes as a package."""
    pinned = f"{PACKAGE}=={VERSION}"
    return {"name": PACKAGE, "fingerprint": WEIGHTS_SHA256, "licence": LICENCE, "package": pinned}


def without_places(content: Any) -> Any:
    """Return plain data with names in the place of the folders on this machine that it tells.

    Examples
    --------
    >>> without_places({"corpus": {"name": "films", "folder": "/home/ada/films-1a2b"}})
    {'corpus': {'name': 'films', 'folder': 'films'}}
    """
    if isinstance(content, list):
        return [without_places(value) for value in content]
    if not isinstance(content, dict):
        return content
    found = {key: without_places(value) for key, value in content.items()}
    for key in _PLACES & found.keys():
        if isinstance(found[key], str) and Path(found[key]).is_absolute():
            found[key] = found.get("name") or Path(found[key]).name
    return found
