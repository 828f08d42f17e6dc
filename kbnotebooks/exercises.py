"""Exercises: ``kb.check(name, answer)`` says whether an answer is right, or gives a hint."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from textwrap import shorten
from typing import Any

from kbnotebooks import (
    _answers,
    _answers_cluster,
    _answers_counting,
    _answers_labels,
    _answers_models,
    _answers_planning,
    _answers_replay,
    _html,
)
from kbnotebooks._answers import Exercise
from kbnotebooks._errors import ViewError
from kbnotebooks._words import number, say

SHOWN = 60
"""Letters of an answer that is repeated: a whole table was one, more than once."""
LONG = 10_000
"""Whole numbers from here on are said in full, with their thousands marked."""

EXERCISES: dict[str, Exercise] = {
    **_answers.START,
    **_answers.CORPUS,
    **_answers_counting.TRENDS,
    **_answers_counting.FORMS,
    **_answers_counting.NGRAMS,
    **_answers.MASKED,
    **_answers_models.ATTENTION,
    **_answers_models.GENERATION,
    **_answers_models.LADDER,
    **_answers.PRETRAIN,
    **_answers_cluster.CLUSTER,
    **_answers_planning.COMPUTE,
    **_answers_replay.REPLAY,
    **_answers_labels.FINETUNE,
    **_answers_labels.ZERO_SHOT,
    **_answers_labels.PRICE,
    **_answers_labels.OVERNIGHT,
    **_answers_labels.PUBLISH,
}


@dataclass(frozen=True)
class Verdict:
    """What `check` says: whether the answer is right, and a sentence."""

    right: bool
    sentence: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return _html.wrap(f'<p role="status">{_html.text(self.sentence)}</p>')


def check(name: str, answer: Any, *more: Any) -> Verdict:
    """Compare an answer to an exercise with the right one.

    Parameters
    ----------
    name
        The exercise, such as ``"start-1"``; the lesson says it.
    answer
        A number or a word. None asks for nothing yet.
    more
        Nothing. A number with a decimal comma arrives in two parts, and is refused in words.

    Raises
    ------
    ViewError
        If there is no such exercise, or the answer is of another kind than the question asks for.
    """
    exercise = EXERCISES.get(name)
    if exercise is None:
        raise _no_such(name)
    if more:
        raise _several(name, answer, *more)
    hint = say(exercise.hint)
    if answer is None or answer is ...:
        told = say(
            "{name}: put your answer in the place of None. Hint: {hint}", name=name, hint=hint
        )
        return Verdict(False, told)
    right = exercise.solve()
    if isinstance(right, str):
        return _judge_word(name, exercise, answer, right)
    return _judge_number(name, exercise, answer, right)


def _judge_word(name: str, exercise: Exercise, answer: Any, right: str) -> Verdict:
    if not isinstance(answer, str):
        raise _wrong_kind(name, answer, say("a word in quotation marks"))
    if answer.strip().casefold() == right.casefold():
        return _right(exercise, right)
    told = say(
        "Not yet: it is not '{answer}'. Hint: {hint}", answer=answer, hint=say(exercise.hint)
    )
    return Verdict(False, told)


def _judge_number(name: str, exercise: Exercise, answer: Any, right: float) -> Verdict:
    try:
        given = float(answer)
    except (TypeError, ValueError):
        raise _wrong_kind(name, answer, say("a number")) from None
    if math.isnan(given):
        raise _wrong_kind(name, answer, say("a number"))
    if math.isclose(given, right, rel_tol=exercise.within, abs_tol=1e-9):
        return _right(exercise, number(right, ",.0f" if right >= LONG else ".4g"))
    values = {"answer": number(given, ".15g"), "hint": say(exercise.hint)}
    if given < right:
        return Verdict(False, say("Not yet: {answer} is too small. Hint: {hint}", **values))
    return Verdict(False, say("Not yet: {answer} is too large. Hint: {hint}", **values))


def _right(exercise: Exercise, right: str) -> Verdict:
    return Verdict(True, say("Right. {why}", why=say(exercise.because, right=right)))


def _no_such(name: str) -> ViewError:
    near = difflib.get_close_matches(str(name), EXERCISES, n=1, cutoff=0.4)
    return ViewError(
        say("There is no exercise '{name}'.", name=name),
        say("Exercises: {names}.", names=", ".join(EXERCISES)),
        say("Did you mean kb.check('{name}', ...)?", name=near[0]) if near else "",
    )


def _several(name: str, *answers: Any) -> ViewError:
    all_whole = all(type(one) is int for one in answers)
    return ViewError(
        say("'{name}' got {n} answers: {answers}.", name=name, n=len(answers),
            answers=", ".join(map(repr, answers))),
        say("One was expected; in code, decimals stand behind a point."),
        f'kb.check("{name}", {answers[0]}.{answers[1]})' if all_whole and len(answers) == 2 else "",
    )  # fmt: skip


def _wrong_kind(name: str, answer: Any, expected: str) -> ViewError:
    kind, shown = type(answer).__name__, shorten(repr(answer), SHOWN, placeholder=" …")
    return ViewError(
        say("The answer to '{name}' is {answer}, {kind}.", name=name, answer=shown, kind=kind),
        say("The question asks for {expected}.", expected=expected),
    )
