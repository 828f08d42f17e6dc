"""CountsView: both shares, with a sentence and a table beside the picture."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from kblib.corpora import Corpus
from kblib.evaluation.counts import corrected_counts
from kblib.evaluation.texts import sample_texts
from kbnotebooks._words import language
from kbnotebooks.counts_view import CountsView


def made(dry_until=0):
    """Two decades of twelve films; the model finds three quarters of the rain."""
    n = 960
    wet = np.arange(n) % 3 == 0
    year = np.where(np.arange(n) < n // 2, 1934, 1945)
    corpus = Corpus.from_texts(
        ["regn" if one else "sol" for one in wet],
        film=[str(number // 40) for number in range(n)],
        year=year.tolist(),
    )
    ids = corpus.table["id"]
    truth = pd.DataFrame({"id": ids, "label": np.where(wet & (year > dry_until), "rain", "sun")})
    found = pd.DataFrame(
        {"id": ids, "label": np.where(wet & (np.arange(n) % 4 > 0), "rain", "sun")}
    )
    sample = sample_texts(corpus, 200)
    return corrected_counts(
        sample, found, truth[ids.isin(sample.rows["id"].to_list())], label="rain"
    )


@pytest.fixture(scope="module")
def counts():
    return made()


def test_picture_is_told_in_words_and_numbers(counts, structure):
    view = CountsView(counts)
    seen = structure(view._picture.value)
    (image,) = seen.all("img")
    row = counts.table.iloc[0]
    assert image["alt"].startswith("The share of 'rain' by period.")
    assert f"1930: {row.share:.1%} corrected ({row.low:.1%} to {row.high:.1%})" in image["alt"]
    for value in counts.table["share"]:
        assert f">{value:.1%}<" in view._picture.value
    assert {th["scope"] for th in seen.all("th")} == {"col", "row"}


def test_labels_that_are_still_needed_stand_beside(counts):
    view = CountsView(counts, within=0.03)
    for n in counts.labels_needed(0.03)["needed"]:
        assert f">{n:,}<" in view._picture.value


def test_period_with_a_bound_alone_says_how_much_it_is_at_most(counts, structure, monkeypatch):
    few = made(dry_until=1940)
    row = few.table.iloc[0]
    view = CountsView(few)
    view.selection = 1930
    seen = view._picture.value
    most = f"1930: at most {row.at_most:.1%}"
    assert f"{most} of 480 texts; only 0 of 100 labels are of the rarer" in seen
    assert f"{most}." in structure(seen).all("img")[0]["alt"]
    assert f">≤ {row.at_most:.1%}<" in seen
    monkeypatch.setattr("kbnotebooks._words._chosen", [])
    language("sv")
    told = CountsView(few)
    told.selection = 1930
    assert "1930: högst" in told.html
    assert "behövs: inget intervall" in told.html


def test_period_is_chosen_by_list_and_by_code(counts):
    view = CountsView(counts)
    assert view.selection == "all"
    view.selection = 1930
    assert f"1930: {counts.table.iloc[0].share:.1%} of 480 texts" in view._picture.value
    view._period.value = 1940
    assert view.selection == 1940


def test_unknown_period_is_answered_in_a_sentence(counts):
    view = CountsView(counts)
    view.selection = 1870
    assert "There is no period 1870." in view._message.value


def test_what_are_no_counts_is_refused_in_a_sentence():
    assert "CountsView got str" in CountsView("rain")._message.value


def test_failing_callback_is_told_below_the_view(counts, monkeypatch):
    view = CountsView(counts)
    monkeypatch.setattr("kbnotebooks.counts_view.in_words", lambda *_: 1 / 0)
    view._period.value = 1930
    assert "ZeroDivisionError" in view._message.value


def test_view_speaks_swedish(counts, monkeypatch):
    monkeypatch.setattr("kbnotebooks._words._chosen", [])
    language("sv")
    shown = CountsView(counts).html
    assert "som modellen räknar" in shown
    assert "as the model" not in shown


def test_of_forty_years_each_third_is_named_and_all_of_them_at_the_end():
    ids = [str(n) for n in range(400)]
    years = [1920 + n % 40 for n in range(400)]
    table = pd.DataFrame({"id": ids, "text": "regn", "year": years})
    said = pd.DataFrame({"id": ids, "label": np.where(np.arange(400) % 3 == 0, "rain", "sun")})
    every = sample_texts(Corpus.from_table(table), 400, per="year")
    (axes,) = CountsView(corrected_counts(every, said, said, label="rain"))._figure().axes
    named = [label.get_text() for label in axes.get_xticklabels()]
    assert named[:3] == ["1920", "1923", "1926"]
    assert named[-2:] == ["1956", "all"]
