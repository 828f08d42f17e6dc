"""Counting words and n-grams."""

from __future__ import annotations

import pytest

from kblib.errors import CorpusError
from kblib.ngrams import ngram_counts
from kblib.ngrams.collocations import collocations
from kblib.ngrams.dispersion import dispersion
from kblib.ngrams.frequencies import frequencies, query_frequencies
from tests.ngrams.naive import naive_hits, naive_ngrams, random_corpus


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_counts_and_documents_equal_slow_counts(n):
    corpus = random_corpus()
    counts, documents = naive_ngrams(corpus.texts(), n)
    rows = frequencies(corpus, n=n).rows
    assert dict(zip(rows["ngram"], rows["count"], strict=True)) == counts
    assert dict(zip(rows["ngram"], rows["documents"], strict=True)) == documents


def test_counts_are_the_same_whatever_the_chunks(monkeypatch):
    whole = frequencies(random_corpus(), n=2).rows
    monkeypatch.setattr(ngram_counts, "AT_ONCE", 50)
    assert frequencies(random_corpus(), n=2).rows.equals(whole)


def test_rates_are_per_million_words_of_the_filtered_corpus():
    corpus = random_corpus().filter(medium="speech")
    counts, _ = naive_ngrams(corpus.texts(), 1)
    row = frequencies(corpus).table.set_index("ngram").loc["sol"]
    assert row["per_million"] == pytest.approx(1e6 * counts["sol"] / counts.total())


def test_min_count_and_most_cut_the_table():
    counts, _ = naive_ngrams(random_corpus().texts(), 2)
    table = frequencies(random_corpus(), n=2, min_count=6)
    assert table.rows.height == sum(count >= 6 for count in counts.values())
    assert table.rows.equals(frequencies(random_corpus(), n=2, min_count=6, most=10**6).rows)
    assert frequencies(random_corpus(), n=2, most=3).top(5) == table.top(3)


def test_query_frequencies_list_the_sum_and_each_form():
    corpus = random_corpus()
    table = query_frequencies(corpus, ["järnväg", "det svenska"], forms="variants").table
    slow = {word: sum(naive_hits(corpus.texts(), word)) for word in ("järnväg", "jernväg")}
    rows = dict(zip(zip(table["query"], table["ngram"], strict=True), table["count"], strict=True))
    assert rows == {
        ("järnväg", "(all)"): sum(slow.values()),
        ("järnväg", "järnväg"): slow["järnväg"],
        ("järnväg", "jernväg"): slow["jernväg"],
        ("det svenska", "(all)"): sum(naive_hits(corpus.texts(), "det svenska")),
    }


def test_media_are_never_counted_together_silently():
    corpus = random_corpus()
    said = "intertitle and speech are counted together; their errors and their years differ."
    for result in (
        frequencies(corpus),
        query_frequencies(corpus, "sol"),
        dispersion(corpus, "sol"),
        collocations(corpus, "sol"),
    ):
        assert result.warnings == (said,)
    assert frequencies(corpus.filter(medium="speech")).warnings == ()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n is 0. A whole number from 1 to 5 was expected."),
        ({"n": 6}, "n is 6."),
        ({"min_count": 0}, "min_count is 0."),
        ({"most": -1}, "most is -1."),
    ],
)
def test_bad_numbers_answer_in_plain_words(arguments, message):
    with pytest.raises(CorpusError) as caught:
        frequencies(random_corpus(), **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("queries", [None, 3, []])
def test_no_queries_answer_in_plain_words(queries):
    with pytest.raises(CorpusError, match="expected"):
        query_frequencies(random_corpus(), queries)
