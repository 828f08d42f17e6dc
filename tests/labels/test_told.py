"""What is told of the labels that a model has learnt from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import polars as pl

from kblib.corpora import Corpus
from kblib.labels import Labels, read_labels
from kblib.labels.told import notice_of, told_labels

ROWS = [
    {"text": f"brev {n}", "label": "love" if n % 2 else "money", "licence": "CC0-1.0" if n else ""}
    for n in range(6)
]


def parts(given: Labels) -> dict[str, Labels]:
    found = given.split(test=0.34, seed=1)
    return {"train": found.train, "test": found.test}


def test_what_is_only_tested_on_does_not_count() -> None:
    given = parts(read_labels(ROWS, name="letters"))
    told = told_labels("letters", given)
    assert told["rows"] == {"train": 4, "test": 2}
    assert sum(one["documents"] for one in told["rights"]) == 4
    assert "file" not in told
    assert told["fingerprint"] == given["train"].provenance["fingerprint"]


def test_several_files_have_one_digest(tmp_path: Path) -> None:
    digests = []
    for n in range(2):
        file = tmp_path / f"{n}.csv"
        pl.DataFrame(ROWS[3 * n : 3 * n + 3]).write_csv(file)
        digests.append(hashlib.sha256(file.read_bytes()).hexdigest())
    told = told_labels("letters", parts(read_labels(str(tmp_path / "*.csv"))))
    assert told["sha256"] == hashlib.sha256("\n".join(digests).encode()).hexdigest()
    assert told["file"] == "*.csv"


def test_versions_of_a_guideline_are_read_off_its_columns() -> None:
    rows = [{**row, "guideline": "ask", "version": f"{n % 2}"} for n, row in enumerate(ROWS)]
    assert told_labels("letters", parts(read_labels(rows)))["guideline_versions"] == "0, 1"


def test_column_of_a_corpus_is_under_the_terms_of_its_texts() -> None:
    table = [{"text": row["text"], "mood": row["label"], "licence": "CC0-1.0"} for row in ROWS]
    texts = Corpus.from_table(pl.DataFrame(table), name="letters")
    told = told_labels("letters", parts(read_labels(texts, label="mood")))
    assert told["rights"] == [{"licence": "CC0-1.0", "rights": "", "documents": 4}]
    assert "texts" not in told


def test_notice_goes_on_where_that_of_the_base_ends(tmp_path: Path) -> None:
    told: dict[str, Any] = {"name": "sky", "rights": [{"licence": "", "rights": "CC-BY-4.0"}]}
    told |= {"texts": {"name": "films", "rights": [{"licence": "CC0-1.0", "rights": ""}]}}
    (tmp_path / "NOTICE").write_text("From films.\nCite: A (2025).")
    assert notice_of({**told, "cite": ["A (2025)", "B (2026)"]}, tmp_path) == (
        "From films.\nCite: A (2025).\nLearnt from the labels 'sky' under: CC-BY-4.0.\n"
        "The labelled texts are of 'films' under: CC0-1.0.\nCite: B (2026).\n"
    )
    assert notice_of({"name": "sky", "rights": [{"licence": "", "rights": ""}]}, None) is None
