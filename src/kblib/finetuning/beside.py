"""The base that an adapter or a head stands beside: found again, and the same.

Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kblib.errors import ModelError
from kblib.finetuning.about import About
from kblib.models.catalog import local_folder
from kblib.models.origin import origin_fingerprint

_SHOWN = 12


def base_of(folder: Path, about: About, base: Path | None = None) -> Path:
    """Return the folder of the model that was finetuned, if it is still the same.

    Raises
    ------
    ModelError
        If it is not there, or another one is.
    """
    wanted = about.base.fingerprint
    there = list(_places(about, base))
    for place in there:
        if origin_fingerprint(place) == wanted:
            return place
    if not there:
        raise ModelError(
            f"'{folder.name}' stands beside the model '{about.base.name}', which is not here.",
            f"It was in {about.base.folder} when '{folder.name}' was made."
            if Path(about.base.folder).is_absolute()
            else f"Its fingerprint is {wanted[:_SHOWN]}: beside other weights answers are noise.",
            f"kb.FinetunedModel.open('{folder.name}', base='folder/of/that/model')",
        )
    raise ModelError(
        f"'{folder.name}' belongs to the model '{about.base.name}' {wanted[:_SHOWN]}.",
        f"The one in {there[0]} is another: {origin_fingerprint(there[0])[:_SHOWN]}. "
        "Beside other weights its answers would be noise.",
        f"kb.FinetunedModel.open('{folder.name}', base='folder/of/that/model')",
    )


def _places(about: About, base: Path | None) -> Iterator[Path]:
    for name in (about.base.folder, about.base.name) if base is None else (base,):
        found = local_folder(name)
        if found is not None:
            yield found
