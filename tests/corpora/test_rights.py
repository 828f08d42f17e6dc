"""What documents say of their rights, counted."""

from __future__ import annotations

from kblib.corpora import Corpus
from kblib.corpora.rights import stated_rights


def test_rights_are_counted_in_pairs() -> None:
    corpus = Corpus.from_texts(
        ["a", "b", "c", "d", "e"],
        licence=["CC0-1.0", "CC-BY-4.0", None, " CC0-1.0", ""],
        rights=["", "InC", "", None, ""],
    )
    assert stated_rights(corpus) == [
        {"licence": "CC0-1.0", "rights": "", "documents": 2},
        {"licence": "", "rights": "", "documents": 2},
        {"licence": "CC-BY-4.0", "rights": "InC", "documents": 1},
    ]


def test_corpus_without_columns_states_nothing() -> None:
    assert stated_rights(Corpus.from_texts(["sol", "regn"])) == [
        {"licence": "", "rights": "", "documents": 2}
    ]
