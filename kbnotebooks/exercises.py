"""Exercises: ``kb.check(name, answer)`` says whether an answer is right, or gives a hint.

The right answers are worked out when they are asked for, from the same corpus and models the
lessons use: none is written down here.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kbnotebooks import _html
from kbnotebooks._errors import ViewError

if TYPE_CHECKING:
    from kblib.models.shape import ModelShape

EMBEDDED = "kb-mini-masked"


@dataclass(frozen=True)
class Exercise:
    """One question of a lesson.

    Parameters
    ----------
    solve
        Works the right answer out.
    hint
        What to look at, for whoever is not there yet.
    because
        Why it is so, said after a right answer; ``{right}`` is put in.
    within
        How far off a number may be, as a share of the right one.
    """

    solve: Callable[[], Any]
    hint: str
    because: str
    within: float = 0.0


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


def check(name: str, answer: Any) -> Verdict:
    """Compare an answer to an exercise with the right one.

    Parameters
    ----------
    name
        The exercise, such as ``"start-1"``; the lesson says it.
    answer
        A number or a word. None asks for nothing yet.

    Raises
    ------
    ViewError
        If there is no such exercise, or the answer is of another kind than the question asks for.
    """
    exercise = EXERCISES.get(name)
    if exercise is None:
        raise _no_such(name)
    if answer is None or answer is ...:
        return Verdict(
            False, f"{name}: put your answer in the place of None. Hint: {exercise.hint}"
        )
    right = exercise.solve()
    if isinstance(right, str):
        return _judge_word(name, exercise, answer, right)
    return _judge_number(name, exercise, answer, right)


def _judge_word(name: str, exercise: Exercise, answer: Any, right: str) -> Verdict:
    if not isinstance(answer, str):
        raise _wrong_kind(name, answer, "a word in quotation marks")
    if answer.strip().casefold() == right.casefold():
        return Verdict(True, f"Right. {exercise.because.format(right=right)}")
    return Verdict(False, f"Not yet: it is not '{answer}'. Hint: {exercise.hint}")


def _judge_number(name: str, exercise: Exercise, answer: Any, right: float) -> Verdict:
    try:
        given = float(answer)
    except (TypeError, ValueError):
        raise _wrong_kind(name, answer, "a number") from None
    if math.isclose(given, right, rel_tol=exercise.within, abs_tol=1e-9):
        said = f"{right:,}" if isinstance(right, int) and right >= 10_000 else f"{right:.4g}"
        return Verdict(True, f"Right. {exercise.because.format(right=said)}")
    side = "small" if given < right else "large"
    return Verdict(False, f"Not yet: {answer} is too {side}. Hint: {exercise.hint}")


def _no_such(name: str) -> ViewError:
    near = difflib.get_close_matches(str(name), EXERCISES, n=1, cutoff=0.4)
    return ViewError(
        f"There is no exercise '{name}'.",
        f"Exercises: {', '.join(EXERCISES)}.",
        f"Did you mean kb.check('{near[0]}', ...)?" if near else "",
    )


def _wrong_kind(name: str, answer: Any, expected: str) -> ViewError:
    return ViewError(
        f"The answer to '{name}' is {answer!r}, {type(answer).__name__}.",
        f"The question asks for {expected}.",
    )


def _films() -> Any:
    from kblib.corpora import load_sample

    return load_sample("newsreels")


def _clean_films() -> Any:
    from kblib.corpora import newsreel_filters

    return _films().filter(*newsreel_filters())


def _year_with_most_speech() -> int:
    years = _films().filter(medium="speech").summary("year").dropna(subset="year")
    return int(years.sort_values("words")["year"].iloc[-1])


def _kept_intertitles_of_the_twenties() -> int:
    return len(_clean_films().filter(years=(1920, 1929), medium="intertitle"))


def _most_frequent_reason() -> str:
    return str(_clean_films().dropped()["reason"].value_counts().index[0])


def _share_of_words_dropped() -> float:
    return 100 * (1 - _clean_films().n_words / _films().n_words)


def _first_guess(sentence: str) -> str:
    return str(_model().fill(sentence, k=1).table["word"].iloc[0])


def _place_of(word: str, sentence: str) -> int:
    model = _model()
    words = model.tokenizer.vocab_size - len(model.tokenizer.special_ids)
    table = model.fill(sentence, k=words).table
    return int(table["rank"][table["word"] == word].iloc[0])


def _model() -> Any:
    from kblib.models.masked import MaskedLM

    return MaskedLM.open(EMBEDDED)


def _shape(n_layer: int, n_embd: int) -> ModelShape:
    from kblib.models.shape import ModelShape

    return ModelShape(n_layer=n_layer, n_head=4, n_embd=n_embd)


EXERCISES: dict[str, Exercise] = {
    "start-1": Exercise(
        _year_with_most_speech,
        "films.filter(medium='speech').summary('year').sort_values('words')",
        "{right} has most words of speech: it says how much was kept, not how much was said.",
    ),
    "start-2": Exercise(
        lambda: _first_guess("Kungen och [MASK] kom till Stockholm."),
        "type the sentence into the view above, or look at view.table.",
        "'{right}' is what the films made most likely there; it is no statement about any king.",
    ),
    "corpus-1": Exercise(
        _kept_intertitles_of_the_twenties,
        "clean.filter(years=(1920, 1929), medium='intertitle') and len().",
        "{right} lines are left of the twenties: silent film is thin in every count that follows.",
    ),
    "corpus-2": Exercise(
        _most_frequent_reason,
        "clean.dropped() has a column 'reason'; value_counts() counts it.",
        "'{right}': most of what is lost was never read right by the machine.",
    ),
    "corpus-3": Exercise(
        _share_of_words_dropped,
        "100 * (1 - clean.n_words / films.n_words): words, not lines.",
        "{right} per cent of the words: the lines that go are short ones.",
        within=0.02,
    ),
    "masked-1": Exercise(
        lambda: len(_model().tokenizer.encode("riksdagsledamöterna", special=False)),
        "len(model.tokenizer.encode('riksdagsledamöterna', special=False))",
        "{right} pieces; a blank holds one piece, so this word can never be a guess.",
    ),
    "masked-2": Exercise(
        lambda: _place_of("drottningen", "Kungen och [MASK] hälsade på spelarna."),
        "model.fill(sentence, k=8000).table has a column 'rank'.",
        "It is guess number {right}. A place says more than a yes or no.",
    ),
    "masked-3": Exercise(
        lambda: _first_guess("Hon är [MASK]."),
        "model.fill('Hon är [MASK].', k=1).table shows it.",
        "'{right}': what the films say of her most, through the ear of a machine.",
    ),
    "pretrain-1": Exercise(
        lambda: math.log(_shape(n_layer=2, n_embd=128).vocab_size),
        "a model that knows nothing gives each piece the same chance; math.log of how many?",
        "{right} nats: every curve of this vocabulary that starts there starts at knowing nothing.",
        within=0.005,
    ),
    "pretrain-2": Exercise(
        lambda: 32 * 64,
        "job.batch_size * job.seq_len.",
        "{right} tokens are read between two corrections.",
    ),
    "pretrain-3": Exercise(
        lambda: _shape(n_layer=4, n_embd=256).parameters(),
        "kb.ModelShape(n_layer=4, n_head=4, n_embd=256).parameters()",
        "{right} parameters: twice as deep and twice as wide is much more than twice as many.",
    ),
}
