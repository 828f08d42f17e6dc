"""How evenly words are spread, against the definition, unit by unit."""

from __future__ import annotations

import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams import ngram_counts
from kblib.ngrams.dispersion import dispersion
from tests.ngrams.naive import folded_words, random_corpus


def words_by_film(corpus):
    films = {}
    for document in corpus:
        films.setdefault(document.origin["film"], []).extend(folded_words(document.text))
    return {film: words for film, words in films.items() if words}


def slow_dp(films, word):
    """Gries (2008): half the sum of differences between expected and observed shares."""
    total = sum(map(len, films.values()))
    hits = sum(words.count(word) for words in films.values())
    return sum(
        abs(len(words) / total - words.count(word) / hits) for words in films.values()
    ) / 2  # fmt: skip


def test_dp_equals_the_definition():
    corpus = random_corpus()
    films = words_by_film(corpus)
    table = dispersion(corpus, min_count=1).table
    least = min(map(len, films.values())) / sum(map(len, films.values()))
    for _, row in table.iterrows():
        expected = slow_dp(films, row["word"])
        assert row["dp"] == pytest.approx(expected)
        assert row["dp_norm"] == pytest.approx(expected / (1 - least))
        assert row["units"] == sum(row["word"] in words for words in films.values())


def test_word_spread_like_the_text_has_no_deviation():
    corpus = Corpus.from_texts(["sol och", "sol och sol och"])
    assert dispersion(corpus, "sol").table["dp"].tolist() == [0.0]


def test_dispersion_is_the_same_whatever_the_chunks(monkeypatch):
    whole = dispersion(random_corpus()).rows
    monkeypatch.setattr(ngram_counts, "AT_ONCE", 50)
    cut = dispersion(random_corpus()).rows
    assert cut.drop("dp", "dp_norm").equals(whole.drop("dp", "dp_norm"))
    assert cut["dp"].to_list() == pytest.approx(whole["dp"].to_list())


def test_words_keep_the_order_they_were_asked_in():
    assert dispersion(random_corpus(), ["tåg", "Sol"]).table["word"].tolist() == ["tåg", "sol"]


def test_word_that_is_nowhere_and_single_unit_answer_in_plain_words():
    with pytest.raises(
        CorpusError, match=r"'soll' is nowhere in corpus 'reels'\. Written alike: sol"
    ):
        dispersion(random_corpus(), ["soll"])
    with pytest.raises(CorpusError, match="has one unit by its column 'film'"):
        dispersion(Corpus.from_texts(["sol", "regn"], film="SF1"))


def test_min_count_of_nothing_is_refused():
    with pytest.raises(CorpusError, match="min_count is 0"):
        dispersion(random_corpus(), min_count=0)


@pytest.mark.parametrize("words", [[], [3], ["sol", None]])
def test_words_that_are_none_are_refused(words):
    with pytest.raises(CorpusError, match="A word or a list of them was expected"):
        dispersion(random_corpus(), words)


def test_word_of_another_part_of_the_corpus_is_not_offered_instead_of_itself():
    corpus = Corpus.from_texts(["sol", "solen och", "sola och"], year=[1931, 1932, 1932])
    with pytest.raises(CorpusError) as caught:
        dispersion(corpus.filter(years=(1932, 1932)), "sol")
    assert str(caught.value) == (
        "The word 'sol' is nowhere in corpus 'texts'. Written alike: sola, solen."
    )


@pytest.mark.parametrize(
    ("word", "said"),
    [("sol och", "Single words were expected."), ("zyx", "No word is much like it.")],
)
def test_phrase_and_strange_word_are_told_apart(word, said):
    with pytest.raises(CorpusError, match=said):
        dispersion(random_corpus(), word)
