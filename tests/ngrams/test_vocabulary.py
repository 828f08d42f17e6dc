from __future__ import annotations

import numpy as np
import pytest

from kblib.errors import CorpusError, TokenError
from kblib.ngrams import vocabulary
from kblib.ngrams.vocabulary import lines_of, number_words, split_words

ODD = "a\u00a0b \u0085c d\x0be\tf\x0cg\rh\0i\nj  k"


def naive(texts):
    """Number words one by one."""
    ids, stream = {"<unk>": 0, "<s>": 1, "</s>": 2}, []
    for text in texts:
        words = split_words(text)
        stream += [1, *(ids.setdefault(word, len(ids)) for word in words), 2]
    return list(ids), stream


def test_words_split_at_five_characters_only():
    assert split_words(ODD) == ["a\u00a0b", "\u0085c", "d\x0be", "f\x0cg", "h", "i", "j", "k"]


@pytest.mark.parametrize("batch", [1, 2, 1000], ids=lambda n: f"batches of {n}")
def test_words_are_numbered_by_first_appearance(monkeypatch, batch):
    monkeypatch.setattr(vocabulary, "_TEXTS", batch)
    texts = ["b a", "", ODD, " ", "a b\tc", "c\n\nb z", "å ä ö a"]
    known, ids = number_words(texts)
    assert (known.words.to_list(), ids.tolist()) == naive(texts)


@pytest.mark.parametrize("batch", [1, 2, 1000], ids=lambda n: f"batches of {n}")
def test_texts_are_encoded_with_the_words_known(monkeypatch, batch):
    known, _ = number_words(["a b", "c"])
    monkeypatch.setattr(vocabulary, "_TEXTS", batch)
    found = known.encode_texts(["c a", "", "x\tb\n"])
    assert found.tolist() == [1, 5, 3, 2, 1, 2, 1, 0, 4, 2]
    assert known.encode("x\tb\n") == [0, 4]


def test_numbering_twice_gives_the_same_ids():
    assert np.array_equal(number_words(["b a", "c"])[1], number_words(["b a", "c"])[1])


@pytest.mark.parametrize("word", ["<s>", "</s>", "<unk>"])
def test_a_reserved_word_is_an_error_that_names_word_and_text(word):
    with pytest.raises(TokenError, match=f"The word {word} stands in text 2"):
        number_words(["a", f"a {word}"])
    known, _ = number_words(["a b"])
    with pytest.raises(TokenError, match=f"The word {word} stands in the text 'a {word}'"):
        known.encode(f"a {word}")
    with pytest.raises(TokenError, match=f"The word {word} stands in a text"):
        known.encode_texts([f"a {word}"])


def test_a_word_that_only_looks_reserved_is_a_word():
    assert number_words(["<S> <s>a </s>."])[0].words.to_list()[3:] == ["<S>", "<s>a", "</s>."]


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ([], "There is no text. At least one was expected"),
        ("en text", "A single string was given"),
        (["a", 3], "Something among the texts is no text"),
        (["a\ud800"], "A text holds half a character"),
    ],
    ids=["none", "a string", "a number", "half a character"],
)
def test_what_is_no_texts_is_told(texts, complaint):
    with pytest.raises(CorpusError, match=complaint):
        number_words(texts)


def test_lines_end_at_newlines_only():
    texts = ["a\nb\n", "", "\n", "c\u2028d\re\n\nf"]
    assert list(lines_of(texts)) == ["a", "b", "", "", "c\u2028d\re", "", "f"]
