"""Labels: texts with what somebody said of each, from a file, a corpus or a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError, told
from kblib.labels.intake import counted
from kblib.labels.parts import Parts, rows_of_parts

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["texts", "pairs", "words"]
_CALLED = {"texts": "texts", "pairs": "pairs of texts", "words": "texts, word by word,"}
SHOWN = 8
LEFT_OUT = {"file": pl.String, "line": pl.Int64, "reason": pl.String}


@dataclass(frozen=True, eq=False, repr=False)
class Labels:
    """Labelled texts.

    Attributes
    ----------
    name
        What they are called: the file or the corpus.
    rows
        One row a text: id, text, label, then what else is known. Of pairs there is also
        ``text_pair``; where words are labelled, ``tokens`` and ``label`` are lists of equal length.
    labels
        The names of the labels, the same in every part; none for a scale.
    provenance
        Where they come from, what was asked, what was left out, fingerprint, seed, version.
    warnings
        What a reader has to know, in sentences.
    faults
        What could not be used: file, line, reason.
    """

    name: str
    rows: pl.DataFrame
    labels: tuple[str, ...]
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = ()
    faults: tuple[dict[str, Any], ...] = ()

    @property
    def kind(self) -> Kind:
        """What is labelled: texts, pairs of texts, or words."""
        if "tokens" in self.rows.columns:
            return "words"
        return "pairs" if "text_pair" in self.rows.columns else "texts"

    @property
    def is_scale(self) -> bool:
        """Whether the labels are points on a scale and not names."""
        return not self.labels

    @property
    def table(self) -> pd.DataFrame:
        """The labelled texts as a pandas table."""
        return pandas_of(self.rows.lazy())

    @property
    def left_out(self) -> pd.DataFrame:
        """What could not be used, as a pandas table: file, line, reason."""
        return pandas_of(pl.DataFrame(list(self.faults), schema=LEFT_OUT).lazy())

    @cached_property
    def counts(self) -> pd.DataFrame:
        """How often each label was given, to texts or to words, and its share."""
        found = counted(self.rows)
        names = self.labels or tuple(sorted(found))
        total = sum(found.values())
        rows = [{"label": one, "count": found[one], "share": found[one] / total} for one in names]
        return pandas_of(pl.DataFrame(rows).lazy())

    @cached_property
    def corpus(self) -> Corpus:
        """The labelled texts as a corpus, without the labels, to be predicted or counted."""
        return Corpus.from_table(self.rows.drop("label", "tokens", strict=False), name=self.name)

    def __len__(self) -> int:
        return self.rows.height

    def split(
        self,
        *,
        test: float = 0.2,
        valid: float = 0.0,
        by: str | None = None,
        time: str | None = None,
        seed: int = 1,
    ) -> Parts:
        """Split into ``.train`` and ``.test``, and ``.valid`` if asked; groups stay whole.

        Parameters
        ----------
        test, valid
            Shares of the groups, not of the texts.
        by
            The column that names a group: pages of an issue, or cues of a film, know one another.
            By default film, issue, document or title, whichever is there; else equal texts.
        time
            A column such as ``year``: the latest of its values are tested, those before validate,
            and a model is judged by times that it has not seen. Takes the place of `by` and seed. A
            finetuning keeps to it where it sets a validation part aside itself.
        seed
            Groups are ranked by the BLAKE2b of ``seed:group``, as in a corpus.

        Raises
        ------
        LabelError
            If a column is not there, there are too few groups for each part to have one, or a time
            is text that neither is a number nor begins with a year.

        Examples
        --------
        >>> from kblib.labels import read_labels
        >>> table = [{"text": f"brev {n}", "label": "letter", "year": 1900 + n} for n in range(10)]
        >>> parts = read_labels(table).split(test=0.2, time="year")
        >>> parts.test.table["year"].tolist(), len(parts.train)
        ([1908, 1909], 8)
        """
        chosen = rows_of_parts(self.rows, test=test, valid=valid, by=by, time=time, seed=seed)
        about = {"test": test, "valid": valid, "by": chosen.by, "time": time}
        seeded = {} if time is not None else {"seed": seed}
        found = {name: self._part(name, rows, {**about, **seeded}) for name, rows in chosen.parts}
        return Parts(found["train"], found["test"], found.get("valid"), chosen.by)

    def take(self, wanted: Sequence[str]) -> Labels:
        """Return only the texts that have one of these labels.

        Raises
        ------
        LabelError
            If there is no such label, or words are labelled.
        """
        wanted = (wanted,) if isinstance(wanted, str) else tuple(wanted)
        strange = next((one for one in wanted if one not in self.labels), None)
        if strange is not None or self.kind == "words":
            raise LabelError(
                f"'{strange or wanted[0]}' cannot be taken from '{self.name}'.",
                f"Labels of texts: {', '.join(self.labels) or 'none, they are a scale'}.",
            )
        rows = self.rows.filter(pl.col("label").is_in(list(wanted)))
        known = {**self.provenance, "labels_taken": list(wanted), "texts": rows.height}
        return Labels(self.name, rows, tuple(wanted), known, self.warnings, self.faults)

    def save(self, path: str | Path) -> Path:
        """Write a plain table that `read_labels` reads: .csv, or .jsonl where words are labelled.

        Raises
        ------
        LabelError
            If the ending is another.
        """
        target = Path(path)
        endings = (".jsonl",) if self.kind == "words" else (".jsonl", ".csv")
        if target.suffix not in endings:
            raise LabelError(
                f"Labels of {self.kind} cannot be saved as '{target.name}'.",
                f"Known endings: {', '.join(endings)}.",
                f"labels.save('{target.stem}.jsonl')",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix == ".csv":
            self.rows.write_csv(target)
        else:
            self.rows.write_ndjson(target)
        return target

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"{len(self):,} labelled {_CALLED[self.kind]} of '{self.name}': {self._named()}"

    def _named(self) -> str:
        if self.is_scale:
            points = self.rows["label"].to_list()
            return f"a scale, {min(points):g} to {max(points):g} used"
        return ", ".join(self.labels[:SHOWN]) + ("…" if len(self.labels) > SHOWN else "")

    def _part(self, part: str, rows: pl.DataFrame, about: dict[str, Any]) -> Labels:
        known = {**self.provenance, "split": {"part": part, **about}, "texts": rows.height}
        return Labels(f"{self.name}-{part}", rows, self.labels, known)

    def __repr__(self) -> str:
        notes = (f"  {told('Note:')} {told(one)}" for one in self._notes())
        return "\n".join([told(self.title), *notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<p>{escape(told(one))}</p>" for one in self._notes())
        head = pandas_of(self.rows.head(5).lazy()).to_html(index=False)
        return f"<p>{escape(told(self.title))}</p>{head}{notes}"

    def _notes(self) -> list[str]:
        left = len(self.faults)
        said = [f"What could not be used is in .left_out; faults: {left:,}."] if left else []
        return [*self.warnings, *said]
