"""What views share in which a reader answers one thing after another, by buttons and by keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import ipywidgets as w

from kbnotebooks import _html
from kbnotebooks._errors import ViewError
from kbnotebooks._view import View
from kbnotebooks._words import known, number, say

SOURCES = ("title", "film", "year", "medium", "time")


class OneByOneView(View):
    """Base of views that show an item, take an answer, save it, and show the next.

    A subclass says what its items are and what this reader has answered, saves an answer, and
    draws an item and the progress.
    """

    def __init__(self) -> None:
        super().__init__()
        self._number, self._typed = 1, ""
        self._answered: list[bool] = []
        self._just_done = False
        self._line, self._progress = w.HTML(), w.HTML()
        self._line.add_class("kb-mark-line")
        self._answer_of: Mapping[str, str] = {}

    def _make(self, buttons: Mapping[str, str], keys: Mapping[str, str], hint: str) -> None:
        """Make the widgets.

        Parameters
        ----------
        buttons
            What stands on the button of each answer.
        keys
            The answer that each key gives.
        hint
            What the keys mean.
        """
        self._answer_of, self._hint = keys, hint
        self._buttons = {answer: w.Button(description=name) for answer, name in buttons.items()}
        self._back = w.Button(description=say("Back"), tooltip=say("Show the one before"))
        self._keys = w.Text(
            description=say("Keys"),
            placeholder=hint,
            continuous_update=True,  # a letter is an answer; there is nothing to wait for
            layout=w.Layout(width="32rem", max_width="90%"),
        )
        row = w.HBox([*self._buttons.values(), self._back])
        row.layout.flex_flow = "row wrap"
        self._lay_out(self._progress, self._line, row, self._keys)
        self._on(self._keys, "value", self._read_keys)
        for answer, button in self._buttons.items():
            self._on_click(button, partial(self._answer, answer))
        self._on_click(self._back, self.back)

    @property
    def selection(self) -> int:
        """The number of the item that is shown, from 1; may be set."""
        return self._number

    @selection.setter
    def selection(self, number: int) -> None:
        self._try(lambda: self._show(number))

    def back(self) -> None:
        """Show the item before, to answer it again."""
        self._show(max(1, self._number - 1))

    def _items(self) -> Sequence[str]:
        """Return the ids of the items, in the order in which they are shown."""
        raise NotImplementedError

    def _mine(self) -> Mapping[str, str]:
        """Return what this reader has answered so far, by id."""
        raise NotImplementedError

    def _save(self, answer: str) -> None:
        """Save an answer to the item that is shown."""
        raise NotImplementedError

    def _check(self, number: int) -> None:
        """Refuse the number of an item that is not there."""
        raise NotImplementedError

    def _line_html(self) -> str:
        """Return the item that is shown, as HTML."""
        raise NotImplementedError

    def _progress_html(self) -> str:
        """Return how far this reader has come, as HTML."""
        raise NotImplementedError

    def _answer(self, answer: str) -> None:
        """Save an answer, and show the next item that has none."""
        before = len(self._mine())
        self._save(answer)
        self._show(self._next())
        self._just_done = before < len(self._items()) <= len(self._mine())

    def _next(self, after: int | None = None) -> int:
        """Return the first item after this one that this reader has not answered, or before it."""
        after = self._number if after is None else after
        mine, items = self._mine(), self._items()
        order = [*range(after, len(items)), *range(min(after, len(items)))]
        left = (at for at in order if items[at] not in mine)
        return next(left, min(after, len(items) - 1)) + 1

    def _show(self, number: int) -> None:
        self._check(number)
        self._number, self._just_done = number, False
        self._progress.value = _html.wrap(self._progress_html())
        self._line.value = _html.wrap(self._line_html())

    def _read_keys(self) -> None:
        """Take what was typed since the last look; an answer that was taken away goes back.

        What means nothing, and what was typed after it, is no answer: to take it away goes nowhere.
        """
        before, self._typed = self._typed, str(self._keys.value)
        kept = _common(before, self._typed)
        for answered in self._answered[kept:]:
            if answered:
                self.back()
        self._answered[kept:] = [False] * (len(self._typed) - kept)
        for at, letter in enumerate(self._typed[kept:], start=kept):
            answer = self._answer_of.get(letter.lower())
            if answer is None:
                raise ViewError(say("The key '{key}' means nothing here.", key=letter), self._hint)
            if self._just_done:  # one key too many, which would change the last answer
                raise ViewError(
                    say(
                        "All {n:,} have an answer; the last key was not taken.",
                        n=len(self._items()),
                    ),
                    say("To change one, go back to it."),
                )
            self._answer(answer)
            self._answered[at] = True

    def _counts(self) -> dict[str, int]:
        """Return how often this reader gave each answer."""
        counts = Counter(self._mine().values())
        return {answer: counts[answer] for answer in self._buttons}


def bar_html(said: str, done: int, n: int) -> str:
    """Return a sentence that says how far one has come, and the same as a bar."""
    bar = f'<progress aria-hidden="true" value="{done}" max="{n}"></progress>'
    return f'<p role="status">{_html.text(said)}<br>{bar}</p>'


def counts_html(caption: str, head: str, unit: str, counts: Mapping[str, int]) -> str:
    """Return how often each answer was given, as a table."""
    heads = (_html.Column(head), _html.Column(unit, numeric=True))
    return _html.table(caption, heads, [(name, number(n)) for name, n in counts.items()])


def source_of(row: Mapping[str, Any]) -> list[str]:
    """Return where an item comes from, each thing once."""
    there = [row[name] for name in SOURCES if row.get(name) is not None]
    return [known(one) for one in dict.fromkeys(there or [row["id"]])]


def check_who(who: Any) -> None:
    """Refuse a reader without a name.

    Raises
    ------
    ViewError
        If there is none.
    """
    if not str(who or "").strip():
        raise ViewError(
            say("It is not said who marks."), say("A name was expected."), "who='Selma'"
        )


def _common(one: str, other: str) -> int:
    """Return how many letters two texts have in common at their beginning."""
    pairs = zip(one, other, strict=False)
    return next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
