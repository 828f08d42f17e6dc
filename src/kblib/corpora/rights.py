"""What the documents of a corpus say of their licence and their rights."""

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
    stated = [
        (pl.col(name) if name in corpus.columns else pl.lit(None)).cast(pl.String).fill_null("")
        for name in COLUMNS
    ]
    named = [one.str.strip_chars().alias(name) for one, name in zip(stated, COLUMNS, strict=True)]
    counted = corpus.frame().with_columns(named).group_by(COLUMNS).agg(pl.len().alias("documents"))
    order = ["documents", *COLUMNS]
    return counted.sort(order, descending=[True, True, True]).collect().to_dicts()
