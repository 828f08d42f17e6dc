"""What came of asking for labels in words: one row a text, and how it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kblib.corpora.tables import pandas_of
from kblib.errors import LabelError
from kblib.ngrams.printed import Printed
from kblib.zeroshot.asked import Asked
from kblib.zeroshot.evidence import Evidence, Floats, Ints, is_known, shares

if TYPE_CHECKING:
    import pandas as pd

UNSURE = "unsure"
EMPTY = "The text is empty."
NOTHING = "Nothing speaks for any label."
BOTH = 0.5
"""Where labels are judged one by one: the score from which a text has a label."""


@dataclass(frozen=True, eq=False, repr=False)
class ZeroShotLabels(Printed):
    """Labels that a model never saw, given to texts.

    Attributes
    ----------
    rows
        One row a text: id; text, if it was none of a corpus; label (empty: unsure), score, and
        ``score_LABEL`` of each label; with ``multi`` also ``labels``, all that reach the limit;
        n_tokens, n_windows, note.
    method
        Which method answered.
    model
        Which model; what else was asked is in `provenance`.
    asked
        Labels and sentences.
    evidence
        In nats, of each label in each text, (N, L); not a number for a text that was not read.
    by_prompt
        The same of each sentence, (N, P), in the order of ``asked.prompts``.
    multi
        Whether each label was judged by itself.
    least
        The score from which a label was given.
    """

    rows: pl.DataFrame
    method: str
    model: str
    asked: Asked
    evidence: Floats
    by_prompt: Floats
    multi: bool
    least: float
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that were offered."""
        return self.asked.labels

    @property
    def scores(self) -> Floats:
        """The score of each label in each text, (N, L)."""
        return self.rows.select(f"score_{one}" for one in self.labels).to_numpy().astype(float)

    @property
    def title(self) -> str:
        """What the table is of, in one line; who answered is always said."""
        return (
            f"{len(self.labels)} labels for {self.rows.height:,} texts, by method "
            f"'{self.method}' ({self.model})"
        )

    @property
    def shown(self) -> pl.DataFrame:
        """The rows as they are printed: of how texts were read only what is known of any."""
        told = self.rows.select("n_tokens", "n_windows", "note")
        return self.rows.drop(one.name for one in told if one.null_count() == told.height)

    @property
    def counts(self) -> pd.DataFrame:
        """How many texts have each label, and how many are unsure: label, texts, share."""
        column = self.rows["labels"].explode() if self.multi else self.rows["label"]
        rows = [
            {"label": label, "texts": n, "share": n / max(self.rows.height, 1)}
            for label, n in self._counted(column)
        ]
        return pandas_of(pl.DataFrame(rows).lazy())

    def _counted(self, column: pl.Series) -> Iterator[tuple[str, int]]:
        for label in self.labels:
            yield label, int((column == label).sum())
        yield UNSURE, int(self.rows["label"].null_count())

    def abstain(self, below: float) -> ZeroShotLabels:
        """Return the same with an empty label wherever the score is lower than this.

        The texts stay in the table and are counted as unsure.

        Raises
        ------
        LabelError
            If it is not from 0 to 1.
        """
        limit = checked_least(below)
        rows = rows_of(self._about, self.asked, self.scores, self._reading, self.multi, limit)
        told = [one for one in self.warnings if not one.endswith(_UNSURE_END)]
        said = unsure_note(rows, limit)
        known = {**self.provenance, "least": limit}
        notes = (*told, *([said] if said else []))
        return replace(self, rows=rows, least=limit, warnings=notes, provenance=known)

    @property
    def _about(self) -> pl.DataFrame:
        return self.rows.select(name for name in ("id", "text") if name in self.rows.columns)

    @property
    def _reading(self) -> pl.DataFrame:
        return self.rows.select("n_tokens", "n_windows")

    def one(self, number: int = 0) -> dict[str, float]:
        """Return the scores of one text, best first."""
        row = {label: float(self.scores[number, at]) for at, label in enumerate(self.labels)}
        return dict(sorted(row.items(), key=lambda item: -item[1]))


