"""Keyword in context: complete, sorted, and the way back."""

from __future__ import annotations

import re

import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.concordance import concordance
from tests.ngrams.naive import folded_words, naive_hits, random_corpus


@pytest.fixture
def reels():
    return Corpus.from_texts(
        ["Solen gick upp.", "Vi ser\n solen, över  havet. Och solen.", "En ö.", "Solen!"],
        name="reels",
        title=["A", "A", "A", "B"],
        medium="speech",
        start_s=[0.0, 83.4, 90.0, 3723.0],
        year=[1935, 1935, 1935, 1931],
    )


def lines(found):
    return found.rows().select("left", "hit", "right").rows()


def test_lines_show_the_text_as_it_is_written(reels):
    assert lines(concordance(reels, "solen")) == [
        ("", "Solen", "gick upp."),
        ("Vi ser", "solen", ", över havet. Och solen."),
        ("Vi ser solen, över havet. Och", "solen", "."),
        ("", "Solen", "!"),
    ]


def test_window_counts_words(reels):
    assert lines(concordance(reels, "havet", window=1)) == [("över", "havet", ". Och")]


def test_every_hit_is_a_line_with_its_document():
    corpus = random_corpus()
    table = concordance(corpus, "sol").table
    per_document = dict(zip(corpus.table["id"], naive_hits(corpus.texts(), "sol"), strict=True))
    assert table.groupby("id").size().to_dict() == {k: n for k, n in per_document.items() if n}


def test_left_hit_and_right_are_the_document_again():
    corpus = random_corpus()
    found = concordance(corpus, "järnväg*", window=100)
    for number, (left, hit, right) in enumerate(lines(found), start=1):
        text = found.document(number).text
        assert re.sub(r"\s", "", left + hit + right) == re.sub(r"\s", "", text)


def test_batches_stream_the_same_lines():
    found = concordance(random_corpus(), "sol", sort="right")
    streamed = [row for batch in found.batches(7) for row in batch.rows()]
    assert streamed == found.rows().rows()


def beside(corpus, word, side):
    """List the four words beside each hit, the nearest first, the slow way."""
    contexts = []
    for text in corpus.texts():
        words = folded_words(text)
        for at, one in enumerate(words):
            if one == word:
                before = words[max(at - 4, 0) : at][::-1]
                contexts.append(words[at + 1 : at + 5] if side == "right" else before)
    return contexts


@pytest.mark.parametrize("side", ["left", "right"])
def test_sort_by_context_equals_slow_sort(side):
    corpus = random_corpus()
    alphabet = "abcdefghijklmnopqrstuvwxyzåäö"
    expected = sorted(
        beside(corpus, "sol", side),
        key=lambda context: [[alphabet.index(letter) for letter in word] for word in context],
    )
    found = concordance(corpus, "sol", sort=side)
    shown = []
    for left, _, right in lines(found):
        words = folded_words(right)[:4] if side == "right" else folded_words(left)[::-1][:4]
        shown.append(words)
    assert shown == expected


def test_several_sorts_the_first_counts_most(reels):
    found = concordance(reels, "solen", sort=["year", "right"])
    assert found.rows()["year"].to_list() == [1931, 1935, 1935, 1935]
    assert found.rows()["right"].to_list()[1:] == [".", "gick upp.", ", över havet. Och solen."]


def test_random_sort_is_the_same_for_the_same_seed():
    orders = [
        concordance(random_corpus(), "sol", sort="random", seed=seed).order.tolist()
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_line_leads_to_its_source_and_time(reels):
    found = concordance(reels, "havet")
    assert found.rows()["time"].to_list() == ["00:01:23"]
    around = found.source(1, around=5)
    assert around["here"].tolist() == [False, True, False]
    assert around["title"].unique().tolist() == ["A"]


def test_phrase_is_one_hit_with_its_punctuation(reels):
    assert lines(concordance(reels, "solen över"))[0] == (
        "Vi ser",
        "solen, över",
        "havet. Och solen.",
    )


def test_concordance_of_filtered_corpus_has_its_documents_only():
    speech = random_corpus().filter(medium="speech")
    assert set(concordance(speech, "sol").table["medium"]) == {"speech"}


def test_repr_shows_the_count(reels):
    assert repr(concordance(reels, "solen")).startswith("Concordance of 'solen': 4 hits")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sort": "colour"}, "A concordance cannot be sorted by 'colour'."),
        ({"sort": None}, "A concordance cannot be sorted by None."),
        ({"sort": "random", "seed": "x"}, "seed is 'x'."),
        ({"window": -1}, "window is -1."),
        ({"query": ""}, "The query is ''."),
        ({"query": "sole"}, "The word 'sole' is nowhere in corpus 'reels'. Written alike: solen."),
    ],
)
def test_bad_arguments_answer_in_plain_words(reels, arguments, message):
    with pytest.raises(CorpusError) as caught:
        concordance(reels, **{"query": "solen", **arguments})
    assert message in str(caught.value)


def test_line_that_is_not_there_answers_in_plain_words(reels):
    with pytest.raises(CorpusError, match=r"There is no line 9\. Lines are numbered from 1 to 4\."):
        concordance(reels, "solen").document(9)
