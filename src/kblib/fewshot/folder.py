"""The folder of a few-shot classifier: written, and read only with the encoder it was made with."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kblib.errors import IntegrityError, ModelError
from kblib.fewshot.logistic_head import LogisticHead
from kblib.files import MANIFEST, check_folder, read_json, sealed_folder, write_atomic, write_json
from kblib.models.catalog import CONFIG
from kblib.models.sentence_encoder import SentenceEncoder

if TYPE_CHECKING:
    from kblib.fewshot.classifier import TextVectors

KIND, ENCODER = "few-shot", "encoder"
LAYOUT = {"model_type": KIND, "architectures": ["FewShotClassifier"]}
"""What its config.json says, as that of any model folder: jobs know by it what can be asked."""


def save(
    target: Path,
    encoder: TextVectors,
    head: LogisticHead,
    about: Mapping[str, Any],
    *,
    replace: bool,
) -> Path:
    """Write the folder; it appears when it is complete."""
    with sealed_folder(target, {"kind": KIND}, replace=replace) as aside:
        head.save(aside)
        at = getattr(encoder, "folder", None)
        known = {"encoder": encoder.provenance, "encoder_at": None if at is None else str(at)}
        write_json(aside / CONFIG, {**LAYOUT, **known, **about})
        write_atomic(aside / "README.md", _card(target.name, encoder, head, about).encode("utf-8"))
        _save_encoder(encoder, aside / ENCODER, about)
    return target


def read(source: Path) -> tuple[SentenceEncoder, LogisticHead, dict[str, Any]]:
    """Return encoder, head, and what is known of them.

    Raises
    ------
    ModelError
        If there is no such folder, or the encoder is another one.
    IntegrityError
        If a file is missing or was changed.
    """
    about = read_json(source / CONFIG) if (source / CONFIG).is_file() else {}
    if about.get("model_type") != KIND:
        raise ModelError(
            f"There is no few-shot classifier in {source}.",
            f"A folder was expected whose {CONFIG} says so.",
            'kb.FewShotClassifier.train(labels).save("models/topics")',
        )
    check_folder(source, contents=True)
    if not {"encoder", "warnings", "provenance"} <= set(about):
        raise IntegrityError(
            f"{source / CONFIG} does not say what its encoder is.", "Each saved one does."
        )
    return _encoder_of(source, about), LogisticHead.open(source), about


def _save_encoder(encoder: TextVectors, folder: Path, about: Mapping[str, Any]) -> None:
    """Put an encoder that was finetuned for this classifier beside its head."""
    from kblib.fewshot.contrasted import ContrastedEngine

    engine = getattr(encoder, "engine", None)
    if isinstance(engine, ContrastedEngine):
        engine.save(folder, {"last_loss": engine.about["last_loss"]})
    elif (
        engine is not None and "contrast" in about["provenance"]
    ):  # opened from a folder such as this
        shutil.copytree(engine.folder, folder)


def _encoder_of(source: Path, about: Mapping[str, Any]) -> SentenceEncoder:
    own, said = source / ENCODER, dict(about["encoder"])
    if (own / MANIFEST).is_file():
        return SentenceEncoder.open(own)
    here = Path(about.get("encoder_at") or own)
    encoder = SentenceEncoder.open(here if (here / CONFIG).is_file() else said["model"])
    if encoder.provenance != said:
        now, then = (one.get("weights", "")[:12] for one in (encoder.provenance, said))
        raise ModelError(
            f"The encoder '{said['model']}' has the weights {now or 'of no known sum'} here.",
            f"The classifier in {source} was trained on vectors of {then or 'other ones'}: those "
            "of another encoder mean something else.",
            "Train it again on this one: kb.FewShotClassifier.train(labels, ...)",
        )
    return encoder


def _card(name: str, encoder: TextVectors, head: LogisticHead, about: Mapping[str, Any]) -> str:
    known = about["provenance"]
    rows = "\n".join(f"| {label} | {known['n_labels'][label]:,} |" for label in head.labels)
    notes = "\n".join(f"- {one}" for one in about["warnings"]) or "- none"
    return f"""# {name}

Gives a text one of {len(head.labels)} labels: a logistic head on the vectors of {encoder.name},
learnt from these labels of '{known["labels"]}':

| label | texts |
|---|---|
{rows}

How good it is, is not in this folder: compare it with labels it has not seen
(`kb.evaluate`). Opened by `kb.FewShotClassifier.open("{name}")`.

What has to be known:

{notes}
"""
