"""What leaves the session."""

from __future__ import annotations

import json
from collections import Counter, defaultdict

import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams import ngram_counts
from kblib.ngrams.concordance import concordance
from kblib.ngrams.export import export_ngrams, write_csl_json, write_ris
from tests.ngrams.naive import folded_words, random_corpus


@pytest.fixture
def found():
    corpus = Corpus.from_texts(
        ["Nu går\nsolen upp.", "Och solen ned."],
        title=["SF769C", "SF770"],
        date=["1935-04", ""],
        film=["SF769", "SF770"],
        kind="newsreel",
        source="Journal Digital",
        licence="CC-BY-NC-4.0",
        medium="speech",
        start_s=[83.4, 5.0],
        end_s=[85.0, 7.0],
    )
    return concordance(corpus, "solen")


def test_csl_json_holds_every_hit_with_its_place(found, tmp_path):
    items = json.loads(write_csl_json(found, tmp_path / "hits.json").read_text("utf-8"))
    assert len({item["id"] for item in items}) == found.n == 2
    assert items[0]["type"] == "motion_picture"
    assert items[0]["issued"] == {"date-parts": [[1935, 4]]}
    assert items[0]["abstract"] == "Nu går [solen] upp."
    assert items[0]["note"] == (
        "film: SF769; medium: speech; time: 00:01:23-00:01:25; licence: CC-BY-NC-4.0"
    )
    assert "issued" not in items[1]


def test_ris_holds_every_hit_a_tag_a_line(found, tmp_path):
    text = write_ris(found, tmp_path / "hits.ris").read_bytes().decode()
    records = text.split("ER  - \r\n")[:-1]
    assert len(records) == 2
    fields = dict(line.split("  - ", 1) for line in records[0].split("\r\n") if line)
    assert (fields["TY"], fields["PY"], fields["TI"]) == ("VIDEO", "1935", "SF769C")
    assert fields["AB"] == "Nu går [solen] upp."


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
