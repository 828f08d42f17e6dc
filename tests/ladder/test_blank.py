"""A sentence with one blank: what is read, and what is refused in plain words."""

from __future__ import annotations

import pytest

from kblib.errors import ModelError
from kblib.ladder.blank import Blank, checked_words


def test_blank_keeps_the_marks_around_it() -> None:
    blank = Blank.of("I  går (\n[MASK]), sade han.")
    assert (blank.before, blank.after) == ("I går ( ", "), sade han.")
    assert blank.filled("kungen") == "I går ( kungen), sade han."
    assert Blank.of(blank.text) == blank


@pytest.mark.parametrize(
    "text", ["Kungen kom.", "[MASK] och [MASK] kom.", "Kungen [mask] kom.", ""]
)
def test_none_or_two_blanks_are_refused(text: str) -> None:
    with pytest.raises(ModelError, match=f"The sentence has {text.count('[MASK]')} blanks"):
        Blank.of(text)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ModelError, match=r"The text is None"):
        Blank.of(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["järn[MASK] går", "[MASK]vägen går"])
def test_blank_inside_a_word_is_refused_with_the_word(text: str) -> None:
    with pytest.raises(ModelError) as caught:
        Blank.of(text)
    assert f"'{text.split(maxsplit=1)[0]}'" in caught.value.happened


def test_blank_inside_a_word_is_told_how_to_mend_it() -> None:
    with pytest.raises(ModelError) as caught:
        Blank.of("Tåget på järn[MASK] går")
    assert caught.value.next_step == 'ladder.ask("Tåget på järn [MASK] går")'


@pytest.mark.parametrize("text", ["[MASK]", "[MASK].", " ( [MASK] ) "])
def test_blank_without_a_word_beside_it_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="has no word besides its blank"):
        Blank.of(text)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "There is no candidate."),
        ("kungen", "The candidates are one string: 'kungen'."),
        (["kungen", "två ord"], "The candidate 'två ord' is not one word."),
        (["kungen", None], "The candidate None is not one word."),
        (["kungen."], "The candidate 'kungen.' is not one word."),
        ([""], "The candidate '' is not one word."),
    ],
)
def test_candidates_that_are_no_words_are_refused(words, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        checked_words(words)
    assert caught.value.happened == said


def test_candidates_stand_once_in_their_order() -> None:
    assert checked_words(["båten", "e-post", "båten", "SJ:s"]) == ("båten", "e-post", "SJ:s")
