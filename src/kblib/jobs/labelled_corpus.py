"""Labels in parts as one corpus, so that they are saved, sent, staged and checked as texts are."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from kblib.corpora import Corpus
from kblib.finetuning.material import Material
from kblib.labels import Labels
from kblib.labels.parts import Parts

PART, LABEL, WORDS = "labelled_part", "labelled_as", "labelled_words"
"""Columns of such a corpus; lists stand in them as JSON."""


def corpus_of(material: Material) -> Corpus:
    """Return a corpus of all parts."""
    parts = [_written(part.rows, name) for name, part in material.parts.items()]
    rows = pl.concat(parts, how="diagonal_relaxed")
    return Corpus.from_table(rows, name=f"{material.name}-labels")


def about_labels(material: Material) -> dict[str, Any]:
    """Return what the corpus does not say of labels: their names, and where they are from."""
    provenance = {name: part.provenance for name, part in material.parts.items()}
    return {
        "names": list(material.train.labels),
        "called": {name: part.name for name, part in material.parts.items()},
        "by": material.by,
        "provenance": json.loads(json.dumps(provenance, default=str)),
    }


def parts_of(corpus: Corpus, about: dict[str, Any]) -> Parts:
    """Return the parts that `corpus_of` put together."""
    rows = corpus.frame().collect()
    found = {
        name: Labels(
            called,
            _read(rows.filter(pl.col(PART) == name)),
            tuple(about["names"]),
            about["provenance"][name],
        )
        for name, called in about["called"].items()
    }
    return Parts(found["train"], found["test"], found.get("valid"), about["by"])


def _written(rows: pl.DataFrame, part: str) -> pl.DataFrame:
    if "tokens" in rows.columns:
        lists = [
            pl.Series(name, [json.dumps(one, ensure_ascii=False) for one in rows[column].to_list()])
            for column, name in (("label", LABEL), ("tokens", WORDS))
        ]
        return rows.drop("label", "tokens").with_columns(*lists, pl.lit(part).alias(PART))
    return rows.rename({"label": LABEL}).with_columns(pl.lit(part).alias(PART))


def _read(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.drop(PART)
    if WORDS not in rows.columns:
        return rows.rename({LABEL: "label"})
    lists = [
        pl.Series(name, [json.loads(one) for one in rows[column]], dtype=pl.List(pl.String))
        for column, name in ((LABEL, "label"), (WORDS, "tokens"))
    ]
    return rows.drop(LABEL, WORDS).with_columns(lists)
