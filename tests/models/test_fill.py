from __future__ import annotations

import pytest

from kblib.errors import ModelError
from kblib.models.fill import FillTable, Guess, as_word, question_ids
from kblib.tokens.subwords import Tokenizer


def ask(text: str, tokenizer: Tokenizer, seq_len: int = 32) -> tuple[list[int], int]:
    return question_ids(text, tokenizer, seq_len)


def test_blank_is_found(wordpiece: Tokenizer) -> None:
    ids, place = ask("Kungen [MASK] Stockholm.", wordpiece)
    assert ids == wordpiece.encode("Kungen [MASK] Stockholm.")
    assert ids[place] == wordpiece.mask_id


@pytest.mark.parametrize("text", ["[MASK]", "»[MASK]!«", "i [MASK], inte", "[MASK]-laget vann"])
def test_blank_beside_punctuation_is_a_whole_word(text: str, wordpiece: Tokenizer) -> None:
    assert ask(text, wordpiece)


def test_text_without_a_blank_is_refused(wordpiece: Tokenizer) -> None:
    with pytest.raises(ModelError) as refused:
        ask("Kungen [mask] Stockholm.", wordpiece)
    assert str(refused.value) == (
        "The text has no [MASK]: 'Kungen [mask] Stockholm.'. "
        "[MASK], in capitals and square brackets, marks the word to guess.\n"
        '  model.fill("Kungen och [MASK] besökte Stockholm.")'
    )


def test_text_with_two_blanks_is_refused_with_both_questions(wordpiece: Tokenizer) -> None:
    with pytest.raises(ModelError) as refused:
        ask("[MASK] och [MASK] reste.", wordpiece)
    assert str(refused.value) == (
        "The text has 2 [MASK]: '[MASK] och [MASK] reste.'. "
        "One was expected: each answer depends on the other blank.\n"
        '  Fill one in yourself, or ask once for each: "[MASK] och ... reste." and '
        '"... och [MASK] reste."'
    )


@pytest.mark.parametrize(
    ("text", "word", "better"),
    [
        ("Hon spring[MASK] fort", "spring[MASK]", "Hon spring [MASK] fort"),
        ("Hon [MASK]ar fort", "[MASK]ar", "Hon [MASK] ar fort"),
        ("år 19[MASK]5", "19[MASK]5", "år 19 [MASK] 5"),
    ],
)
def test_blank_inside_a_word_is_refused(
    text: str, word: str, better: str, wordpiece: Tokenizer
) -> None:
    with pytest.raises(ModelError) as refused:
        ask(text, wordpiece)
    assert f"[MASK] stands inside a word: '{word}'." in str(refused.value)
    assert refused.value.next_step == f'model.fill("{better}")'


@pytest.mark.parametrize("text", ["", "  \n"])
def test_empty_text_is_refused(text: str, wordpiece: Tokenizer) -> None:
    with pytest.raises(ModelError, match="The text is empty"):
        ask(text, wordpiece)


def test_text_too_long_is_refused_with_its_length(wordpiece: Tokenizer) -> None:
    text = "Kungen " * 40 + "[MASK]"
    n = len(wordpiece.encode(text))
    with pytest.raises(ModelError, match=f"has {n} tokens. This model reads at most 32"):
        ask(text, wordpiece)


@pytest.mark.parametrize(
    ("token", "word"), [("##ning", "-ning"), ("kung", "kung"), ("#", "#"), ("##", "##")]
)
def test_piece_as_a_reader_writes_it(token: str, word: str) -> None:
    assert as_word(token) == word


def test_table_page_and_text_say_the_same() -> None:
    found = FillTable("<i> [MASK]", (Guess("sol", 0.5, "sol"), Guess("-ning", 0.25, "##ning")))
    assert found.table.to_dict("list") == {
        "rank": [1, 2],
        "word": ["sol", "-ning"],
        "probability": [0.5, 0.25],
        "token": ["sol", "##ning"],
    }
    assert "<caption>&lt;i&gt; [MASK]</caption>" in found.html
    assert "<td>2</td><td>-ning</td><td>25.0%</td>" in found.html
    assert str(found).splitlines() == ["<i> [MASK]", "  1   50.0%  sol", "  2   25.0%  -ning"]


def test_question_that_is_no_text_is_refused(wordpiece: Tokenizer) -> None:
    with pytest.raises(ModelError, match=r"The text is None\. A sentence was expected\."):
        ask(None, wordpiece)  # type: ignore[arg-type]
