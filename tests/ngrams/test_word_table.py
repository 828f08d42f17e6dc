"""The table of words: growing, odd words, and words whose hashes meet."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kblib.ngrams import word_table
from kblib.ngrams.vocabulary import SPECIALS, number_words
from kblib.ngrams.word_table import ID, WordTable, room


def read(table, text, **options):
    data = text.encode()
    ids = np.empty(room(data, text.count("\n")), ID)
    end, reserved = table.read(data, ids, **options)
    return ids[:end].tolist(), reserved


@pytest.fixture
def table():
    return WordTable.of(pl.Series(SPECIALS))


def test_words_are_learnt_only_if_asked(table):
    assert read(table, "b a b\n", learns=True) == ([1, 3, 4, 3, 2], None)
    assert read(table, "a c\n\n") == ([1, 4, 0, 2, 1, 2], None)
    assert table.words().to_list() == [*SPECIALS, "b", "a"]


def test_a_reserved_word_is_told(table):
    assert read(table, "a </s> b\n", learns=True)[1] == 2


def test_a_table_that_grows_forgets_nothing(table, monkeypatch):
    monkeypatch.setattr(word_table, "_FEW", 4)
    words = [f"ord{n}" for n in range(5000)]
    ids, _ = read(table, f"{' '.join(words)}\n", learns=True)
    assert ids == [1, *range(3, 5003), 2]
    assert table.words().to_list()[3:] == words
    assert read(table, f"{' '.join(words[::-1])}\n")[0] == [1, *range(5002, 2, -1), 2]


def test_a_word_longer_than_all_others_together_has_room(table):
    word = "x" * 300_000
    assert read(table, f"a {word} {word}y {word}\n", learns=True)[0] == [1, 3, 4, 5, 4, 2]


def test_words_of_one_hash_stay_apart(monkeypatch):
    """Without the compiler, so that the hash can be replaced: all words meet in one place."""
    from kblib.ngrams import word_loops as loops

    def word_end(data, at):
        while not loops._is_space(data[at]):
            at += 1
        return at, 7 << 32

    for name in ("_is_space", "_slot", "fill", "_end_text", "_learn", "read"):
        monkeypatch.setattr(loops, name, getattr(loops, name).py_func)
    monkeypatch.setattr(loops, "_word_end", word_end)
    texts = ["b a c", "", "a ab ba b", "å \u00a0 ä"]
    words, ids = number_words(texts)
    assert words.words.to_list()[3:] == ["b", "a", "c", "ab", "ba", "å", "\u00a0", "ä"]
    assert ids.tolist() == [1, 3, 4, 5, 2, 1, 2, 1, 4, 6, 7, 3, 2, 1, 8, 9, 10, 2]
