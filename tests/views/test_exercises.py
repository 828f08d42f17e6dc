"""Exercises: right answers, near ones, and answers of the wrong kind."""

from __future__ import annotations

import math

import pytest

from kbnotebooks import exercises
from kbnotebooks._errors import ViewError
from kbnotebooks.exercises import EXERCISES, Exercise, check


@pytest.fixture(autouse=True)
def two_exercises(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(
        EXERCISES,
        "test-number",
        Exercise(lambda: 12000, "count.", "There are {right}.", within=0.01),
    )
    monkeypatch.setitem(
        EXERCISES, "test-word", Exercise(lambda: "Kungen", "look.", "It is '{right}'.")
    )


def test_right_number_is_confirmed_and_explained():
    verdict = check("test-number", 12000)
    assert verdict
    assert str(verdict) == "Right. There are 12,000."


def test_number_may_be_off_by_what_the_exercise_allows():
    assert check("test-number", 11900)
    assert not check("test-number", 11800)


@pytest.mark.parametrize(("answer", "side"), [(5, "small"), (20000, "large")])
def test_wrong_number_is_told_on_which_side(answer: int, side: str):
    assert str(check("test-number", answer)) == f"Not yet: {answer} is too {side}. Hint: count."


def test_long_number_is_written_out_whatever_its_kind(monkeypatch: pytest.MonkeyPatch):
    long = Exercise(lambda: 21777.78, "count.", "It is {right}.")
    monkeypatch.setitem(EXERCISES, "test-long", long)
    assert str(check("test-long", 21777.78)) == "Right. It is 21,778."


def test_answers_are_repeated_as_the_language_writes_them(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kbnotebooks._words._chosen", ["sv"])
    assert str(check("test-number", 0.15)).startswith("Inte än: 0,15 är för litet.")


def test_word_is_compared_without_case():
    assert check("test-word", " kungen ")
    assert not check("test-word", "drottningen")


def test_no_answer_yet_is_answered_with_the_hint_and_computes_nothing(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setitem(EXERCISES, "test-slow", Exercise(lambda: 1 / 0, "wait.", ""))
    assert "put your answer in the place of None. Hint: wait." in str(check("test-slow", None))


def test_word_for_a_number_is_refused_with_the_value():
    with pytest.raises(ViewError, match=r"'many', str. The question asks for a number"):
        check("test-number", "many")


@pytest.mark.parametrize(
    ("answer", "shown"), [(float("nan"), "nan, float"), ("många " * 40, "'många många")]
)
def test_answer_that_is_no_number_is_repeated_shortly(answer: object, shown: str):
    with pytest.raises(ViewError, match=shown) as caught:
        check("test-number", answer)
    assert len(caught.value.happened) < 120


def test_decimal_comma_is_refused_with_the_line_to_paste():
    with pytest.raises(ViewError) as caught:
        check("test-number", 12, 5)
    assert str(caught.value) == (
        "'test-number' got 2 answers: 12, 5. "
        "One was expected; in code, decimals stand behind a point.\n"
        '  kb.check("test-number", 12.5)'
    )


def test_number_for_a_word_is_refused_with_the_value():
    with pytest.raises(ViewError, match=r"is 3, int. The question asks for a word"):
        check("test-word", 3)


def test_unknown_exercise_is_refused_with_the_nearest():
    with pytest.raises(ViewError, match=r"(?s)no exercise 'start_1'.*kb.check\('start-1', ...\)"):
        check("start_1", 3)


def test_verdict_is_read_aloud():
    assert 'role="status"' in check("test-word", "kungen")._repr_html_()


def test_loss_of_knowing_nothing_is_the_logarithm_of_the_vocabulary():
    assert check("pretrain-1", round(math.log(8192), 2))


def test_every_exercise_has_hint_and_reason():
    for name, exercise in exercises.EXERCISES.items():
        assert exercise.hint.endswith((".", "?", ")")), name
        assert exercise.because.endswith("."), name
