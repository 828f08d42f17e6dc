"""TrendView: the curve in words, its films and lines, smoothing, and two languages."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.ngrams.trends import Trend, ngram_trend
from kbnotebooks import _trend_picture, _words
from kbnotebooks.trend_view import TrendView


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(_words, "_chosen", ["en"])


@pytest.fixture(scope="module")
def weather() -> Corpus:
    """Twelve films a year, 1930 to 1933; in 1931 each other one says sol twice."""
    rows = []
    for year in range(1930, 1934):
        for film in range(12):
            sunny = "sol och sol" if year == 1931 and film % 2 else "regn och regn"
            rows.append({"id": f"{year}-{film}", "film": f"F{year}{film:02d}", "year": year,
                         "text": f"{sunny} i dag", "start_s": 83.0, "language": "sv"})  # fmt: skip
    return Corpus.from_table(pd.DataFrame(rows), name="weather")


@pytest.fixture(scope="module")
def trend(weather: Corpus) -> Trend:
    return ngram_trend(weather, ["sol", "regn"])


@pytest.fixture(scope="module")
def shown(trend: Trend) -> TrendView:
    """One view for tests that choose what they look at: drawing is what takes time."""
    return TrendView(trend)


def naive_rates(corpus: Corpus, word: str) -> dict[int, float]:
    hits, words = Counter(), Counter()
    for row in corpus.table.itertuples():
        found = re.findall(r"\w+", row.text.lower())
        words[row.year] += len(found)
        hits[row.year] += found.count(word)
    return {year: 1e6 * hits[year] / words[year] for year in words}


def test_picture_is_told_with_the_highest_year(shown: TrendView, weather: Corpus, structure):
    (image,) = structure(shown._picture.value).all("img")
    rates = naive_rates(weather, "sol")
    best = max(rates, key=rates.get)
    assert f"'sol' is highest in {best}, {rates[best]:,.0f} per million" in image["alt"]
    assert "per year, from 1930 to 1933" in image["alt"]


def test_each_year_of_the_picture_chooses_its_entry_of_the_list(shown: TrendView, structure):
    view = shown
    strips = [span for span in structure(view._picture.value).all("span") if "onclick" in span]
    assert len(strips) == len(view._period.options) == 4
    assert [re.search(r"selectedIndex=(\d)", one["onclick"])[1] for one in strips] == list("0123")
    assert strips[1]["title"] == "1931: 24 hits"
    assert all(one["aria-hidden"] == "true" for one in strips)


def test_strips_lie_side_by_side_inside_the_picture(shown: TrendView, structure):
    strips = [one["style"] for one in structure(shown._picture.value).all("span")
              if "onclick" in one]  # fmt: skip
    sides = [[float(n) for n in re.findall(r"([\d.]+)%", style)] for style in strips]
    for (start, width), (after, _) in itertools.pairwise(sides):
        assert start + width == pytest.approx(after, abs=0.01)
    assert sides[0][0] > 0
    assert sum(sides[-1]) <= 100


def test_year_with_most_hits_is_shown_first(weather: Corpus):
    assert TrendView(ngram_trend(weather, "sol")).selection == 1931


def test_films_of_the_year_with_their_hits(shown: TrendView, weather: Corpus):
    view = shown
    view.selection = 1931
    films = view.films.set_index("film")
    for row in weather.table[weather.table.year.eq(1931)].itertuples():
        words = row.text.split()
        assert films.loc[row.film].to_list() == [
            len(words),
            words.count("sol"),
            words.count("regn"),
        ]
    assert view.films["film"].is_monotonic_increasing  # equal hits: by name


def test_lines_of_the_year_with_time_code(shown: TrendView):
    view = shown
    view._query.value = "sol"
    view.selection = 1931
    assert "12 hits of 'sol' in 1931" in view._lines.value
    assert "00:01:23" in view._lines.value
    assert '<span lang="sv">sol</span>' in view._lines.value
    assert set(view.lines["year"]) == {1931}
    assert len(view.lines) == 12


def test_lines_of_another_query(shown: TrendView):
    view = shown
    view._query.value = "sol"
    view.selection = 1930
    assert "'sol' has no hits in 1930." in view._lines.value
    view._query.value = "regn"
    assert "24 hits of 'regn' in 1930" in view._lines.value


def test_what_was_counted_stands_beside(shown: TrendView):
    assert "2 forms were counted: regn (84), sol (12)" in shown.html


def test_smoothing_counts_again(trend: Trend, weather: Corpus):
    view = TrendView(trend)
    view._smooth.value = 3
    again = ngram_trend(weather, ["sol", "regn"], smooth=3)
    assert view.table.equals(again.table)
    assert view.trend.provenance["smooth"] == 3


def test_forms_stay_as_they_were_chosen_when_counted_again(weather: Corpus):
    trend = ngram_trend(weather, "sol", forms="variants")
    view = TrendView(trend)
    view._smooth.value = 3
    assert view.trend.provenance["forms"] == trend.provenance["forms"]


def test_year_without_films_is_answered_in_a_sentence(shown: TrendView):
    view = shown
    view.selection = 1890
    assert "Corpus 'weather' has no words of 1890." in view._message.value
    view.selection = 1931
    assert view._message.value == ""


def test_media_are_series_of_their_own_and_the_view_says_so(films: Corpus, structure):
    view = TrendView(ngram_trend(films, "kungen"))
    assert "intertitle and speech are separate series" in view._picture.value
    assert "1 words (" not in view._picture.value
    assert re.search(r"Speech: .*Intertitle: ", structure(view.html).all("img")[0]["alt"])


def test_film_without_a_name_is_listed(weather: Corpus):
    table = weather.table.assign(film=None)
    view = TrendView(ngram_trend(Corpus.from_table(table, name="nameless"), "sol"))
    assert "(none)" in view._films.value


def test_decades_and_other_columns_can_be_the_axis(weather: Corpus):
    decades = TrendView(ngram_trend(weather, "sol", per="decade"))
    assert decades.selection == 1930
    assert len(decades.films) == 48
    named = weather.table.assign(collection="kino")
    view = TrendView(ngram_trend(Corpus.from_table(named, name="kino"), "sol", per="collection"))
    assert view.selection == "kino"
    assert "from kino to kino" in view.html


def test_something_else_than_a_trend_is_answered_in_a_sentence(weather: Corpus):
    view = TrendView(weather)
    assert "TrendView got Corpus, which is no trend." in view._message.value
    assert "no trend" in view.html


def test_too_many_curves_are_refused_in_a_sentence(weather: Corpus):
    queries = [f"{start}*" for start in ("s", "so", "sol", "r", "re", "reg", "regn")]
    view = TrendView(ngram_trend(weather, queries))
    assert "This trend has 7 queries. Up to 6 curves" in view._message.value


def test_failing_callback_is_told_below_the_view(trend: Trend, monkeypatch):
    view = TrendView(trend)
    monkeypatch.setattr("kbnotebooks.trend_view.films_in", lambda *_: 1 / 0)
    view._period.value = 1931
    assert "ZeroDivisionError" in view._message.value


def test_query_is_shown_as_text_not_as_html(structure):
    corpus = Corpus.from_table(
        pd.DataFrame({"text": ["<b>sol</b> i dag"], "year": [1931], "film": ["<i>F</i>"]})
    )
    view = TrendView(ngram_trend(corpus, "sol"))
    assert structure(view.html).all("b") == []
    assert structure(view.html).all("i") == []


def test_numbers_stand_in_tables_beside_the_picture(shown: TrendView, structure):
    seen = structure(shown._picture.value)
    assert len(seen.all("caption")) == 3
    assert {th["scope"] for th in seen.all("th")} == {"col", "row"}


def test_words_of_media_add_up_to_the_words_of_the_corpus(films: Corpus):
    trend = ngram_trend(films, "kungen")
    told = _trend_picture.words_of_media(trend)
    assert set(told) == {"speech", "intertitle"}
    assert sum(told.values()) == pytest.approx(trend.sizes["words"].to_numpy())


def test_view_speaks_swedish(trend: Trend, films: Corpus, structure):
    _words.language("sv")
    view = TrendView(trend)
    assert "'sol' är högst 1931" in structure(view.html).all("img")[0]["alt"]
    assert "'sol' har inga träffar" in view._lines.value
    assert 'lang="sv"' in view.html
    mixed = TrendView(ngram_trend(films, "kungen"))
    assert "mellantexter och tal är skilda serier; deras fel är olika." in mixed.html
