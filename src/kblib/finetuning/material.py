"""What a finetuning learns from: labels in parts, looked at before anything starts.

Nothing here imports torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from kblib.errors import LabelError
from kblib.finetuning.spans import are_of_spans
from kblib.labels import Labels
from kblib.labels.intake import counted
from kblib.labels.labelled import Kind
from kblib.labels.parts import Parts

FEWEST = 2
"""Texts a label in the train part: of one nothing can be learnt that is not that text."""
_SHOWN = 5
_OF_A_PART = re.compile(r"(-train)+$")
SEED = 1


@dataclass(frozen=True)
class Task:
    """What is to be said of a text.

    Attributes
    ----------
    kind
        Of what: texts, pairs of texts, or words.
    labels
        Names in the order of the model's scores; none for a number.
    """

    kind: Kind
    labels: tuple[str, ...]

    @classmethod
    def of(cls, labels: Labels) -> Task:
        """Read it off labels; those nobody uses in the train part stay, for they may be asked."""
        return cls(labels.kind, labels.labels)

    @property
    def is_scale(self) -> bool:
        """Whether a number is said and no label."""
        return not self.labels

    @property
    def has_spans(self) -> bool:
        """Whether words are labelled as parts of spans, such as ``B-PER`` or ``PER``."""
        return self.kind == "words" and are_of_spans(self.labels)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"kind": self.kind, "labels": list(self.labels)}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Task:
        """Read it from a folder."""
        return cls(content["kind"], tuple(content["labels"]))


@dataclass(frozen=True, eq=False)
class Material:
    """Labels in parts, fit to learn from.

    Attributes
    ----------
    train, valid, test
        Labels; valid is None where there are too few groups for one.
    by
        The column whose groups are in one part only.
    warnings
        What a reader of the scores has to know, in sentences.
    """

    train: Labels
    valid: Labels | None
    test: Labels
    by: str
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Labels | Parts, *, valid: float) -> Material:
        """Take parts as they are, or split labels; set a validation part aside where none is.

        Of parts that were split by time, the latest of the train part validate: a model that is
        tested by years to come is also stopped by such.

        Raises
        ------
        LabelError
            If there is one label only, a label has too few texts, a group is in two parts, or a
            text is empty.
        """
        parts = _in_parts(given)
        _check_kinds(parts)
        _check_groups(parts)
        train, held, said = parts.train, parts.valid, list(parts.warnings)
        if held is None and valid:
            train, held, note = _validation_from(train, parts, valid)
            said += note
        for part in (train, held, parts.test):
            if part is not None:
                _check_texts(part)
        _check_classes(train)
        return cls(train, held, parts.test, parts.by, tuple(said))

    @property
    def task(self) -> Task:
        """What is to be said of a text."""
        return Task.of(self.train)

    @property
    def name(self) -> str:
        """What the labels are called, without what splits have added."""
        return _OF_A_PART.sub("", self.train.name)

    @property
    def parts(self) -> dict[str, Labels]:
        """The parts there are, by name."""
        found = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: part for name, part in found.items() if part is not None}


def _in_parts(given: Any) -> Parts:
    if isinstance(given, Parts):
        return given
    if isinstance(given, Labels):
        return given.split(test=0.2, seed=SEED)
    raise LabelError(
        f"A finetuning got a {type(given).__name__} to learn from.",
        "Labelled texts were expected, best in parts.",
        'kb.Finetune(kb.read_labels("labels.csv").split(test=0.2))',
    )


def _check_kinds(parts: Parts) -> None:
    kinds = {part.kind for part in parts}
    names = {part.labels for part in parts}
    if len(kinds) > 1 or len(names) > 1:
        raise LabelError(
            f"The parts have labels of {', '.join(sorted(kinds))}, "
            f"and {len(names)} different lists of labels.",
            "Parts of the same labels were expected.",
            "parts = labels.split(test=0.2)",
        )
    if parts.train.kind == "words" and parts.train.is_scale:
        raise LabelError(
            "Words are labelled with numbers here.", "Names of labels were expected of words."
        )


def _check_groups(parts: Parts) -> None:
    """Refuse a group that is in two parts: a model would be tested on what it has read."""
    seen: dict[Any, str] = {}
    for name, part in zip(_names(parts), parts, strict=True):
        if parts.by not in part.rows.columns:
            continue
        groups = set(part.rows[parts.by].drop_nulls().to_list())
        both = sorted((str(one), seen[one]) for one in groups if one in seen)
        if both:
            raise LabelError(
                f"{parts.by} '{both[0][0]}' is in the {both[0][1]} part and in the {name} part.",
                "Its texts know one another: scores on them would be too good.",
                f"parts = labels.split(test=0.2, by='{parts.by}')",
            )
        seen |= dict.fromkeys(groups, name)


def _names(parts: Parts) -> list[str]:
    return ["train", "test"] if parts.valid is None else ["train", "valid", "test"]


def _validation_from(
    train: Labels, parts: Parts, share: float
) -> tuple[Labels, Labels | None, list[str]]:
    """Set whole groups aside by chance; of parts split by time, the latest before the test."""
    by = parts.by if parts.by in train.rows.columns else None
    try:
        if parts.is_by_time:
            again = train.split(test=share, time=parts.by)
        else:
            again = train.split(test=share, by=by, seed=SEED)
    except LabelError:
        few = "No validation part: there are too few groups for one, so nothing stops early."
        return train, None, [few]
    name = _OF_A_PART.sub("", train.name)
    return replace(again.train, name=train.name), replace(again.test, name=f"{name}-valid"), []


def _check_texts(part: Labels) -> None:
    columns = [name for name in ("text", "text_pair") if name in part.rows.columns]
    for name in columns:
        empty = part.rows.filter(pl.col(name).fill_null("").str.strip_chars() == "")
        if empty.height:
            raise LabelError(
                f"{empty.height:,} of {len(part):,} texts of '{part.name}' are empty; "
                f"the first is '{empty['id'][0]}'.",
                "A model learns nothing from an empty text, and its label would be noise.",
                "Leave them out before you split.",
            )


def _check_classes(train: Labels) -> None:
    if train.is_scale:
        if train.rows["label"].n_unique() < 2:
            raise LabelError(
                f"Every text of '{train.name}' has the number {train.rows['label'][0]:g}.",
                "Different ones were expected: else there is nothing to learn.",
            )
        return
    counts = counted(train.rows)
    used = [name for name in train.labels if counts[name]]
    if len(used) < 2:
        raise LabelError(
            f"Every label of '{train.name}' is '{used[0]}'.",
            "Two labels at least were expected: else there is nothing to tell apart.",
            "Look at the split: parts.table",
        )
    few = [f"'{name}' ({counts[name]})" for name in used if counts[name] < FEWEST]
    if few and train.kind != "words":
        shown = ", ".join(few[:_SHOWN]) + (" and others" if len(few) > _SHOWN else "")
        raise LabelError(
            f"There are too few texts of {shown} in the train part.",
            f"{FEWEST} at least a label were expected; good scores take 50 or so.",
            "Label more, or leave such labels out: labels.take([...])",
        )
