"""CorpusView: the timeline against a naive count, and browsing."""

from __future__ import annotations

import html
import re
from collections import Counter

import pytest

from kblib.corpora import Corpus
from kbnotebooks._timeline import timeline
from kbnotebooks.corpus import CorpusView


def test_timeline_counts_as_a_naive_count_does(films: Corpus):
    words = Counter()
    for row in films.table.dropna(subset="year").itertuples():
        words[int(row.year), row.medium] += len(row.text.split())
    counted = timeline(films).table
    found = {(year, part): n for year, part, n in counted["year", "part", "words"].iter_rows()}
    assert found == dict(words)


def test_timeline_says_how_many_texts_have_no_year(films: Corpus):
    assert timeline(films).undated == 1
    assert "Not drawn: 1 text without a year." in CorpusView(films).html


def test_share_in_known_words_agrees_with_a_naive_share(films: Corpus, monkeypatch):
    monkeypatch.setattr("kbnotebooks._timeline.FEWEST_WORDS", 1)
    monkeypatch.setattr("kbnotebooks._timeline.FEWEST_UNITS", 2)
    monkeypatch.setattr("kbnotebooks._timeline.KNOWN_WORDS", ())
    each = [
        (row.film, row.medium, word)
        for row in films.table.itertuples()
        for word in re.findall(r"\w+", row.text.lower())
    ]
    seen: dict[tuple[str, str], set[str]] = {}
    for film, medium, word in each:
        seen.setdefault((medium, word), set()).add(film)
    known = {word for (_, word), where in seen.items() if len(where) >= 2 and len(word) >= 2}
    dated = films.table.year.eq(1938).fillna(value=False)
    said = re.findall(
        r"\w+", " ".join(films.table[dated & films.table.medium.eq("speech")].text).lower()
    )
    share = sum(len(word) for word in said if word in known) / sum(map(len, said))
    assert timeline(films).of("speech", "known")[1938] == pytest.approx(share)


def test_picture_is_told_in_words(films: Corpus, structure):
    (image,) = structure(CorpusView(films).html).all("img")
    assert image["alt"] == (
        "Bars of words per year from 1921 to 1939: 18 words of speech, most of them in 1938; "
        "13 words of intertitle, most of them in 1921."
    )


def test_year_is_chosen_by_dropdown(films: Corpus):
    view = CorpusView(films)
    view._year.value = 1921
    assert "1921: 3 texts" in view._list.value
    assert "KUNGEN I STOCKHOLM" in view._list.value
    assert view.selection == {"year": 1921, "film": None}


def test_film_narrows_the_list(films: Corpus):
    view = CorpusView(films)
    view._year.value = 1938
    view._unit.value = "SF2"
    assert list(view.documents.texts()) == ["Stockholm i vårsol."]
    assert "1938, SF2: 1 text" in view._list.value


def test_selection_can_be_set_by_code(films: Corpus):
    view = CorpusView(films)
    view.selection = {"year": 1939, "film": "SF3"}
    assert len(view.documents) == 4
    assert view._year.value == 1939


def test_year_without_films_is_answered_in_a_sentence(films: Corpus):
    view = CorpusView(films)
    view.selection = {"year": 1930}
    assert "No text of this corpus is from 1930." in view._message.value
    assert "1921 and 1939" in view._message.value


def test_film_of_another_year_is_answered_in_a_sentence(films: Corpus):
    view = CorpusView(films)
    view.selection = {"year": 1939, "film": "SF1"}
    assert "Film 'SF1' has no text in 1939." in view._message.value


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (1939, "The selection is 1939. A dictionary was expected."),
        ({"yaer": 1939}, "This view has no 'yaer' to select. There are: year, film."),
        ({"year": "1939"}, "The year is '1939'. A whole number was expected."),
    ],
)
def test_selection_of_another_form_is_answered_in_a_sentence(films: Corpus, wanted, said: str):
    view = CorpusView(films)
    before = view.selection
    view.selection = wanted
    assert said in html.unescape(view._message.value)
    assert view.selection == before


def test_film_can_be_chosen_without_saying_its_year_again(films: Corpus):
    view = CorpusView(films)
    view.selection = {"year": 1939}
    view.selection = {"film": "SF3"}
    assert view.selection == {"year": 1939, "film": "SF3"}


def test_table_for_a_corpus_is_refused_in_a_sentence(films: Corpus):
    view = CorpusView(films.table)
    assert "CorpusView got DataFrame. A corpus was expected." in view._message.value


def test_empty_corpus_is_answered_in_a_sentence(films: Corpus):
    view = CorpusView(films.filter(years=(1800, 1801)))
    assert "no documents with a year" in view.html
    assert view.error is None


def test_corpus_without_years_is_answered_in_a_sentence():
    view = CorpusView(Corpus.from_texts(["sol", "regn"], name="weather"))
    assert "Corpus 'weather' has no column 'year'." in view._message.value


def test_failing_callback_is_told_below_the_view(films: Corpus, monkeypatch):
    view = CorpusView(films)
    monkeypatch.setattr(type(films), "frame", lambda self: 1 / 0)
    view._year.value = 1921
    assert "ZeroDivisionError" in view._message.value


def test_text_of_a_document_is_shown_as_text_not_as_html(films: Corpus, structure):
    view = CorpusView(films)
    view._year.value = 1921
    assert structure(view._list.value).all("b") == []
    assert "&lt;b&gt;FEET&lt;/b&gt;" in view._list.value


def test_numbers_stand_in_a_table_beside_the_picture(films: Corpus, structure):
    seen = structure(CorpusView(films)._picture.value)
    assert seen.all("caption")
    assert {th["scope"] for th in seen.all("th")} == {"col", "row"}
