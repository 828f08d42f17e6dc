"""The saved adapter: a sealed folder that this project and plain peft both open.

::

    adapter_model.safetensors   the low-rank additions, in half precision
    adapter_config.json         which matrices, which rank, as peft reads them
    README.md                   the card          NOTICE       what must be said about the data
    recipe.json                 how it was made   scores.json  whether it beats its base
    manifest.json               sizes and checksums, and the base's fingerprint
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kblib import settings
from kblib.adapters.lora import quiet_peft, require_peft
from kblib.errors import IntegrityError, ModelError
from kblib.files import (
    check_folder,
    read_json,
    read_manifest,
    sealed_folder,
    write_atomic,
    write_json,
)
from kblib.models.folder import fingerprint
from kblib.models.masked import MaskedLM

KIND = "adapter"
CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class PeriodAdapter:
    """A saved adapter of a period.

    Parameters
    ----------
    folder
        Where it lies.
    period
        Such as ``1930s``.
    medium
        What it was trained on, such as ``speech``; None where that was not told apart.
    scores
        Its ``scores.json``.
    """

    folder: Path
    period: str
    medium: str | None
    scores: Mapping[str, Any]


def save_adapter(
    target: Path,
    *,
    adapted: Any,
    base: MaskedLM,
    about: Mapping[str, Any],
    recipe: Mapping[str, Any],
    scores: Mapping[str, Any],
    card: str,
    notice: str | None,
    replace: bool = False,
) -> Path:
    """Save an adapter with all that belongs to it; the folder appears when it is complete.

    Parameters
    ----------
    adapted
        What `kblib.adapters.lora.with_lora` returned, trained.
    base
        The model it belongs to.
    about
        What the manifest says besides: period, medium.
    """
    import torch
    from safetensors.torch import save_file

    state = require_peft().get_peft_model_state_dict(adapted)
    halves = {name: value.detach().to(torch.float16).contiguous() for name, value in state.items()}
    manifest = {
        "kind": KIND,
        **about,
        "base": base.name,
        "base_weights": base.provenance["weights"],
        "parameters": sum(value.numel() for value in halves.values()),
        "stored": "float16",
    }
    with sealed_folder(target, manifest, replace=replace) as aside:
        save_file(halves, aside / WEIGHTS, metadata={"format": "pt"})
        write_json(aside / CONFIG, peft_config(adapted, base.name))
        write_json(aside / "recipe.json", recipe)
        write_json(aside / "scores.json", scores)
        write_atomic(aside / "README.md", card.encode("utf-8"))
        if notice is not None:
            write_atomic(aside / "NOTICE", notice.encode("utf-8"))
    return target


def peft_config(adapted: Any, base: str) -> dict[str, Any]:
    """Return what peft reads, the same each time: the base by name, sets in order."""
    said = adapted.peft_config["default"].to_dict()
    said |= {"base_model_name_or_path": base, "inference_mode": True}
    plain = {name: sorted(v) if isinstance(v, set) else v for name, v in said.items()}
    return {name: getattr(value, "value", value) for name, value in plain.items()}


def open_adapted(folder: Path | str, *, base: MaskedLM | None = None) -> MaskedLM:
    """Open a masked model with an adapter added to its matrices; as fast as without one.

    Parameters
    ----------
    folder
        A saved adapter, or its name among the model folders.
    base
        The model it belongs to, which is left as it is; by default opened by name.

    Raises
    ------
    ModelError
        If there is no adapter, or it belongs to another model.
    IntegrityError
        If its files are not what its manifest says.
    """
    place = _find(folder)
    manifest = check_folder(place, contents=True)
    base = MaskedLM.open(manifest["base"]) if base is None else base
    if base.provenance["weights"] != manifest["base_weights"]:
        raise ModelError(
            f"The adapter '{place.name}' belongs to {manifest['base']} "
            f"{manifest['base_weights'][:12]}.",
            f"'{base.name}' has other weights: {base.provenance['weights'][:12] or 'unknown'}.",
            f"python -m kblib models {place.name}",
        )
    with quiet_peft():
        model = require_peft().PeftModel.from_pretrained(deepcopy(base.model), str(place))
    return MaskedLM(model.merge_and_unload(), base.tokenizer, name=place.name, folder=base.folder)


def period_adapters(base: MaskedLM) -> list[PeriodAdapter]:
    """Return the saved adapters of a model that have a period, in its order."""
    if base.folder is None or not (weights := fingerprint(base.folder)):
        return []
    found: dict[str, PeriodAdapter] = {}
    for home in settings.model_folders():
        for config in sorted(home.glob(f"*/{CONFIG}")):
            one = _read(config.parent, weights)
            if one is not None:
                found.setdefault(one.folder.name, one)
    return sorted(found.values(), key=lambda one: one.period)


def _read(folder: Path, base_weights: str) -> PeriodAdapter | None:
    try:
        manifest, scores = read_manifest(folder), read_json(folder / "scores.json")
    except IntegrityError:
        return None
    if manifest.get("base_weights") != base_weights or "period" not in manifest:
        return None
    return PeriodAdapter(folder, str(manifest["period"]), manifest.get("medium"), scores)


def _find(name: Path | str) -> Path:
    places = [Path(name).expanduser(), *(home / name for home in settings.model_folders())]
    for place in places:
        if (place / CONFIG).is_file():
            return place
    here = sorted({c.parent.name for home in places[1:] for c in home.parent.glob(f"*/{CONFIG}")})
    raise ModelError(
        f"No adapter is called '{name}'.",
        f"On this machine: {', '.join(here) or 'none yet'}.",
        "python -m kblib models",
    )
