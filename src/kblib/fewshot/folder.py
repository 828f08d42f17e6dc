"""The folder of a few-shot classifier: written, and read only with the encoder it was made with."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kblib.errors import IntegrityError, ModelError
from kblib.fewshot.logistic_head import LogisticHead
from kblib.fewshot.made_from import notice_beside, recipe_of
from kblib.files import MANIFEST, check_folder, read_json, sealed_folder, write_atomic, write_json
from kblib.labels.told import NOTICE
from kblib.models.catalog import CONFIG, local_folder
from kblib.models.hub import looks_like_hub_name
from kblib.models.sentence_encoder import SentenceEncoder
from kblib.models.sentence_encoder_packaged import PACKAGE
from kblib.models.told import RECIPE

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
        write_json(aside / RECIPE, recipe_of(encoder, about["provenance"]))
        write_json(aside / "scores.json", _scores(head))
        write_atomic(aside / "README.md", _card(target.name, encoder, head, about).encode("utf-8"))
        _save_encoder(encoder, aside / ENCODER, about["provenance"])
        notice = notice_beside(encoder, aside / ENCODER, about["provenance"])
        if notice is not None:
            write_atomic(aside / NOTICE, notice.encode("utf-8"))
    return target


def encoder_beside(source: Path) -> str | None:
    """Return the folder of the frozen encoder of a saved classifier, or the package's name.

    None where the encoder lies in the classifier's own folder, or is on the hub only.

    Raises
    ------
    ModelError
        If it is not on this machine, and on no hub.
    """
    about = read_json(source / CONFIG)
    place = _place(source, about) if "encoder" in about else source / ENCODER
    if place == PACKAGE:
        return PACKAGE
    found = None if place == source / ENCODER else local_folder(place)
    if found is None and place != source / ENCODER and not looks_like_hub_name(str(place)):
        raise _not_here(source, place)
    return None if found is None else str(found)


def read(
    source: Path, encoder: str | Path | None = None
) -> tuple[SentenceEncoder, LogisticHead, dict[str, Any]]:
    """Return encoder, head, and what is known of them.

    Parameters
    ----------
    encoder
        Where a frozen encoder lies, if not where it was.

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
    return _encoder_of(source, about, encoder), LogisticHead.open(source), about


def _scores(head: LogisticHead) -> dict[str, Any]:
    """Return all that a head knows of how good it is: of texts left out when it was fitted."""
    return {"held_out_nats": head.tried.get(head.strength), "strength": head.strength}


def _save_encoder(encoder: TextVectors, folder: Path, known: Mapping[str, Any]) -> None:
    """Put an encoder that was finetuned for this classifier beside its head."""
    from kblib.fewshot.contrasted import ContrastedEngine

    engine = getattr(encoder, "engine", None)
    if isinstance(engine, ContrastedEngine):
        engine.save(folder, {"last_loss": engine.about["last_loss"]})
    elif engine is not None and "contrast" in known:  # opened from a folder such as this
        shutil.copytree(engine.folder, folder)


def _place(source: Path, about: Mapping[str, Any]) -> str | Path:
    """Return what the encoder is opened by: its own folder, the one where it was, its name."""
    if (source / ENCODER / MANIFEST).is_file():
        return source / ENCODER
    name, at = str(about["encoder"]["model"]), about.get("encoder_at")
    in_the_cache = looks_like_hub_name(name)  # whose folders are called by a commit
    return Path(at) if at and not in_the_cache and (Path(at) / CONFIG).is_file() else name


def _opened(source: Path, place: str | Path) -> SentenceEncoder:
    """Open the encoder of a classifier where it was, or by its name."""
    try:
        return SentenceEncoder.open(place)
    except ModelError:
        if looks_like_hub_name(str(place)) or local_folder(place) is not None:
            raise
        raise _not_here(source, place) from None


def _not_here(source: Path, place: str | Path) -> ModelError:
    return ModelError(
        f"The encoder '{place}' of the classifier in {source} is not here.",
        "A classifier is handed on without the frozen encoder whose vectors it reads.",
        f'kb.FewShotClassifier.open("{source.name}", encoder="folder/of/the/encoder")',
    )


def _encoder_of(
    source: Path, about: Mapping[str, Any], given: str | Path | None
) -> SentenceEncoder:
    place, said = _place(source, about), dict(about["encoder"])
    if place == source / ENCODER:
        return SentenceEncoder.open(place)
    encoder = _opened(source, place) if given is None else SentenceEncoder.open(given)
    folder = getattr(encoder, "folder", None)
    if folder is not None and (folder / MANIFEST).is_file():
        check_folder(folder, contents=True)
    if not _is_same(encoder.provenance, said, anywhere=given is not None):
        now, then = (one.get("weights", "")[:12] for one in (encoder.provenance, said))
        raise ModelError(
            f"The encoder '{said['model']}' has the weights {now or 'of no known sum'} here.",
            f"The classifier in {source} was trained on vectors of {then or 'other ones'}: those "
            "of another encoder mean something else.",
            "Train it again on this one: kb.FewShotClassifier.train(labels, ...)",
        )
    return encoder


def _is_same(now: Mapping[str, str], then: Mapping[str, str], *, anywhere: bool) -> bool:
    """Say whether two encoders are one; one that lies elsewhere may be called otherwise."""
    return now == then or bool(anywhere and then["weights"] and now["weights"] == then["weights"])


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
