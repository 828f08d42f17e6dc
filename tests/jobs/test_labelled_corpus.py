"""Labels on their way to a run keep what a result has to tell of them."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kblib.corpora import Corpus
from kblib.finetuning.material import Material
from kblib.jobs.labelled_corpus import about_labels, corpus_of, parts_of
from kblib.labels import read_labels
from kblib.labels.told import told_labels


def test_what_is_told_of_labels_is_the_same_in_a_run(tmp_path: Path, tmp_home: Path) -> None:
    texts = Corpus.from_texts([f"sol {n}" for n in range(24)], name="sky", licence="CC-BY-4.0")
    table = pl.DataFrame({"id": texts.table["id"], "label": ["fair", "foul"] * 12})
    table.write_csv(tmp_path / "sky.csv")
    labels = read_labels(tmp_path / "sky.csv", corpus=texts)
    here = Material.of(labels, valid=0.2)
    there = Material.of(parts_of(corpus_of(here).save(), about_labels(here)), valid=0.2)
    told = told_labels(here.name, here.parts)
    assert told_labels(there.name, there.parts) == told
    assert told["file"] == "sky.csv"
    assert told["texts"]["rights"][0]["licence"] == "CC-BY-4.0"
