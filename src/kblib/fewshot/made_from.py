"""What a few-shot classifier was made from, told in its folder: ``recipe.json`` and ``NOTICE``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kblib.labels.told import notice_of
from kblib.models.sentence_encoder_packaged import PACKAGE
from kblib.models.told import told_model, told_package

if TYPE_CHECKING:
    from kblib.fewshot.classifier import TextVectors

LABELS = "labels_told"
"""Where a classifier's provenance tells of its labels; older ones do not."""
_NUMBERS = ("strength", "balanced", "seed", "version", "contrast")


def recipe_of(encoder: TextVectors, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a classifier was made, and from what; `known` is its provenance."""
    made_from: dict[str, Any] = {"base": _base(encoder, known)}
    if LABELS in known:
        made_from["labels"] = known[LABELS]
    return {"made_from": made_from, **{name: known[name] for name in _NUMBERS if name in known}}


def notice_beside(encoder: TextVectors, own: Path, known: Mapping[str, Any]) -> str | None:
    """Return the notice of a classifier: what its encoder's says, and what is said of its labels.

    Parameters
    ----------
    own
        The folder of an encoder that was finetuned for it; not there if it is frozen.
    """
    base = own if own.is_dir() else getattr(encoder, "folder", None)
    return notice_of(known[LABELS], base) if LABELS in known else None


def _base(encoder: TextVectors, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return who the encoder is, or what it was before it was finetuned for this classifier."""
    if "contrast" in known:
        return dict(known["contrast"]["base"])
    folder = getattr(encoder, "folder", None)
    if folder is not None:
        return told_model(folder)
    if encoder.name == PACKAGE:
        return told_package()
    return {"name": encoder.name, "fingerprint": encoder.provenance.get("weights", "")}
