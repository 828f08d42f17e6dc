"""A corpus larger than memory: what does not need the texts does not read them."""

from __future__ import annotations

import polars as pl
import pyarrow.parquet as pq
import pytest

from kblib.corpora import Corpus
from kblib.corpora.filters import min_words
from kblib.corpora.storage import DOCUMENTS


@pytest.fixture
def textless(tmp_path):
    """Save a corpus, and overwrite the bytes of its texts: whoever reads them fails."""
    rows = 2_000
    corpus = Corpus.from_texts(
        [f"text {n} " + "ord " * 20 for n in range(rows)],
        film=[f"SF{n % 50}" for n in range(rows)],
        year=[1930 + n % 20 for n in range(rows)],
    )
    path = corpus.save(tmp_path / "textless").folder / DOCUMENTS
    data = bytearray(path.read_bytes())
    group = pq.ParquetFile(path).metadata.row_group(0)
    column = next(
        group.column(n)
        for n in range(group.num_columns)
        if group.column(n).path_in_schema == "text"
    )
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = bytes(column.total_compressed_size)
    path.write_bytes(data)
    return Corpus.open(tmp_path / "textless")


def test_the_texts_cannot_be_read(textless):
    with pytest.raises(pl.exceptions.PolarsError):
        list(textless.texts())


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (len, 2_000),
        (lambda corpus: len(corpus.filter(years=(1930, 1939))), 1_000),
        (lambda corpus: len(corpus.filter(film="SF1").filter(years=(1930, 1939))), 20),
        (
            lambda corpus: [len(part) for part in corpus.split(test=0.2, by="film", seed=1)],
            [1_600, 400],
        ),
        (lambda corpus: len(corpus.sample(10, seed=1)), 10),
        (lambda corpus: len(corpus.sample(2, seed=1, by="year")), 40),
        (lambda corpus: corpus.n_words, 44_000),
        (lambda corpus: len(corpus.fingerprint), 64),
        (lambda corpus: next(corpus.batches(5, ["id"])).height, 5),
        (lambda corpus: corpus.filter(film="SF1").frame().select("year").collect().height, 40),
    ],
    ids=[
        "len",
        "years",
        "chain",
        "split",
        "sample",
        "sample by",
        "words",
        "fingerprint",
        "batch",
        "frame",
    ],
)
def test_what_needs_no_text_reads_none(textless, use, expected):
    assert use(textless) == expected


def test_a_filter_works_only_when_something_is_asked(textless):
    kept = textless.filter(min_words(3))  # would fail if it read
    with pytest.raises(pl.exceptions.PolarsError):
        len(kept)


PEAK = """
import resource, sys
from kblib.corpora import Corpus, read_table
from kblib.corpora.filters import min_words
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
read_table(sys.argv[1] + "/small.parquet").filter(min_words(2)).fingerprint
before = peak()
corpus = read_table(sys.argv[1] + "/large.parquet")
train, test = corpus.filter(min_words(2)).split(test=0.1, by="film", seed=1)
train.save(sys.argv[1] + "/train")
characters = sum(len(text) for text in corpus.texts())
print(characters, round(peak() - before))
"""


def test_a_corpus_passes_through_in_pieces(tmp_path, fresh_python):
    rows, width = 20_000, 10_000
    text = "ord " * (width // 4)
    frame = pl.DataFrame(
        {"id": [str(n) for n in range(rows)], "film": [n % 50 for n in range(rows)]}
    )
    frame = frame.with_columns(text=pl.concat_str(pl.lit(text), pl.col("id")))
    frame.write_parquet(tmp_path / "large.parquet", row_group_size=1_000)
    frame.head(100).write_parquet(tmp_path / "small.parquet")
    characters, more_mib = map(int, fresh_python(PEAK, tmp_path).split())
    assert characters > rows * width
    assert more_mib < 120  # of 191 MiB


HEAVY = """
import sys
import kblib.corpora
print(sorted({"pandas", "pyarrow", "torch", "transformers", "journal_digital"} & set(sys.modules)))
"""


def test_importing_the_floor_brings_nothing_heavy(fresh_python):
    assert fresh_python(HEAVY) == "[]"
