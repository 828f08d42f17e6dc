"""The sentence is found in the corpus, with its word, film and time."""

from __future__ import annotations

import re

import pytest

from kblib.corpora import Corpus
from kblib.ladder.blank import Blank
from kblib.ladder.sources import Source, find_sources

TEXTS = [
    "Kungen  reser till\nStockholm.",
    "I dag: Kungen talar till Stockholm. Sedan regnar det.",
    "Drottningen reser till Stockholm.",
    "Vårkungen reser till Stockholm.",
    "SJ:s tåg och e-post: kungen åker.",
]


@pytest.fixture
def corpus() -> Corpus:
    return Corpus.from_texts(
        TEXTS, name="small", film=list("ABCDE"), year=1938, start_s=[3671.4, 1.0, 0.0, 0.0, 0.0]
    )


def words(corpus: Corpus, text: str) -> list[str]:
    return [found.word for found in find_sources(corpus, Blank.of(text))]


def test_sentence_is_found_across_white_space_and_inside_a_text(corpus: Corpus) -> None:
    assert words(corpus, "Kungen [MASK] till Stockholm.") == ["reser", "talar"]


def test_neither_end_lies_inside_a_word(corpus: Corpus) -> None:
    assert words(corpus, "kungen [MASK] till Stockholm.") == []
    assert words(corpus, "Kungen reser [MASK] Stock") == []


def test_blank_at_either_end(corpus: Corpus) -> None:
    assert words(corpus, "[MASK] reser till Stockholm.") == ["Kungen", "Drottningen", "Vårkungen"]
    assert words(corpus, "Sedan regnar [MASK]") == ["det"]


def test_word_with_a_hyphen_is_one(corpus: Corpus) -> None:
    assert words(corpus, "SJ:s tåg och [MASK]: kungen") == ["e-post"]


def test_single_word_is_not_looked_for(corpus: Corpus) -> None:
    assert words(corpus, "Kungen [MASK]") == []


def test_source_says_film_year_and_time(corpus: Corpus) -> None:
    (found, _) = find_sources(corpus, Blank.of("Kungen [MASK] till Stockholm."))
    assert found.time_code == "01:01:11"
    assert str(found) == "reser: A, 1938, 01:01:11"


def test_source_without_a_year_says_so() -> None:
    found = Source("reser", "x", "Kungen reser.", {"film": "A", "reel": "B", "year": None})
    assert str(found) == "reser: A B, year unknown"


def test_every_sentence_of_a_corpus_finds_itself(newsreels: Corpus) -> None:
    for text in list(newsreels.texts())[::40]:
        hidden = re.sub(r"\w+", "[MASK]", text, count=1)
        assert text.split()[0] in words(newsreels, hidden)
