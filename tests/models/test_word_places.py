"""Words and the pieces that are theirs, against the tokenizers' own account where there is one."""

from __future__ import annotations

import random

import pytest

from kblib.models.word_places import cut_words, cutting_of, pieces_of_words, place_words
from kblib.models.word_windows import windows_of_words
from kblib.tokens.subwords import Tokenizer
from tests.models.conftest import DOCUMENTS

LONG = " ".join(DOCUMENTS * 3)


def words_in(text: str, cutting) -> list[str]:
    return [text[start:end] for start, end in cut_words(text, cutting)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SJ:s tåg, i dag.", ["SJ:s", "tåg", ",", "i", "dag", "."]),
        ("12,5 procent (1890)", ["12,5", "procent", "(", "1890", ")"]),
        ("Gustaf-Adolf sa: ”Ja!”", ["Gustaf-Adolf", "sa", ":", "”", "Ja", "!", "”"]),
        ("", []),
    ],
)
def test_marks_stand_apart(text: str, words: list[str]) -> None:
    assert words_in(text, "marks") == words


def test_spaces_alone_cut_where_labels_were_cut_so() -> None:
    assert words_in("SJ:s tåg,  i dag.", "spaces") == ["SJ:s", "tåg,", "i", "dag."]
    assert cutting_of([["tåg", ",", "i", "dag", "."]]) == "marks"
    assert cutting_of([["tåg,", "i", "dag."], ["Ja", "!"]]) == "spaces"


def test_words_are_found_in_the_text_that_they_were_cut_from() -> None:
    text, spans = place_words("I dag,  sa han.", ["I", "dag", ",", "sa", "han", "."])
    assert text == "I dag,  sa han."
    assert [text[a:b] for a, b in spans] == ["I", "dag", ",", "sa", "han", "."]
    text, spans = place_words("annat", ["I", "dag"])
    assert (text, spans) == ("I dag", [(0, 1), (2, 5)])


def test_pieces_are_those_of_the_tokenizer_itself(wordpiece: Tokenizer) -> None:
    """Of words that are given apart the tokenizers library says of which each piece is."""
    for document in DOCUMENTS:
        spans = cut_words(document, "marks")
        words = [document[a:b] for a, b in spans]
        apart = wordpiece.engine.encode(words, is_pretokenized=True, add_special_tokens=False)
        whole = wordpiece.engine.encode(document, add_special_tokens=False)
        assert whole.ids == apart.ids
        expected = [
            [piece for piece, word in enumerate(apart.word_ids) if word == number]
            for number in range(len(words))
        ]
        # Its pre-tokenizer cuts on in words such as SJ:s; here no such word occurs.
        assert pieces_of_words(document, spans, whole.offsets) == expected


def test_byte_pieces_with_the_space_before_belong_to_the_word(bpe: Tokenizer) -> None:
    for document in (*DOCUMENTS, "Två 🚂🚂 tåg", "Å, Ä och Ö."):
        spans = cut_words(document, "spaces")
        whole = bpe.engine.encode(document, add_special_tokens=False)
        own = pieces_of_words(document, spans, whole.offsets)
        nobodys = set(range(len(whole.ids))) - {piece for mine in own for piece in mine}
        assert not bpe.decode([whole.ids[n] for n in nobodys]).strip()
        for (start, end), mine in zip(spans, own, strict=True):
            assert bpe.decode([whole.ids[n] for n in mine]).strip() == document[start:end]


def test_word_without_a_piece_has_none(wordpiece: Tokenizer) -> None:
    text = "Kungen \u200b\u0301 besökte"
    spans = [(0, 6), (7, 8), (9, 16)]
    offsets = wordpiece.engine.encode(text, add_special_tokens=False).offsets
    own = pieces_of_words(text, spans, offsets)
    assert own[0]
    assert own[2]
    within = pieces_of_words("Stockholm", [(0, 5), (5, 9)], [(0, 9)])
    assert within == [[0], []]


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("seq_len", [8, 13, 24, 400])
def test_every_word_is_asked_about_once(wordpiece: Tokenizer, seq_len: int, last: bool) -> None:
    texts = [LONG, "Kungen", ""]
    spans = [cut_words(text, "marks") for text in texts]
    read = windows_of_words(wordpiece, texts, spans, seq_len=seq_len, last=last)
    asked = sorted((one.text, word) for one in read.windows for word in one.words)
    assert asked == [(n, word) for n, own in enumerate(spans) for word in range(len(own))]
    assert max(len(one.ids) for one in read.windows) <= seq_len
    assert read.n_windows[1:] == [1, 0]
    assert sum(read.n_windows) == len(read.windows)
    assert (read.cut == 0) == (seq_len > 8)  # some words have more than six pieces


def test_piece_that_answers_is_the_first_or_the_last_of_its_word(wordpiece: Tokenizer) -> None:
    text = "Drottningarnas utställning"
    spans = cut_words(text, "marks")
    whole = wordpiece.encode(text, special=False)
    own = pieces_of_words(
        text, spans, wordpiece.engine.encode(text, add_special_tokens=False).offsets
    )
    for last, chosen in ((False, 0), (True, -1)):
        (window,) = windows_of_words(wordpiece, [text], [spans], seq_len=30, last=last).windows
        ids = [window.ids[place] for place in window.places]
        assert ids == [whole[mine[chosen]] for mine in own]
        assert any(len(mine) > 1 for mine in own)


def test_windows_show_their_neighbours(wordpiece: Tokenizer) -> None:
    spans = cut_words(LONG, "marks")
    read = windows_of_words(wordpiece, [LONG], [spans], seq_len=26, last=False)
    inner = read.windows[1:-1]
    assert inner
    assert all(window.places[0] > 1 for window in inner)
    assert all(window.places[-1] < len(window.ids) - 2 for window in inner)


def test_word_longer_than_a_window_is_cut_and_counted(wordpiece: Tokenizer) -> None:
    draw = random.Random(1)
    long = "".join(draw.choice("abdefghij") for _ in range(60))
    text = f"Kungen {long} besökte"
    spans = cut_words(text, "marks")
    for last in (False, True):
        read = windows_of_words(wordpiece, [text], [spans], seq_len=16, last=last)
        assert read.cut == 1
        assert sorted(word for one in read.windows for word in one.words) == [0, 1, 2]
        assert all(max(one.places) < len(one.ids) for one in read.windows)
