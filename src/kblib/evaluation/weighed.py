"""A share of all texts from labels of which some were chosen: each weighed by its chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from kblib.errors import LabelError
from kblib.evaluation.chances import weighed_sum
from kblib.evaluation.label_next import NextTexts
from kblib.evaluation.tables import frame_of
from kblib.ngrams.printed import Printed

if TYPE_CHECKING:
    from kblib.evaluation.tables import Table


@dataclass(frozen=True, eq=False, repr=False)
class WeighedShare(Printed):
    """A share estimated from labels of unequal chance.

    Attributes
    ----------
    rows
        One row: label, share, error (the standard error that the chosen draw leaves; the sample and
        what was labelled before are taken as they are), labels.
    provenance
        That of the texts, and what was counted.
    """

    rows: pl.DataFrame
    provenance: dict[str, Any]
    warnings: tuple[str, ...] = (
        "An estimate to look at while labels grow; publish what corrected_counts gives.",
    )

    @property
    def title(self) -> str:
        """What the table is of, in one line."""
        return f"Share of '{self.provenance['label']}' in '{self.provenance['corpus']}', weighed"


def weighed_share(
    texts: NextTexts, labels: Table, *, label: str, predictions: Table | None = None
) -> WeighedShare:
    """Estimate the share of all texts that has a label, the chosen ones weighed by their chances.

    Parameters
    ----------
    texts
        What `label_next` drew.
    labels
        Of all texts that are labelled by now: those given before, the sample, the chosen ones.
        ``unsure`` counts as no.
    label
        The label that is counted.
    predictions
        What a model says of each text that has not learned from the chosen labels: of those it
        would be too right. Then only what it got wrong is weighed, which leaves less to chance;
        without bias it is either way.

    Raises
    ------
    LabelError
        If nobody has the label that is counted, a text that was drawn has no label yet, or one that
        could be chosen no prediction.

    Examples
    --------
    >>> from kblib.corpora import Corpus
    >>> from kblib.evaluation.label_next import label_next
    >>> from kblib.evaluation.texts import sample_texts
    >>> letters = Corpus.from_texts(["love", "money"] * 50, year=1914)
    >>> read = letters.table[["id"]].assign(label=["love", "money"] * 50)
    >>> sample = sample_texts(letters, 10)
    >>> first = read[read["id"].isin(sample.rows["id"].to_list())]
    >>> more = label_next(sample, first, 20, predictions=read.assign(score=1.0))
    >>> found = weighed_share(more, read, label="love", predictions=read)
    >>> found.table[["share", "error"]].values.tolist()
    [[0.5, 0.0]]
    """
    if not isinstance(texts, NextTexts):
        raise LabelError(
            f"The texts are a {type(texts).__name__}.",
            "What label_next drew was expected: it knows the chances.",
            "texts = label_next(sample, labels, 40, predictions=table)",
        )
    given = frame_of(labels, "labels").unique("id", maintain_order=True)
    _check_label(label, given)
    so = _says(given, label, "so")
    outside = texts.sample.texts.join(texts.pool, "id", how="anti")
    chosen = texts.rows.join(texts.pool, "id", how="semi")
    known = _each(outside.select("id"), so, "label")
    pool = texts.pool
    if predictions is None:
        pool = pool.with_columns(says=pl.lit(0.0))
    else:
        said = frame_of(predictions, "predictions").unique("id", maintain_order=True)
        pool = _each(pool, _says(said, label, "says"), "prediction")
    found = _each(chosen.select("id"), so, "label").join(pool, "id", how="left")
    wrong = (found["so"] - found["says"]).to_numpy()
    rest, variance = weighed_sum(wrong, found["chance"].to_numpy())
    n = texts.sample.texts.height
    total = float(known["so"].sum()) + float(pool["says"].sum()) + rest
    row = {"label": label, "share": total / n, "error": math.sqrt(variance) / n}
    rows = pl.DataFrame([{**row, "labels": known.height + found.height}])
    return WeighedShare(rows, {**texts.provenance, "label": label})


def _check_label(label: Any, given: pl.DataFrame) -> None:
    """Refuse a label that nobody gave: its share would be none, and its error too."""
    met = given["label"].drop_nulls().unique().sort().to_list()
    if label not in met:
        raise LabelError(
            f"None of the {given.height:,} labels is {label!r}.",
            f"There are: {', '.join(map(str, met))}.",
        )


def _says(table: pl.DataFrame, label: str, name: str) -> pl.DataFrame:
    so = (pl.col("label") == label).fill_null(value=False)
    return table.select("id", so.cast(pl.Float64).alias(name))


def _each(texts: pl.DataFrame, said: pl.DataFrame, what: str) -> pl.DataFrame:
    """Return texts with what is said of them; each must have one."""
    found = texts.join(said, "id", how="left", maintain_order="left")
    lacking = found.filter(pl.col(said.columns[1]).is_null())
    if lacking.height:
        raise LabelError(
            f"{lacking.height:,} of {texts.height:,} texts have no {what}; "
            f"the first is '{lacking['id'][0]}'.",
            f"A {what} of each was expected, in the tables given.",
            "Label what was drawn to its end, and give all labels together.",
        )
    return found
