from __future__ import annotations

import pytest

from kblib.errors import ModelError
from kblib.models.words import check_readable, read_words
from kblib.ngrams.words import words_of
from kblib.tokens.subwords import Tokenizer

TEXT = "Järnvägen: på 1930-talet kom (3,5) e-post, sade [MASK]."


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_words_are_those_of_the_counts(kind: str, wordpiece: Tokenizer, bpe: Tokenizer) -> None:
    text = TEXT.replace("[MASK]", "Örn")
    read = read_words(text, wordpiece if kind == "wordpiece" else bpe)
    assert [word.text for word in read.words if word.kind == "word"] == words_of(text)


@pytest.mark.parametrize("kind", ["wordpiece", "bpe"])
def test_every_piece_but_the_frame_belongs_to_one_word(
    kind: str, wordpiece: Tokenizer, bpe: Tokenizer
) -> None:
    tokenizer = wordpiece if kind == "wordpiece" else bpe
    read = read_words(TEXT, tokenizer)
    places = [place for word in read.words for place in word.places]
    assert places == sorted(set(places))
    assert [read.ids[place] for place in places] == tokenizer.encode(TEXT, special=False)


def test_blank_and_marks_are_told_apart(wordpiece: Tokenizer) -> None:
    kinds = {word.text: word.kind for word in read_words(TEXT, wordpiece).words}
    assert kinds["[MASK]"] == "blank"
    assert kinds[":"] == kinds[","] == kinds["."] == "mark"


def test_pieces_of_a_word_are_the_word(wordpiece: Tokenizer) -> None:
    for word in read_words("Järnvägsstationen i Kiruna.", wordpiece).words:
        assert "".join(word.pieces) == word.text
    longest = read_words("Järnvägsstationen", wordpiece).words[0]
    assert len(longest.pieces) == len(wordpiece.encode("Järnvägsstationen", special=False)) > 1


def test_bytes_of_one_letter_are_numbered(bpe: Tokenizer) -> None:
    word = read_words("☃", bpe).words[0]
    assert word.pieces == ("☃ 1/3", "☃ 2/3", "☃ 3/3")


def test_space_of_its_own_begins_the_next_word(bpe: Tokenizer) -> None:
    word = read_words("i Ö", bpe).words[-1]
    assert word.text == "Ö"
    assert word.pieces[0] == "␣"


def test_word_the_vocabulary_cannot_spell_is_not_known(wordpiece: Tokenizer) -> None:
    read = read_words("Kungen ☃", wordpiece)
    assert [word.known for word in read.words] == [True, False]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  ", "The text is empty."),
        ("?!", r"The text '\?!' holds no word."),
        ("Kungen [SEP] kom.", r"reads '\[SEP\]' as a sign of its own"),
        ("och " * 40, "The text has 42 tokens. This model reads at most 32"),
    ],
)
def test_text_that_cannot_be_asked_about_is_refused(
    text: str, said: str, wordpiece: Tokenizer
) -> None:
    with pytest.raises(ModelError, match=said):
        check_readable(read_words(text, wordpiece), wordpiece, 32, example="model.x()")


def test_what_is_no_text_is_refused(wordpiece: Tokenizer) -> None:
    with pytest.raises(ModelError, match=r"The text is None\. A sentence was expected\."):
        read_words(None, wordpiece)  # type: ignore[arg-type]
