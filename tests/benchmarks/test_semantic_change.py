"""Planted changes: what is drawn, exchanged and counted, on small invented films."""

from __future__ import annotations

import random

import numpy as np
import pandas as pd
import pytest

from benchmarks.planted import (
    Plant,
    dates_exchanged,
    donors,
    five_years,
    grown,
    positions_of,
)
from benchmarks.semantic_change import Found, exact_interval, missed, row
from kblib.corpora import Corpus
from kblib.ngrams.index import Index, index_corpus
from kblib.ngrams.word_vectors import word_vectors


@pytest.fixture(scope="module")
def index() -> Index:
    draw = random.Random(4)
    words = ["sol", "regn", "och", "vind", "snö"]
    rows = [
        (
            " ".join(draw.choices(words, k=30)),
            1930 + film % 15,
            f"SF{film:02d}",
            ["sf", "kino"][film % 2],
        )
        for film in range(60)
    ]
    table = pd.DataFrame(rows, columns=["text", "year", "film", "collection"])
    return index_corpus(Corpus.from_table(table, name="reels"))


def test_periods_are_five_years(index):
    years = index.column("year").to_numpy()
    assert five_years(index).tolist() == [(year - 1930) // 5 for year in years]


def test_exchanged_dates_are_those_of_films_of_the_same_collection(index):
    periods = five_years(index)
    mixed = dates_exchanged(index, periods, seed=2)
    assert (mixed != periods).any()
    for collection in ("sf", "kino"):
        mine = (index.column("collection") == collection).to_numpy()
        assert sorted(mixed[mine]) == sorted(periods[mine])


def test_planted_word_is_the_first_before_and_the_second_after(index):
    first, second = (index.text.find(word) for word in ("sol", "regn"))
    vectors = word_vectors(index, "film")
    uses = grown(index, Plant(first, second, 0), five_years(index), 8, 0.5, vectors, seed=1)
    there = index.text.words_at(uses.positions)
    for period, wanted in ((0, (8, 0)), (1, (4, 4)), (2, (4, 4))):
        mine = there[uses.period == period]
        assert ((mine == first).sum(), (mine == second).sum()) == wanted


def test_donors_have_enough_uses_in_each_period(index):
    periods = five_years(index)
    counts = {}
    for word in range(len(index.text.words)):
        dates = periods[index.text.documents_at(positions_of(index, word))]
        counts[word] = np.bincount(dates, minlength=3).min()
    least = sorted(counts.values())[2]
    assert donors(index, periods, int(least)) == [w for w, n in counts.items() if n >= least]


def test_interval_equals_that_of_the_tables():
    # Clopper and Pearson for 10 of 200 and 0 of 10, as in any table
    assert exact_interval(10, 200) == pytest.approx((0.0242, 0.0900), abs=1e-4)
    assert exact_interval(0, 10) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert exact_interval(10, 10) == pytest.approx((0.6915, 1.0), abs=1e-4)


def test_row_counts_found_beyond_drift_and_dated():
    answers = [(Found(0.01, 9.0, 0), Found(0.5, 1.0, 3))] * 3 + [
        (Found(0.01, 2.0, 2), Found(0.02, 5.0, 1))
    ]
    cells = row(100, 1.0, answers, np.linspace(1, 5, 39))
    assert cells[:2] == [100, 100]
    assert [str(cell).split(" ")[0] for cell in cells[2:]] == ["100", "75", "75", "25", "25"]


def test_bars_that_are_missed_are_said():
    good, bad = Found(0.01, 9.0, 0), Found(0.5, 1.0, 3)
    assert missed({(100, 1.0): [(good, good)] * 10}, 10, 200) == ()
    (said,) = missed({(100, 1.0): [(good, bad)] * 10}, 10, 200)
    assert said.startswith("Of full changes at 100 uses a period, exchanged dates, 0% were found")
    assert "does not hold 5%" in missed({(100, 1.0): [(good, good)]}, 40, 200)[0]
