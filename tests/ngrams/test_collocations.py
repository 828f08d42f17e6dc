"""Words near a word, against a walk through the texts."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.collocations import collocations
from tests.ngrams.naive import folded_words, random_corpus
from tests.ngrams.test_keyness import fourfold


def walk(corpus, node, left, right):
    """Mark each place near a node, then count."""
    near, elsewhere = Counter(), Counter()
    for text in corpus.texts():
        words = folded_words(text)
        nodes = [at for at, word in enumerate(words) if word == node]
        for at, word in enumerate(words):
            if at not in nodes:
                close = any(-left <= at - one <= right for one in nodes)
                (near if close else elsewhere)[word] += 1
    return near, elsewhere


@pytest.mark.parametrize(("left", "right"), [(5, 5), (1, 0), (0, 3)])
def test_measures_equal_a_walk_through_the_texts(left, right):
    corpus = random_corpus()
    near, elsewhere = walk(corpus, "sol", left, right)
    found = collocations(corpus, "sol", left=left, right=right, min_count=1)
    table = found.table.set_index("word")
    assert table["near"].to_dict() == near
    places, rest = near.total(), elsewhere.total()
    for word, a in near.items():
        c, row = a + elsewhere[word], table.loc[word]
        expected = c * places / (places + rest)
        assert row["expected"] == pytest.approx(expected)
        assert row["pmi"] == pytest.approx(math.log2(a / expected))
        assert row["log_dice"] == pytest.approx(14 + math.log2(2 * a / (found.hits + c)))
        cells = [[a, elsewhere[word]], [places - a, rest - elsewhere[word]]]
        assert row["g2"] == pytest.approx(fourfold(cells), abs=1e-8)


def test_collocations_of_filtered_corpus_count_its_own_words():
    speech = random_corpus().filter(medium="speech")
    near, elsewhere = walk(speech, "sol", 5, 5)
    table = collocations(speech, "sol", min_count=1).table.set_index("word")
    assert table["count"].to_dict() == {word: n + elsewhere[word] for word, n in near.items()}


def test_phrase_counts_what_is_outside_it():
    corpus = Corpus.from_texts(["det svenska laget vann", "svenska flaggan"])
    found = collocations(corpus, "svenska laget", min_count=1)
    assert sorted(found.table["word"]) == ["det", "vann"]


def test_units_are_the_films_a_word_is_near_in():
    corpus = Corpus.from_texts(["röd sol", "röd sol", "sol röd", "gul sol"], film=list("aabb"))
    table = collocations(corpus, "sol", min_count=1).table.set_index("word")
    assert table["units"].to_dict() == {"röd": 2, "gul": 1}


def test_pair_that_always_stands_together_has_the_highest_dice():
    corpus = Corpus.from_texts(["hej hå", "hej hå", "nu då"])
    assert collocations(corpus, "hej", min_count=1).table["log_dice"].tolist() == [14.0]


def test_forms_left_out_are_in_the_provenance():
    asked = {"forms": "variants", "min_count": 1}
    found = collocations(random_corpus(), "järnväg", without=["jernväg"], **asked)
    assert found.provenance["without"] == ["jernväg"]
    assert "without" not in collocations(random_corpus(), "järnväg", **asked).provenance


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"left": -1}, "left is -1."),
        ({"left": 0, "right": 0}, "Nothing is near."),
        ({"sort": "t"}, "There are: g2, log_dice, pmi, near."),
        ({"query": "soll"}, "The word 'soll' is nowhere in corpus 'reels'."),
    ],
)
def test_bad_arguments_answer_in_plain_words(arguments, message):
    with pytest.raises(CorpusError) as caught:
        collocations(random_corpus(), **{"query": "sol", **arguments})
    assert message in str(caught.value)


def test_min_count_of_nothing_is_refused():
    with pytest.raises(CorpusError, match="min_count is 0"):
        collocations(random_corpus(), "sol", min_count=0)
