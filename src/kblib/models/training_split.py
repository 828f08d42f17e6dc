"""Which part of a corpus a saved model was trained on, as its scores say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kblib.corpora import Corpus
from kblib.errors import IntegrityError
from kblib.files import read_json

PARTS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class TrainingSplit:
    """A corpus in the parts that a model was trained, tuned and scored on.

    Parameters
    ----------
    train, valid, test
        The parts.
    group
        The column whose groups were kept whole, such as ``film``.
    """

    train: Corpus
    valid: Corpus
    test: Corpus
    group: str

    @classmethod
    def of(cls, folder: Path | None, corpus: Corpus) -> TrainingSplit | None:
        """Split a corpus as it was for the model in a folder.

        Returns
        -------
        TrainingSplit or None
            None if the folder does not say how, or says it of another corpus.
        """
        said = _said(folder)
        if said is None or said["corpus_fingerprint"] != corpus.fingerprint:
            return None
        split = said["split"]
        train, valid, test = corpus.split(
            test=split["test"], valid=split["valid"], by=split["by"], seed=split["seed"]
        )
        return cls(train, valid, test, split["by"])

    def part_of_groups(self) -> Mapping[Any, str]:
        """Return the part each group (film) is in."""
        found: dict[Any, str] = {}
        for name in PARTS:
            frame = getattr(self, name).frame().select(self.group).unique().collect()
            found |= dict.fromkeys(frame[self.group].to_list(), name)
        return found


def _said(folder: Path | None) -> dict[str, Any] | None:
    if folder is None:
        return None
    try:
        said = read_json(folder / "scores.json")["provenance"]
        return {name: said[name] for name in ("corpus_fingerprint", "split")}
    except (IntegrityError, KeyError, TypeError):
        return None
