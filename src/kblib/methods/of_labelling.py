"""What is said of models that label texts: how they were taught, or asked, and how they score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kblib.methods.references import BOOTSTRAP, LORA, QLORA, VARIANCE, ZERO_SHOT
from kblib.methods.speech import Speech
from kblib.methods.told import SIGNS, Told

TAUGHT = {
    "lora": ("LoRA: a few numbers beside each matrix", "LoRA: några tal bredvid varje matris"),
    "qlora": (
        "QLoRA: a few numbers beside matrices in few bits",
        "QLoRA: några tal bredvid matriser i få bitar",
    ),
    "full": ("all of its numbers", "alla dess tal"),
    "probe": ("its head alone", "bara dess huvud"),
}
"""What of a model was trained, in both languages."""
ASKED = {
    "sentences": ("likeness of vectors", "likhet mellan vektorer"),
    "entailment": ("entailment", "slutledning"),
    "masked": ("a blank to be filled", "en lucka att fylla"),
    "prompt": ("going on with a text", "fortsättning på en text"),
    "keywords": ("counted keywords", "räknade nyckelord"),
}
"""How labels were asked for, in both languages."""
OF_METHOD = {"lora": (LORA,), "qlora": (LORA, QLORA)}


def finetuned(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say which model was taught, and how."""
    method = str(about["method"])
    said = speech.say(
        "A model was finetuned from {base} (fingerprint {signs}) by training {what} (seed {seed}).",
        "En modell finjusterades från {base} (fingeravtryck {signs}) genom att träna {what} (frö "
        "{seed}).",
        base=speech.quoted(about["base"]),
        signs=str(about["base_fingerprint"])[:SIGNS], seed=about["seed"],
        what=speech.say(*TAUGHT.get(method, (method, method))),
    )  # fmt: skip
    return Told((said,), OF_METHOD.get(method, ()))


def zero_shot(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say who was asked for which labels, and in which words."""
    method = str(about["method"])
    templates = about["template"]
    listed = [templates] if isinstance(templates, str) else list(templates)
    labels = about["labels"]
    weights = str(about.get("weights") or "")[:SIGNS]
    known = speech.say(" (weights {w})", " (vikter {w})", w=weights) if weights else ""
    asked = speech.say(
        "Labels that {model} was never taught were asked for by {how}: {labels}.",
        "Etiketter som {model} aldrig lärt sig efterfrågades genom {how}: {labels}.",
        model=speech.quoted(str(about["model"])) + known,
        how=speech.say(*ASKED.get(method, (method, method))),
        labels=speech.quoted(list(labels)),
    )
    if method == "keywords":
        return Told((asked,))
    template = speech.say(
        "They stood in {templates}.", "De stod i {templates}.", templates=speech.quoted(listed)
    )
    return Told((asked, template), (ZERO_SHOT,))


def scores(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say on how many texts a model was scored, and where the intervals come from."""
    said = speech.say(
        "Labels were scored on {n} texts; {confidence} intervals come from drawing whole units "
        "({unit}) again.",
        "Etiketterna prövades på {n} texter; {confidence}-intervallen kommer av att hela enheter "
        "({unit}) drogs om.",
        n=about["n_texts"], confidence=speech.percent(about["confidence"]),
        unit=speech.word(about["unit"]),
    )  # fmt: skip
    return Told((said,), (BOOTSTRAP,))


def learning_curve(speech: Speech, about: Mapping[str, Any]) -> Told:
    """Say what was learnt from how many labels, and on what it was tested."""
    said = speech.say(
        "Learning curve of {labels} (fingerprint {signs}): {methods}; {draws} draws of labels at "
        "each size from at most {train}, tested on {test} texts of {groups} other units ({unit}).",
        "Inlärningskurva för {labels} (fingeravtryck {signs}): {methods}; {draws} dragningar av "
        "etiketter vid varje storlek ur högst {train}, prövade på {test} texter ur {groups} andra "
        "enheter ({unit}).",
        labels=speech.quoted(str(about["labels"])),
        signs=str(about["labels_fingerprint"])[:SIGNS], methods=speech.listing(about["methods"]),
        draws=about["draws"], train=about["n_train"], test=about["n_test"],
        groups=about["n_test_groups"], unit=speech.word(str(about["groups"])),
    )  # fmt: skip
    return Told((said,), (VARIANCE,))
