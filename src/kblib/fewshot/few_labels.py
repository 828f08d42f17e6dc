"""What learning from a few labels needs: texts, each with one label, of two kinds at least."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kblib.corpora import Corpus
from kblib.errors import LabelError
from kblib.labels import Labels
from kblib.models.given import shortened

_OF_OTHERS = {
    "pairs": "of pairs of texts",
    "words": "of words",
    "scale": "points on a scale",
}


def check_few(labels: Any) -> Labels:
    """Return labels that a few-shot method can learn from.

    Raises
    ------
    LabelError
        If they are no labels, or not of single texts, or all the same.
    """
    if not isinstance(labels, Labels):
        raise LabelError(
            f"The labels are a {type(labels).__name__}.",
            "Labels were expected: texts with a label each.",
            'kb.read_labels(table, text="text", label="label")',
        )
    kind = "scale" if labels.is_scale and labels.kind == "texts" else labels.kind
    if kind in _OF_OTHERS:
        raise LabelError(
            f"The labels of '{labels.name}' are {_OF_OTHERS[kind]}.",
            "Learning from a few labels needs one named label a text.",
            'kb.Finetune(labels, model="kb-mini-masked") learns the others.',
        )
    met = sorted(set(labels.rows["label"]))
    if len(met) < 2:
        raise LabelError(
            f"All {len(labels):,} labels of '{labels.name}' are "
            f"{f'{met[0]!r}' if met else 'missing'}.",
            "Two different ones at least were expected: with one, nothing can be told apart.",
            "Label texts of another kind too.",
        )
    return labels


def texts_of(given: Any) -> tuple[list[str], list[str]]:
    """Return ids and texts of a corpus, a table, labels, or a list of texts, which are numbered.

    Raises
    ------
    LabelError
        If there is none, or one is no text.
    """
    if isinstance(given, Labels):
        return given.rows["id"].to_list(), given.rows["text"].to_list()
    if hasattr(given, "columns") and not isinstance(given, Corpus):
        given = Corpus.from_table(given, name="texts")
    if isinstance(given, Corpus):
        rows = given.frame().select("id", "text").collect()
        return rows["id"].to_list(), rows["text"].fill_null("").to_list()
    listed = isinstance(given, Iterable) and not isinstance(given, str | bytes | Mapping)
    texts = list(given) if listed else []
    strange = next((one for one in texts if not isinstance(one, str)), None)
    if not texts or strange is not None:
        raise LabelError(
            f"The texts are {shortened(given)}."
            if strange is None
            else f"One of {len(texts):,} texts is {shortened(strange)}.",
            "A corpus, a table, labels or a list of texts was expected.",
            'model.predict(["Kungen besökte Malmö."])',
        )
    return [str(number) for number in range(1, len(texts) + 1)], texts
