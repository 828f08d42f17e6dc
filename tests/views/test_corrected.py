"""CorrectedTrendView: both curves, with words and tables beside the picture."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from kblib.corpora import Corpus
from kblib.ngrams.corrected import corrected_trend
from kblib.ngrams.marks import Marks
from kblib.ngrams.samples import sample_query
from kblib.ngrams.trends import ngram_trend
from kbnotebooks._words import language
from kbnotebooks.corrected import CorrectedTrendView


@pytest.fixture
def corrected(tmp_path):
    """Two decades and two media of twelve films each; every third hit of the 1930s is wrong."""
    texts, years, films, media = [], [], [], []
    for medium in ("speech", "intertitle"):
        for film in range(24):
            texts += ["kungen", "kungens", "och kungen", "hamn och bro"]
            years += [1930 + 10 * (film % 2)] * 4
            films += [f"{medium}{film}"] * 4
            media += [medium] * 4
    corpus = Corpus.from_texts(texts, year=years, film=films, medium=media)
    sample = sample_query(corpus, "kungen", net="kung*")
    marks = Marks.open(sample, tmp_path / "king.jsonl")
    for row in sample.rows.iter_rows(named=True):
        wrong = row["period"] == 1930 and row["number"] % 3 == 0
        marks.add(row["number"], "no" if wrong else "yes", who="Selma")
    return corrected_trend(ngram_trend(corpus, "kungen", per="decade"), marks)


def test_picture_is_told_in_words(corrected, structure):
    view = CorrectedTrendView(corrected)
    (image,) = structure(view._picture.value).all("img")
    rows = corrected.table[corrected.table["series"] == view.selection]
    first = rows.iloc[0]
    assert image["alt"].startswith("The rate of 'kungen' by period, as counted and corrected.")
    assert (
        f"In 1930 {first.per_million:,.0f} per million corrected, "
        f"{first.counted_per_million:,.0f} as counted." in image["alt"]
    )


def test_numbers_of_both_curves_stand_in_a_table(corrected, structure):
    view = CorrectedTrendView(corrected)
    seen = structure(view._picture.value)
    assert len(seen.all("caption")) == 2
    assert {th["scope"] for th in seen.all("th")} == {"col", "row"}
    rows = corrected.table[corrected.table["series"] == view.selection]
    for column in ("counted_per_million", "per_million", "low", "high"):
        for value in rows[column]:
            assert f">{value:,.0f}<" in view._picture.value
    assert "recall in the net" in view._picture.value


def test_series_is_chosen_by_list_and_by_code(corrected):
    view = CorrectedTrendView(corrected)
    assert view.selection in ("speech", "intertitle")
    view.selection = "intertitle"
    before = view._picture.value
    view._series.value = "speech"
    assert view._picture.value != before
    assert view.selection == "speech"
    assert len(view.table) == 4


def test_unknown_series_is_answered_in_a_sentence(corrected):
    view = CorrectedTrendView(corrected)
    view.selection = "radio"
    assert "There is no series" in view._message.value
    assert view.selection != "radio"


def test_what_is_no_corrected_trend_is_refused_in_a_sentence():
    view = CorrectedTrendView("järnväg")
    assert "CorrectedTrendView got str, which is no corrected trend." in view._message.value


def test_failing_callback_is_told_below_the_view(corrected, monkeypatch):
    view = CorrectedTrendView(corrected)
    other = "speech" if view.selection == "intertitle" else "intertitle"
    monkeypatch.setattr("kbnotebooks.corrected._draw_curves", lambda *_: 1 / 0)
    view._series.value = other
    assert "ZeroDivisionError" in view._message.value


def test_period_without_interval_says_why(corrected):
    why = "only 2 marked yes, 5 are needed: no interval"
    rows = corrected.rows.with_columns(low=pl.lit(None), high=pl.lit(None), note=pl.lit(why))
    view = CorrectedTrendView(replace(corrected, rows=rows))
    assert view.error is None
    assert "only 2 marked yes" in view._picture.value


def test_view_speaks_swedish(corrected, monkeypatch):
    monkeypatch.setattr("kbnotebooks._words._chosen", [])
    language("sv")
    shown = CorrectedTrendView(corrected).html
    assert "täckning i nätet" in shown
    assert "Gäller det som sökningen och nätet hittar" in shown