_UNSURE_END = "their label is empty."


def unsure_note(rows: pl.DataFrame, least: float) -> str:
    """Say how many texts have no label, or nothing."""
    n = rows["label"].null_count()
    if not n:
        return ""
    why = f" (no score of {least:g})" if least else ""
    return f"{n:,} of {rows.height:,} texts are unsure{why}; {_UNSURE_END}"


def checked_least(least: Any) -> float:
    """Return the score from which a label is given.

    Raises
    ------
    LabelError
        If it is not from 0 to 1.
    """
    if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
        raise LabelError(
            f"least is {least!r}.",
            "A score from 0 to 1 was expected: a text with none as high is unsure.",
            "least=0.6",
        )
    return float(least)


def rows_of(
    about: pl.DataFrame,
    asked: Asked,
    scores_NL: Floats,
    reading: pl.DataFrame,
    multi: bool,
    least: float,
) -> pl.DataFrame:
    """Return the rows of a result; a text without scores has no label and says why.

    Parameters
    ----------
    about
        What is known of each text: id, and text.
    reading
        n_tokens and n_windows of each; 0 where a text was empty, null where nobody counted.
    """
    labels = np.array(asked.labels, dtype=object)
    known_N = is_known(scores_NL)
    safe_NL = np.where(known_N[:, None], scores_NL, 0.0)
    best_N, top_N = safe_NL.argmax(axis=1), safe_NL.max(axis=1)
    sure_N = known_N & (top_N >= least)
    columns: dict[str, Any] = {
        "label": [labels[at] if sure else None for at, sure in zip(best_N, sure_N, strict=True)],
        "score": np.where(known_N, top_N, np.nan),
    }
    if multi:
        reached_NL = known_N[:, None] & (safe_NL >= least)
        columns["labels"] = [labels[row].tolist() for row in reached_NL]
    for at, label in enumerate(asked.labels):
        columns[f"score_{label}"] = scores_NL[:, at]
    columns["note"] = list(_notes(reading, known_N))
    schema: dict[str, Any] = {"label": pl.String, "note": pl.String}
    schema |= {"labels": pl.List(pl.String)} if multi else {}
    found = pl.DataFrame(columns, schema_overrides=schema)
    numbers = [name for name in found.columns if name.startswith("score")]
    found = found.with_columns(pl.col(numbers).fill_nan(None))
    parts = [about, found.drop("note"), reading, found.select("note")]
    return pl.concat(parts, how="horizontal")


def _notes(reading: pl.DataFrame, known_N: npt.NDArray[np.bool_]) -> Iterator[str | None]:
    for (n_windows,), known in zip(
        reading.select("n_windows").iter_rows(), known_N.tolist(), strict=True
    ):
        if n_windows == 0:
            yield EMPTY
        elif not known:
            yield NOTHING
        else:
            yield f"Read in {n_windows} windows." if n_windows and n_windows > 1 else None


def reading_of(found: Evidence, about: Ints, rows: Ints, n_texts: int) -> pl.DataFrame:
    """Return how each text was read: 0 tokens of those that were empty.

    Parameters
    ----------
    about
        The numbers of the texts that were asked about.
    rows
        Where in what was found each of them stands.
    """
    columns: dict[str, pl.Series] = {}
    for name, counted in (("n_tokens", found.n_tokens), ("n_windows", found.n_windows)):
        values: list[int | None] = [0] * n_texts
        for number, row in zip(about.tolist(), rows.tolist(), strict=True):
            values[number] = None if counted is None else int(counted[row])
        columns[name] = pl.Series(values, dtype=pl.Int64)
    return pl.DataFrame(columns)


def scores_of(evidence_NL: Floats, *, multi: bool) -> Floats:
    """Return the scores of labels; not a number where there is no evidence."""
    found = shares(evidence_NL, multi=multi)
    return np.where(np.isnan(evidence_NL).any(axis=1, keepdims=True), np.nan, found)
