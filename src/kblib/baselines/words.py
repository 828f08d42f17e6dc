"""Labels of words as rows, a word each, and what a model says of them in the same form."""

from __future__ import annotations

from typing import Any

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


def words_of(table: Any) -> Any:
    """Return what a model says of words, a row each.

    Parameters
    ----------
    table
        A row a text, with a list of labels or, as a finetuned model answers, a list ``words`` of
        which each has a label; what has a row a word already stays as it is.
    """
    columns = list(getattr(table, "columns", ()))
    if "id" in columns and "words" in columns:
        said = [[word["label"] for word in words] for words in table["words"]]
    elif "id" in columns and "label" in columns and _has_lists(table["label"]):
        said = [list(labels) for labels in table["label"]]
    else:
        return table
    rows = [
        {"id": f"{name}#{place}", "label": label}
        for name, labels in zip(table["id"], said, strict=True)
        for place, label in enumerate(labels)
    ]
    return pl.DataFrame(rows, schema={"id": pl.String, "label": pl.String})


def _has_lists(column: Any) -> bool:
    first = next(iter(column), "")
    return not isinstance(first, str) and hasattr(first, "__iter__")


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
