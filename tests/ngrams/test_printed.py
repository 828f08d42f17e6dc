"""What stands below a cell whose last line is a result."""

from __future__ import annotations

import polars as pl
import pytest

from kblib.ngrams.collocations import collocations
from kblib.ngrams.dispersion import dispersion
from kblib.ngrams.export import export_ngrams
from kblib.ngrams.frequencies import frequencies, query_frequencies
from kblib.ngrams.keyness import keyness
from kblib.ngrams.printed import LONGEST, as_html, as_text
from tests.ngrams.naive import random_corpus

CROSSED = "intertitle and speech are counted together"


@pytest.mark.parametrize(
    "result",
    [
        frequencies,
        lambda corpus: query_frequencies(corpus, "sol"),
        lambda corpus: collocations(corpus, "sol", min_count=1),
        dispersion,
        lambda corpus: keyness(corpus, corpus.filter(years=(1930, 1932)), min_count=1),
    ],
    ids=["frequencies", "query", "collocations", "dispersion", "keyness"],
)
def test_media_that_are_crossed_are_said_below_the_table(result):
    shown = result(random_corpus())
    assert f"Note: {CROSSED}" in repr(shown)
    assert CROSSED in shown._repr_html_()


def test_what_an_export_holds_back_is_said():
    table = export_ngrams(random_corpus(), n=3)
    held = table.held_back["running"].sum()
    assert f"Note: {held:,} running n-grams are held back" in repr(table)


def test_ten_rows_are_shown_and_the_rest_is_counted():
    rows = pl.DataFrame({"word": [f"w{at}" for at in range(13)]})
    assert as_text("Words", rows).splitlines()[-2:] == ["  w9", "  ... 3 more rows in .table"]
    assert as_html("Words", rows).count("<tr>") == 11


def test_numbers_have_four_digits_years_no_comma_and_absence_is_empty():
    rows = pl.DataFrame(
        {"year": [1930], "words": [1234567], "rate": [33.66932], "p": [0.00001234], "low": [None]}
    )
    assert as_text("", rows).splitlines()[-1].split() == ["1930", "1,234,567", "33.67", "1.234e-05"]


def test_words_are_escaped_in_a_notebook():
    shown = as_html("<b>", pl.DataFrame({"word": ["<script>"]}), ["a < b"])
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "a &lt; b" in shown


def test_text_as_long_as_a_book_does_not_bury_the_table():
    rows = pl.DataFrame({"text": ["ord " * 40_000]})
    assert len(as_text("", rows)) < 2 * LONGEST
    assert as_html("", rows).count("ord") < LONGEST
