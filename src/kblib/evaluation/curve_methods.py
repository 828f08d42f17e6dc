"""What can stand in a learning curve: methods that are given labels, and such that need none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from kblib.baselines.counts import majority, ngrams
from kblib.baselines.linear import tfidf
from kblib.errors import LabelError
from kblib.evaluation.curve_cells import Method
from kblib.evaluation.curve_vectors import VectorStore
from kblib.fewshot import classifier as few_shot
from kblib.fewshot import prompted as prompt_examples
from kblib.fewshot.contrastive_recipe import Contrast
from kblib.labels import Labels
from kblib.labels.parts import Parts
from kblib.zeroshot.classifier import ZeroShotClassifier

Answer = Callable[[Labels, Labels, int], Sequence[str | None]]
LEARN = ("sentences", "tf-idf", "n-grams", "contrastive", "prompt")
WITHOUT = ("zero-shot", "keywords", "majority")
OWN = "own"
DEFAULT = ("sentences", "tf-idf", "zero-shot", "keywords", "majority")


@dataclass(frozen=True)
class CurveMethod:
    """A method of a learning curve, where its name alone does not say enough.

    Parameters
    ----------
    kind
        ``sentences``, ``tf-idf``, ``n-grams``, ``contrastive``, ``prompt``, ``zero-shot``,
        ``keywords``, ``majority``; or ``own``.
    model
        Which encoder or model, by name or folder; by default the embedded one. Of ``sentences``
        also an encoder that is open.
    name
        What it is called in table and picture; by default its kind, and its model if one is named.
    words
        Of ``zero-shot`` and ``keywords``: what stands for each label, such as a description or
        words to look for; of ``prompt``: the word that is shown for it.
    recipe
        Of ``contrastive``: the numbers of the finetuning.
    answer
        Of ``own``: a function of labels to learn from, labels whose texts are asked about, and a
        seed, that returns a label, or None, for each text. Its answers are not kept.
    learns
        Of ``own``: whether it is given labels.
    """

    kind: str
    model: str | few_shot.TextVectors | None = None
    name: str | None = None
    words: Mapping[str, str | Sequence[str]] | None = None
    recipe: Contrast = field(default_factory=Contrast)
    answer: Answer | None = None
    learns: bool = True

    @property
    def shown(self) -> str:
        """What it is called."""
        model = getattr(self.model, "name", self.model)
        return self.name or (self.kind if model is None else f"{self.kind} ({model})")


def methods_of(
    asked: Sequence[str | CurveMethod], parts: Parts, folder: Path
) -> tuple[Method, ...]:
    """Return the methods of a curve, each ready to be asked.

    Raises
    ------
    LabelError
        If one is unknown, is named twice, or lacks what it needs; if none is given labels.
    """
    listed = [asked] if isinstance(asked, str | CurveMethod) else list(asked)
    wanted = [CurveMethod(one) if isinstance(one, str) else one for one in listed]
    for one in wanted:
        _check(one, parts)
    names = [one.shown for one in wanted]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise LabelError(
            f"Two methods are called '{twice}'.",
            "Names that tell them apart were expected.",
            f'kb.CurveMethod("{twice}", name="...")',
        )
    methods = tuple(_OPEN[one.kind](one, parts, folder) for one in wanted)
    if not any(one.learns for one in methods):
        raise LabelError(
            f"None of the methods is given labels: {', '.join(names) or 'there is none'}.",
            f"At least one of {', '.join(LEARN)} was expected: it makes the curve.",
            f"methods={DEFAULT}",
        )
    return methods


def _check(one: Any, parts: Parts) -> None:
    if not isinstance(one, CurveMethod) or one.kind not in _OPEN:
        raise LabelError(
            f"There is no method {one.kind if isinstance(one, CurveMethod) else one!r}.",
            f"There are: {', '.join((*LEARN, *WITHOUT))}.",
            f"methods={DEFAULT}",
        )
    if (one.kind == OWN) != (one.answer is not None):
        raise LabelError(
            f"The method '{one.shown}' has {'no' if one.answer is None else 'a'} function.",
            "An own method, and no other, was expected to have one.",
            'kb.CurveMethod("own", name="rules", answer=function)',
        )
    strange = [label for label in one.words or () if label not in parts.train.labels]
    if strange:
        raise LabelError(
            f"The method '{one.shown}' has words for '{strange[0]}'.",
            f"The labels are: {', '.join(parts.train.labels)}.",
        )


def _sentences(one: CurveMethod, parts: Parts, folder: Path) -> Method:
    encoder = few_shot.opened(one.model or few_shot.EMBEDDED)
    texts = [text for part in parts for text in part.rows["text"]]
    store = VectorStore(encoder, texts, folder)

    def answer(train: Labels, test: Labels, seed: int) -> list[str]:
        vectors = store.of(train.rows["text"].to_list())
        head = few_shot.FewShotClassifier.on_vectors(
            encoder, vectors, train, groups=parts.by, seed=seed
        ).head
        best = head.shares(store.of(test.rows["text"].to_list())).argmax(axis=1)
        return [head.labels[number] for number in best]

    return Method(one.shown, True, answer, _known(one, encoder.provenance))


def _contrastive(one: CurveMethod, parts: Parts, _folder: Path) -> Method:
    model = str(one.model or few_shot.EMBEDDED_TRAINABLE)

    def answer(train: Labels, test: Labels, seed: int) -> list[str]:
        made = few_shot.FewShotClassifier.contrast(
            train, model, recipe=one.recipe, groups=parts.by, seed=seed
        )
        if made.provenance["contrast"]["steps"] < made.provenance["contrast"]["steps_planned"]:
            raise KeyboardInterrupt  # half a finetuning is no cell
        found: list[str] = made.predict(test)["label"].tolist()
        return found

    return Method(one.shown, True, answer, _known(one, {**_of_folder(model), **asdict(one.recipe)}))


def _tfidf(one: CurveMethod, parts: Parts, _folder: Path) -> Method:
    def answer(train: Labels, test: Labels, seed: int) -> list[str | None]:
        return _labels(tfidf(train, test, train.rows[parts.by].to_list(), seed))

    return Method(one.shown, True, answer, _known(one, {}))


def _ngrams(one: CurveMethod, _parts: Parts, _folder: Path) -> Method:
    def answer(train: Labels, test: Labels, _seed: int) -> list[str | None]:
        return _labels(ngrams(train, test))

    return Method(one.shown, True, answer, _known(one, {}))


def _prompt(one: CurveMethod, parts: Parts, _folder: Path) -> Method:
    from kblib.fewshot.prompt_scores import opened_model

    name = str(one.model or prompt_examples.EMBEDDED)
    model = opened_model(name)
    words = {label: str(word) for label, word in (one.words or {}).items()}

    def shown(train: Labels, seed: int) -> prompt_examples.PromptedClassifier:
        rarest = min(Counter(train.rows["label"]).values())
        shots = min(rarest, prompt_examples.MOST_SHOTS)
        return prompt_examples.PromptedClassifier.of_examples(
            train, model, shots=shots, words=words, seed=seed
        )

    def answer(train: Labels, test: Labels, seed: int) -> list[str]:
        found: list[str] = shown(train, seed).predict(test)["label"].tolist()
        return found

    notes = shown(parts.train, 1).warnings
    return Method(one.shown, True, answer, _known(one, _of_folder(name)), notes)


def _zero_shot(one: CurveMethod, parts: Parts, _folder: Path) -> Method:
    names = parts.train.labels
    method = one.kind if one.kind == "keywords" else None
    judge = ZeroShotClassifier(
        one.model, {name: (one.words or {}).get(name, name) for name in names}, method=method
    )

    def answer(_train: Labels, test: Labels, _seed: int) -> list[str | None]:
        return _labels(judge.predict(test).rows)

    return Method(one.shown, False, answer, _known(one, judge.method.provenance))


def _majority(one: CurveMethod, _parts: Parts, _folder: Path) -> Method:
    def answer(train: Labels, test: Labels, _seed: int) -> list[str | None]:
        return _labels(majority(train, test))

    return Method(one.shown, False, answer, _known(one, {}))


def _own(one: CurveMethod, _parts: Parts, _folder: Path) -> Method:
    assert one.answer is not None  # noqa: S101  checked before
    return Method(one.shown, one.learns, one.answer, None)


def _labels(table: pl.DataFrame) -> list[str | None]:
    found: list[str | None] = table["label"].to_list()
    return found


def _known(one: CurveMethod, about: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return all that decides answers; None if a model's weights are not known by their sum."""
    words = {label: said if isinstance(said, str) else list(said)
             for label, said in (one.words or {}).items()}  # fmt: skip
    return {"kind": one.kind, "words": words, **about} if about.get("weights", "-") else None


def _of_folder(model: str) -> dict[str, str]:
    from kblib.models.catalog import find_model
    from kblib.models.folder import fingerprint

    folder = find_model(model)
    return {"model": folder.name, "weights": fingerprint(folder)}


_OPEN: dict[str, Callable[[CurveMethod, Parts, Path], Method]] = {
    "sentences": _sentences,
    "contrastive": _contrastive,
    "tf-idf": _tfidf,
    "n-grams": _ngrams,
    "majority": _majority,
    "prompt": _prompt,
    "zero-shot": _zero_shot,
    "keywords": _zero_shot,
    OWN: _own,
}
