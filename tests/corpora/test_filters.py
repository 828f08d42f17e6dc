from __future__ import annotations

from collections import defaultdict

import pytest

from kblib.corpora import Corpus
from kblib.corpora.filters import (
    Spread,
    known_words,
    looping,
    matching,
    max_words,
    min_words,
    non_latin,
    repeated,
    unknown_words,
    widespread,
)
from kblib.errors import CorpusError

from .conftest import CUES


def kept_texts(corpus, *filters):
    return list(corpus.filter(*filters).texts())


@pytest.mark.parametrize(
    ("one", "gone"),
    [
        (min_words(2), ["Ja."] * 3),
        (max_words(5), ["Kungen går till tåget i Stockholm."]),
        (looping(), ["Musik Musik Musik Musik"]),
        (non_latin(), ["Это не по-шведски."]),
        (matching("^Nu ", "nu"), ["Nu går tåget till Göteborg."] * 2),
        (widespread("film", 3), ["Ja."] * 3),
        (repeated(by="film"), ["Nu går tåget till Göteborg."]),
        (repeated(), ["Ja.", "Nu går tåget till Göteborg.", "Ja."]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_filter_drops(films, one, gone):
    kept = films.filter(one)
    assert kept.dropped(one.reason).text.tolist() == gone
    assert kept.manifest["steps"][-1]["dropped"] == {one.reason: len(gone)}


@pytest.mark.parametrize("text", ["Ja, ja, ja.", "Hej hej på dig", "Åh Éva ñ ß ð"])
def test_ordinary_speech_passes(text):
    corpus = Corpus.from_texts([text])
    assert kept_texts(corpus, looping(), non_latin()) == [text]


@pytest.mark.parametrize(
    "text", ["Ja, ja, ja, ja.", "bra bra. BRA! bra", "det var det var det var"]
)
def test_loops_are_found_through_case_and_marks(text):
    assert kept_texts(Corpus.from_texts([text]), looping()) == []


def test_repeated_keeps_the_first_by_naive_count(films):
    seen, first = set(), []
    for film, _, _, text in CUES:
        if (film, text) not in seen:
            first.append(text)
        seen.add((film, text))
    assert kept_texts(films, repeated(by="film")) == first


def test_filters_count_only_what_those_before_kept(films):
    # without the cue of SF3, "Ja." stands in two films only
    assert "Ja." in kept_texts(films.filter(film=["SF1", "SF2"]), widespread("film", 3))


def test_the_first_filter_that_drops_gives_the_reason(films):
    kept = films.filter(widespread("film", 3), min_words(2))
    assert kept.manifest["steps"][-1]["dropped"] == {"word for word in 3 or more films": 3}


def test_where_spares_other_documents(films):
    only = min_words(4).where(medium="intertitle")
    assert only.name == "min_words(4) where medium='intertitle'"
    assert films.filter(only).dropped().text.tolist() == ["Kungen i Stockholm"]


def naive_known(rows, limits):
    films = defaultdict(set)
    for film, medium, _, text in rows:
        for word in "".join(c if c.isalpha() else " " for c in text.lower()).split():
            films[word, medium].add(film)
    return sorted(
        {
            word
            for (word, medium), seen in films.items()
            if len(seen) >= limits[medium][0] and len(word) >= limits[medium][1]
        }
    )


def test_known_words_equal_a_naive_count(films):
    spread = [Spread("speech", 2, 2), Spread("intertitle", 1, 5)]
    found = known_words(films.frame(), by="film", part="medium", spread=spread)
    assert found.to_list() == naive_known(CUES, {"speech": (2, 2), "intertitle": (1, 5)})


def test_misread_intertitles_go_and_read_ones_stay(films):
    one = unknown_words(
        min_known=0.6, min_letters=8, by="film", part="medium", spread=[Spread("speech", 2, 2)]
    )
    kept = films.filter(one.where(medium="intertitle"))
    assert kept.dropped(one.reason).text.tolist() == ["IeRsniut nepni dao Isms siste"]


def test_words_divided_at_the_end_of_a_line_are_joined():
    texts = ["Stockholm är stort", "Stockholm är litet", "Stock-\tholm"]
    corpus = Corpus.from_texts(texts, film=["a", "b", "c"], medium="speech")
    one = unknown_words(
        min_known=1.0, min_letters=1, by="film", part="medium", spread=[Spread("speech", 3)]
    )
    assert "Stock-\tholm" in kept_texts(corpus, one)


def test_a_text_without_words_is_not_known():
    corpus = Corpus.from_texts(["192 4", "sol"], film=["a", "b"], medium="speech")
    one = unknown_words(
        min_known=0.5, min_letters=1, by="film", part="medium", spread=[Spread("speech", 1)]
    )
    assert kept_texts(corpus, one) == ["sol"]


def test_matching_refuses_a_pattern_that_cannot_be_read():
    with pytest.raises(CorpusError, match=r"The pattern '\(\?<=a\)b' cannot be read"):
        matching("(?<=a)b", "never")


def test_filter_on_an_absent_column_is_refused_before_any_work(films):
    with pytest.raises(CorpusError, match="has no column 'newspaper'"):
        films.filter(widespread("newspaper", 3))
