"""Labels of several readers as one: where they agree, where not, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib import __version__
from kblib.corpora import Corpus
from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError
from kblib.labels import readers as said
from kblib.labels.agreement import krippendorff_alpha, pairs
from kblib.labels.labelled import Labels
from kblib.labels.readers import UNSURE, WHO

if TYPE_CHECKING:
    import pandas as pd

    Table = pl.DataFrame | pd.DataFrame
_TEXT, _COUNT, _SHARE = pl.String(), pl.Int64(), pl.Float64()
_PAIRS = {"reader": _TEXT, "other": _TEXT, "items": _COUNT, "equal": _SHARE, "kappa": _SHARE}


@dataclass(frozen=True, eq=False, repr=False)
class MergedLabels:
    """One label for each text.

    Attributes
    ----------
    by_reader
        What each reader says of each text.
    warnings
        What a reader of the numbers has to know, in sentences.
    provenance
        Where the labels come from; readers, texts, version.
    """

    by_reader: dict[str, dict[str, str]]
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @cached_property
    def settled(self) -> dict[str, str]:
        """The label of each text; ``unsure`` where readers differ or could not tell."""
        return said.settled(self.by_reader)

    @property
    def table(self) -> pd.DataFrame:
        """The labels as a pandas table: id, label, readers, differ."""
        found, differ = said.by_item(self.by_reader), set(said.differing(self.by_reader))
        rows = [
            {"id": one, "label": label, "readers": len(found[one]), "differ": one in differ}
            for one, label in self.settled.items()
        ]
        kinds = {"id": pl.String, "label": pl.String, "readers": pl.Int64, "differ": pl.Boolean}
        return pandas_of(pl.DataFrame(rows, schema=kinds).lazy())

    @property
    def disagreements(self) -> pd.DataFrame:
        """The texts on which readers differ, as a pandas table with a column a reader."""
        rows: list[dict[str, str | None]] = [
            {"id": one, **{who: labels.get(one) for who, labels in self.by_reader.items()}}
            for one in said.differing(self.by_reader)
        ]
        kinds = dict.fromkeys(("id", *self.by_reader), pl.String)
        return pandas_of(pl.DataFrame(rows, schema=kinds).lazy())

    @property
    def agreement(self) -> pd.DataFrame:
        """How far each two readers agree: items of both, share of equal labels, Cohen's kappa.

        ``unsure`` is a label like the others here.
        """
        frame = pl.DataFrame(pairs(self.by_reader), schema=_PAIRS)
        return pandas_of(frame.lazy())

    @property
    def alpha(self) -> float | None:
        """Krippendorff's alpha of what was decided: ``unsure`` is no label here.

        None where it is not defined. Krippendorff himself asks for 0.8, and draws tentative
        conclusions from 0.667 on (Content Analysis, 2004, page 241).
        """
        items = said.by_item(self.by_reader).values()
        return krippendorff_alpha([[one for one in unit if one != UNSURE] for unit in items])

    def labels(self, corpus: Corpus) -> Labels:
        """Return the texts of a corpus that have a label, without those that are unsure.

        Raises
        ------
        LabelError
            If nothing was decided, or a text is not in the corpus.
        """
        from kblib.labels.reading import read_labels

        sure = [{"id": one, "label": so} for one, so in self.settled.items() if so != UNSURE]
        found = read_labels(sure, corpus=corpus, name=corpus.name)
        known = {**found.provenance, **self.provenance, "unsure": len(self.settled) - len(sure)}
        return Labels(found.name, found.rows, found.labels, known, found.warnings + self.warnings)

    def __repr__(self) -> str:
        n, differ = len(self.settled), len(said.differing(self.by_reader))
        alpha = "not defined" if self.alpha is None else f"{self.alpha:.3f}"
        readers = ", ".join(self.by_reader)
        line = (
            f"Labels of {n:,} texts by {readers}: {differ:,} differ, Krippendorff's alpha {alpha}"
        )
        return "\n".join([line, *(f"  Note: {one}" for one in self.warnings)])


def merge_labels(given: Mapping[str, Labels | Table] | Labels | Table) -> MergedLabels:
    """Merge the labels of several readers: what all say counts, ``unsure`` where they differ.

    Parameters
    ----------
    given
        Labels or a table for each reader's name, with ``id`` and ``label``; or one table that has a
        column ``who`` too, whose last row of each text and reader counts.

    Raises
    ------
    LabelError
        If a column is missing, there is only one reader, or under one name stand labels of several.

    Examples
    --------
    >>> import polars as pl
    >>> selma = pl.DataFrame({"id": ["a", "b"], "label": ["love", "money"]})
    >>> hjalmar = pl.DataFrame({"id": ["a", "b"], "label": ["love", "love"]})
    >>> merge_labels({"Selma": selma, "Hjalmar": hjalmar}).settled
    {'a': 'love', 'b': 'unsure'}
    """
    if isinstance(given, Mapping):
        frames = [_of_reader(one, who) for who, one in given.items()]
        rows = pl.concat(frames) if frames else pl.DataFrame()
    else:
        rows = _frame(given, ("id", "label", WHO))
    readers = said.by_reader(rows, "id", "label") if rows.width else {}
    if len(readers) < 2:
        raise LabelError(
            f"There are labels of {len(readers)} reader: {', '.join(readers) or 'nobody'}.",
            "Labels of two or more were expected.",
            "merge_labels({'Selma': selma, 'Hjalmar': hjalmar})",
        )
    return merged_of(readers, {}, ())


def merged_of(
    readers: dict[str, dict[str, str]], about: Mapping[str, Any], warnings: tuple[str, ...]
) -> MergedLabels:
    """Return what readers say as one, with where it comes from."""
    known = {**about, "readers": sorted(readers), "version": __version__}
    texts = len(said.by_item(readers))
    return MergedLabels(readers, warnings, {**known, "labelled_texts": texts})


def _of_reader(given: Any, who: str) -> pl.DataFrame:
    """Return the labels that stand under a name; those of several readers would agree with all."""
    frame = _frame(given, ("id", "label"))
    readers = frame[WHO].unique().sort().to_list() if WHO in frame.columns else []
    if len(readers) > 1:
        raise LabelError(
            f"Under '{who}' stand labels by {', '.join(map(str, readers))}.",
            "Those of one reader were expected under each name.",
            f"merge_labels(table) reads the column '{WHO}'; of a LabelView: view.labels.merged",
        )
    return frame.select("id", "label").with_columns(pl.lit(who).alias(WHO))


def _frame(given: Any, needed: tuple[str, ...]) -> pl.DataFrame:
    given = given.rows if isinstance(given, Labels) else given
    if not hasattr(given, "columns"):
        raise LabelError(
            f"The labels are {given!r:.60}.",
            "Labels or a table were expected, of each reader by name.",
            "merge_labels({'Selma': selma, 'Hjalmar': hjalmar})",
        )
    frame = given if isinstance(given, pl.DataFrame) else pl.from_pandas(given)
    missing = next((one for one in needed if one not in frame.columns), None)
    if missing is None:
        return frame.with_columns(pl.col("id", "label").cast(pl.String))
    raise LabelError(
        f"A table of labels has no column '{missing}'; it has: {', '.join(frame.columns)}.",
        f"Columns {', '.join(needed)} were expected.",
    )
