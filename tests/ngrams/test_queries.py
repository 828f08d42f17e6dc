"""Queries and where they stand."""

from __future__ import annotations

import re

import numpy as np
import pytest

from kblib.corpora import Corpus
from kblib.errors import CorpusError
from kblib.ngrams.index import index_corpus
from kblib.ngrams.queries import search
from tests.ngrams.naive import folded_words, naive_hits, random_corpus


@pytest.mark.parametrize(
    "phrase", ["sol", "järnväg", "det svenska", "i i", "det svenska laget", "ål och örn sol"]
)
def test_search_equals_slow_search(phrase):
    corpus = random_corpus()
    hits = search(index_corpus(corpus), phrase)
    per_document = np.bincount(hits.documents, minlength=len(corpus)).tolist()
    assert per_document == naive_hits(corpus.texts(), phrase)


@pytest.mark.parametrize(
    ("query", "pattern"), [("järnväg*", "järnväg.*"), ("?l", ".l"), ("*är*", ".*är.*")]
)
def test_wildcards_equal_slow_search(query, pattern):
    corpus = random_corpus()
    words = [word for text in corpus.texts() for word in folded_words(text)]
    expected = sum(bool(re.fullmatch(pattern, word)) for word in words)
    assert search(index_corpus(corpus), query).n == expected > 0


def test_lone_star_is_any_one_word():
    corpus = Corpus.from_texts(["den svenska filmen", "den filmen", "den gamla svenska filmen"])
    assert search(index_corpus(corpus), "den * filmen").documents.tolist() == [0]


def test_regular_expression_between_slashes_matches_whole_words():
    corpus = Corpus.from_texts(["flygplan flygmaskin flygning Flygplanet"])
    assert search(index_corpus(corpus), "/flyg(plan|maskin)/").n == 2


def test_phrase_never_crosses_documents():
    corpus = Corpus.from_texts(["det svenska", "laget", "det svenska, laget"])
    assert search(index_corpus(corpus), "svenska laget").documents.tolist() == [2]


def test_search_in_filtered_corpus_counts_its_own_documents():
    corpus = random_corpus()
    speech = corpus.filter(medium="speech")
    assert search(index_corpus(speech), "sol").n == sum(naive_hits(speech.texts(), "sol"))


def test_forms_of_hits_sum_to_the_hits():
    hits = search(index_corpus(random_corpus()), "järnväg", forms="lemma")
    assert hits.forms["hits"].sum() == hits.n
    assert set(hits.forms["form"]) == {"järnväg", "järnvägen", "jernväg"}


def test_query_with_case_and_punctuation_is_folded():
    index = index_corpus(random_corpus())
    assert search(index, "Det, SVENSKA!").n == search(index, "det svenska").n


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "The query is ''. A word or a phrase was expected."),
        ("  ", "The query is '  '."),
        ("!!", "The query '!!' holds no word."),
        ("* *", "The query '* *' holds no word."),
        (
            "/(a/",
            "'(a' is no regular expression: missing ), unterminated subpattern at position 0.",
        ),
        ("/sol(?=x)/", "look-around and back-references are not supported"),
        ("soll", "The word 'soll' is nowhere in corpus 'reels'. Written alike: sol."),
        ("/zz/", "No word of corpus 'reels' matches '/zz/'."),
        ("zz*", "No word of corpus 'reels' matches 'zz*'."),
    ],
)
def test_bad_query_answers_in_plain_words(query, message):
    with pytest.raises(CorpusError) as caught:
        search(index_corpus(random_corpus()), query)
    assert message in str(caught.value)


def test_absent_word_can_count_as_zero():
    assert search(index_corpus(random_corpus()), "soll", absent="zero").n == 0
