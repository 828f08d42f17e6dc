"""What a word is."""

from __future__ import annotations

import random
import unicodedata

import polars as pl
import pytest

from kblib.ngrams.words import PIECE, fold, folded, sort_keys, words_of
from tests.ngrams.naive import naive_fold, naive_words

LETTERS = "aåÄöé1290ǅ٣-‐‑'’:., \n!\u00ad\u0301"


def nonsense(seed):
    draw = random.Random(seed)
    return "".join(draw.choice(LETTERS) for _ in range(draw.randint(1, 30)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("e-post på 1930-talet", ["e-post", "på", "1930-talet"]),
        ("SJ:s tåg 10.30, 3,5 mil", ["SJ:s", "tåg", "10.30", "3,5", "mil"]),
        ("1930-39", ["1930", "39"]),
        ("järn-\nvägen", ["järn", "vägen"]),
        ("d’Arc", ["d’Arc"]),
        ("– !?", []),
    ],
)
def test_words_of_follows_definition(text, words):
    assert words_of(text) == words


def test_words_of_equals_slow_splitter_on_nonsense():
    for seed in range(500):
        text = nonsense(seed)
        assert words_of(text) == naive_words(text), repr(text)


def test_pieces_are_the_text():
    for seed in range(300):
        text = nonsense(seed)
        pieces = pl.Series([text]).str.extract_all(PIECE).explode().to_list()
        assert "".join(pieces) == text


def test_fold_equals_slow_fold():
    words = [word for seed in range(300) for word in naive_words(nonsense(seed))]
    assert folded(words) == [naive_fold(word) for word in words]


def test_fold_brings_decomposed_letters_together():
    assert fold(pl.Series([unicodedata.normalize("NFD", "Järnväg")])).to_list() == ["järnväg"]


def test_sort_keys_put_swedish_letters_last():
    words = ["öl", "zon", "ål", "ära", "idé", "ide", "ideer"]
    keys = dict(zip(words, sort_keys(words), strict=True))
    assert sorted(words, key=lambda word: (keys[word], word)) == [
        "ide", "idé", "ideer", "zon", "ål", "ära", "öl",
    ]  # fmt: skip
