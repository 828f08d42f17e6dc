"""Counting over an invented corpus: the corpus, what is asked, and what is said when it is slow."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from benchmarks import counting_asked, zipf
from benchmarks.counting import WHAT, missed
from kblib.corpora import Corpus
from tests.ngrams.naive import folded_words, naive_hits


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(zipf, "VOCABULARY", 3_000)
    monkeypatch.setattr(zipf, "PART", 40)
    monkeypatch.setattr(zipf, "DOCUMENTS_A_FILM", 5)


def test_same_seed_gives_the_same_corpus_and_it_is_made_once(small, tmp_path):
    corpus = zipf.zipf_corpus(100, tmp_path / "one")
    again = zipf.zipf_corpus(100, tmp_path / "two")
    assert corpus.fingerprint == again.fingerprint
    before = corpus.folder.stat().st_mtime_ns
    assert zipf.zipf_corpus(100, tmp_path / "one").folder.stat().st_mtime_ns == before


def test_few_words_are_frequent_and_many_come_once(small, tmp_path):
    words = Counter(
        word for text in zipf.zipf_corpus(100, tmp_path).texts() for word in folded_words(text)
    )
    ten = sum(count for _, count in words.most_common(10))
    assert ten / words.total() > 0.2
    assert sum(count == 1 for count in words.values()) / len(words) > 0.2


def test_corpus_has_films_years_and_media(small, tmp_path):
    table = zipf.zipf_corpus(100, tmp_path).table
    assert table.groupby("film").size().eq(5).all()
    assert table["year"].is_monotonic_increasing
    assert set(table["medium"]) == {"speech", "intertitle"}


def test_answer_is_the_hits_of_a_slow_count(monkeypatch):
    monkeypatch.setattr(counting_asked, "ROUNDS", 1)
    corpus = Corpus.from_texts(["Sol och sol.", "Regn, sol!"], year=[1931, 1932])
    answer = counting_asked._asked("small", corpus, "sol")
    assert answer["hits"] == sum(naive_hits(corpus.texts(), "sol"))
    assert all(answer[what]["first"] > 0 and answer[what]["again"] > 0 for what in WHAT)


def test_slow_answers_are_missed_bars():
    def answer(corpus, hits, first, again):
        fast, slow = {"first": 0.1, "again": 0.1}, {"first": first, "again": again}
        about = {"corpus": corpus, "query": "sol", "hits": hits}
        return {**about, "count": fast, "trend": slow, "lines": fast}

    answers = [
        answer("newsreels", 85, 2.0, 0.2),
        answer("newsreels", 85, 0.1, 0.4),
        answer("invented", 10_000, 1.5, 0.2),
        answer("invented", 10_001, 1.5, 1.5),
    ]
    assert missed(answers, 10_000) == (
        "Missed: trend of sol (newsreels) took 0.40 s; less than 0.3 s was wanted.",
        "Missed: trend of sol (invented) took 1.50 s; less than 1 s was wanted.",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits a process's own memory")
def test_limit_stops_a_process_that_loads_what_it_should_map():
    code = (
        "import numpy as np; from benchmarks.counting_asked import limit_own_memory; "
        "print(limit_own_memory(300)); np.ones(10_000_000); print('80 MB'); np.ones(60_000_000)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["True", "80 MB"]
    assert "Unable to allocate" in done.stderr
