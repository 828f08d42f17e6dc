"""Tables of n-grams that may leave the house."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams import ngram_counts
from kblib.ngrams.export import export_ngrams
from tests.ngrams.naive import folded_words, random_corpus


def slow_cells(corpus, n):
    counts, units = Counter(), defaultdict(set)
    for one in corpus:
        if one.year is not None:
            words = folded_words(one.text)
            for at in range(len(words) - n + 1):
                key = (one.year // 10 * 10, one.origin["medium"], " ".join(words[at : at + n]))
                counts[key] += 1
                units[key].add(one.origin["film"])
    return counts, units


@pytest.mark.parametrize("n", [1, 2, 3])
def test_safe_table_is_all_ngrams_of_enough_films_and_no_other(n, monkeypatch):
    monkeypatch.setattr(ngram_counts, "AT_ONCE", 90)
    corpus = random_corpus()
    counts, units = slow_cells(corpus, n)
    table = export_ngrams(corpus, n=n)
    shown = {row[:3]: row[3:] for row in table.rows.rows()}
    assert shown == {
        key: (count, len(units[key])) for key, count in counts.items() if len(units[key]) >= 5
    }
    held = counts.total() - table.rows["count"].sum()
    assert table.held_back["running"].sum() == held


def test_safe_table_is_saved_with_what_it_is(tmp_path):
    table = export_ngrams(random_corpus(), n=2)
    path = table.save(tmp_path / "bigrams.csv")
    assert pl.read_csv(path).height == table.rows.height
    said = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert (said["n"], said["least_units"], said["unit"]) == (2, 5, "film")


def without_film(corpus, film):
    """Make the corpus again without one film, as somebody would to see what it said."""
    rows = corpus.store.frame.collect()
    return Corpus.from_table(rows.filter(pl.col("film") != film), name="but-one")


def test_difference_of_two_tables_that_may_leave_shows_nothing(tmp_path):
    corpus = random_corpus()
    export_ngrams(corpus).save(tmp_path / "all.csv")
    but_one = export_ngrams(without_film(corpus, "SF7"))
    assert not but_one.rows.equals(export_ngrams(corpus).rows)
    with pytest.raises(CorpusError, match="would show n-grams of few films") as caught:
        but_one.save(tmp_path / "but_one.csv")
    assert "in 'all.csv'" in str(caught.value)
    assert not (tmp_path / "but_one.csv").exists()


def test_cells_that_left_may_leave_again_with_longer_ngrams(tmp_path):
    corpus = random_corpus()
    export_ngrams(corpus).save(tmp_path / "words.csv")
    export_ngrams(corpus, n=2).save(tmp_path / "pairs.csv")
    export_ngrams(corpus.filter(medium="speech"), n=3).save(tmp_path / "speech.csv")
    assert (tmp_path / "speech.csv").is_file()


def test_part_of_a_cell_is_refused():
    corpus = random_corpus()
    with pytest.raises(CorpusError) as caught:
        export_ngrams(corpus.filter(years=(1930, 1932)))
    words = [len(folded_words(one.text)) > 0 for one in corpus]
    cell = [
        one.origin["medium"] == "intertitle" and one.year is not None and there
        for one, there in zip(corpus, words, strict=True)
    ]
    held = sum(there and one.year <= 1932 for one, there in zip(corpus, cell, strict=True))
    assert str(caught.value).startswith(
        f"Corpus 'reels' holds {held} of the {sum(cell)} documents of the cell 1930s, intertitle."
    )


def test_unit_smaller_than_a_film_is_refused():
    with pytest.raises(CorpusError, match="unit is 'id', and one film has several"):
        export_ngrams(random_corpus(), unit="id")
    assert export_ngrams(random_corpus(), unit="collection").rows.height == 0  # there are two


def test_threshold_and_length_are_refused_beyond_the_policy():
    with pytest.raises(CorpusError, match="fewer texts could be recognised"):
        export_ngrams(random_corpus(), least_units=2)
    with pytest.raises(CorpusError, match="longer n-grams quote"):
        export_ngrams(random_corpus(), n=4)


def test_long_ngrams_of_free_texts_are_allowed():
    texts = ["en två tre fyra"] * 6
    free = Corpus.from_texts(texts, year=1850, licence="CC0-1.0")
    assert export_ngrams(free, n=4).table["ngram"].tolist() == ["en två tre fyra"]


def test_corpus_without_years_is_refused():
    with pytest.raises(CorpusError, match="has no column 'year'"):
        export_ngrams(Corpus.from_texts(["sol"]))
