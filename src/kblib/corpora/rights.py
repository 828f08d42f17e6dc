"""What the documents of a corpus say of their licence and their rights, and whom to cite."""

from __future__ import annotations

from typing import Any

import polars as pl

from kblib.corpora.corpus import Corpus

COLUMNS = ("licence", "rights")


def stated_rights(corpus: Corpus) -> list[dict[str, Any]]:
    """Return one row for each pair of licence and rights, with its documents, the most first.

    What a document does not state is empty.

    Examples
    --------
    >>> texts = Corpus.from_texts(["sol", "regn"], licence=["CC0-1.0", ""])
    >>> stated_rights(texts)[0]
    {'licence': 'CC0-1.0', 'rights': '', 'documents': 1}
    """
    return stated_in(corpus.frame())


def told_corpus(corpus: Corpus) -> dict[str, Any]:
    """Return who a corpus is, and what its documents allow; where it lies is nobody's matter."""
    return {
        "name": corpus.name,
        "fingerprint": corpus.fingerprint,
        "content": corpus.content,
        "years": [corpus.counts["first_year"], corpus.counts["last_year"]],
        "rights": stated_rights(corpus),
    }


def stated_in(frame: pl.LazyFrame) -> list[dict[str, Any]]:
    """Return what `stated_rights` does of the rows of a table, which may lack both columns."""
    there = frame.collect_schema().names()
    stated = [
        (pl.col(name) if name in there else pl.lit(None)).cast(pl.String).fill_null("")
        for name in COLUMNS
    ]
    named = [one.str.strip_chars().alias(name) for one, name in zip(stated, COLUMNS, strict=True)]
    counted = frame.with_columns(named).group_by(COLUMNS).agg(pl.len().alias("documents"))
    order = ["documents", *COLUMNS]
    return counted.sort(order, descending=[True, True, True]).collect().to_dicts()


def citations_of(corpus: Corpus) -> list[str]:
    """Return what the steps that made a corpus ask to be cited, each once."""
    return list(
        dict.fromkeys(str(s.about["citation"]) for s in corpus.steps if "citation" in s.about)
    )
