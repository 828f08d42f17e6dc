"""What a reader of labels fills: entries are checked one by one, faults raised or listed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.columns import shown
from kblib.corpora.rows import frame_of_rows
from kblib.errors import LabelError
from kblib.labels.faults import LabelFaults
from kblib.labels.names import Names, Wrong, scale_value
from kblib.labels.records import OWN, Entry

_HALF = re.compile("[\ud800-\udfff]")


class Intake:
    """Collects labelled texts.

    Parameters
    ----------
    names
        What the labels may be; None for points on a scale.
    corpus
        Where the texts are, if they are not in the file.
    """

    def __init__(self, names: Names | None, faults: LabelFaults, corpus: Corpus | None) -> None:
        self.faults = faults
        self._names = names
        self._label: Callable[[Any], str | float] = scale_value if names is None else names.take
        self._corpus = corpus
        self._known = None if corpus is None else _ids(corpus)
        self._rows: list[dict[str, Any]] = []
        self._first: dict[str, str] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The labels met, or those that were expected; none for a scale."""
        return () if self._names is None else self._names.labels

    def add(self, entry: Entry, otherwise: str) -> None:
        """Take an entry, if it is right; without an id of its own its id is `otherwise`."""
        row, place = dict(entry.row), entry.where
        try:
            row["id"] = self._own_id(row["id"], otherwise)
            self._check_text(row)
            row["label"] = self._labels(row)
        except Wrong as wrong:
            start = f"{place.unit.capitalize()} {place.line} of {place.file.name}"
            said = LabelError(f"{start} {wrong.reason}.", wrong.advice)
            self.faults.add(place.but(wrong.reason), said)
            return
        self._first[row["id"]] = f"{place.unit} {place.line} of {place.file.name}"
        self._rows.append(row)

    def frame(self) -> pl.DataFrame:
        """Return what was taken as a table; texts of a corpus come with all that it knows."""
        if not self._rows:
            listed = self.faults.listed
            first = f"The first fault: {listed[0].where}: {listed[0].reason}." if listed else ""
            raise LabelError(
                f"There is no labelled text that can be used; faults: {len(listed)}.",
                first or "At least one was expected.",
            )
        lists = [name for name in ("tokens", "label") if isinstance(self._rows[0].get(name), list)]
        plain = [{k: v for k, v in row.items() if k not in lists} for row in self._rows]
        columns = [pl.Series(n, [row[n] for row in self._rows], pl.List(pl.String)) for n in lists]
        frame = frame_of_rows(plain).with_columns(columns)
        frame = frame.with_columns(pl.col(pl.Null).cast(pl.String))
        return self._joined(frame) if self._corpus is not None else _in_order(frame)

    def _own_id(self, given: Any, otherwise: str) -> str:
        own = otherwise if given is None or given == "" else shown(given).strip()
        if self._known is not None and own not in self._known:
            raise Wrong(f"is of '{own}', which is no text of the corpus", "Name the id: id='...'.")
        if own in self._first:
            advice = "One label a text was expected; of several readers: merge_labels."
            raise Wrong(f"has the id '{own}' again, first in {self._first[own]}", advice)
        return own

    def _check_text(self, row: dict[str, Any]) -> None:
        if self._rows and ("tokens" in row) != ("tokens" in self._rows[0]):
            before = "a list of words" if "tokens" in self._rows[0] else "a text"
            raise Wrong(
                "has another kind of text", f"As in the rows before, {before} was expected."
            )
        if "tokens" in row:
            if not row["tokens"] or not all(isinstance(one, str) and one for one in row["tokens"]):
                raise Wrong("has an empty word or none", "A list of words was expected.")
            row["text"] = row.get("text") or " ".join(row["tokens"])
        texts = [name for name in ("text", "text_pair") if name in row]
        if self._known is None and not texts:
            raise Wrong("has no text", "Every label is of a text.")
        for name in texts:
            if row[name] is not None and not isinstance(row[name], str):
                kind = type(row[name]).__name__
                raise Wrong(f"has a {kind} where a text was expected", "Every label is of a text.")
            if not (row[name] or "").strip():
                raise Wrong("has no text", "Every label is of a text.")
            if _HALF.search(row[name]):
                raise Wrong("has half of a character", "Text that UTF-8 can write was expected.")

    def _labels(self, row: dict[str, Any]) -> Any:
        if "tokens" not in row:
            return self._label(row["label"])
        if not isinstance(row["label"], list) or len(row["label"]) != len(row["tokens"]):
            n = len(row["label"]) if isinstance(row["label"], list) else 1
            raise Wrong(f"has {n} labels for {len(row['tokens'])} words", "One a word.")
        return [self._label(one) for one in row["label"]]

    def _joined(self, frame: pl.DataFrame) -> pl.DataFrame:
        corpus = self._corpus
        assert corpus is not None  # noqa: S101  asked for by the only caller
        texts = corpus.frame().filter(pl.col("id").is_in(frame["id"].to_list())).collect()
        given = frame.drop([name for name in texts.columns if name != "id" and name in frame])
        return _in_order(given.join(texts, "id", how="left", maintain_order="left"))


def counted(frame: pl.DataFrame) -> Counter[str]:
    """Return how often each label was given, to texts or to words."""
    labels = frame["label"].explode() if frame["label"].dtype == pl.List else frame["label"]
    return Counter(labels.to_list())


def _ids(corpus: Corpus) -> set[str]:
    return set(corpus.frame().select("id").collect()["id"])


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    own = [name for name in OWN if name in frame.columns]
    return frame.select(*own, *(name for name in frame.columns if name not in own))
