"""Labels of words as rows, a word each, and what a model says of them in the same form."""

from __future__ import annotations

import polars as pl

from kblib.errors import LabelError
from kblib.labels import Labels


def word_rows(labels: Labels) -> pl.DataFrame:
    """Return a row a word: id (of its text, with its place from 0), text, label, and the text's.

    Examples
    --------
    >>> from kblib.labels import read_labels
    >>> said = [{"id": "a", "words": ["kungen", "reser"], "label": ["NOUN", "VERB"]}]
    >>> word_rows(read_labels(said, text="words")).select("id", "text", "label").rows()
    [('a#0', 'kungen', 'NOUN'), ('a#1', 'reser', 'VERB')]
    """
    rows = labels.rows.with_columns(place=pl.int_ranges(pl.col("tokens").list.len()))
    rows = rows.drop("text").explode("tokens", "label", "place").rename({"tokens": "text"})
    return rows.with_columns(pl.format("{}#{}", "id", "place").alias("id"))


def words_of(table: pl.DataFrame) -> pl.DataFrame:
    """Return what a model says of words, a row each, of a table with lists or with rows."""
    if table.schema.get("label") != pl.List:
        return table
    named = table.select("id", "label").with_columns(
        place=pl.int_ranges(pl.col("label").list.len())
    )
    flat = named.explode("label", "place")
    return flat.select(pl.format("{}#{}", "id", "place").alias("id"), "label")


def check_names(labels: Labels) -> None:
    """Check that these are labels that a baseline can be made for.

    Raises
    ------
    LabelError
        If they are points on a scale, or all the same.
    """
    if labels.is_scale:
        raise LabelError(
            f"The labels of '{labels.name}' are points on a scale.",
            "Names of labels were expected: baselines are scored by how often they are right.",
            'Cut the scale into names first, such as "low" and "high".',
        )
    met = labels.counts.set_index("label")["count"]
    if (met > 0).sum() < 2:
        raise LabelError(
            f"Every label of '{labels.name}' is {met.idxmax()!r}.",
            "Two different ones at least were expected: with one, nothing can be told apart.",
            "Split by another column or seed, or label texts of another kind too.",
        )
