"""A sentence with one blank, and what may stand in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kblib.errors import ModelError
from kblib.models.given import check_text
from kblib.ngrams.words import words_of

MASK = "[MASK]"
EXAMPLE = "Kungen och [MASK] besökte Stockholm."


@dataclass(frozen=True)
class Blank:
    """A sentence with a blank in place of one whole word.

    Parameters
    ----------
    before, after
        What stands on either side, the spaces at the blank included.
    """

    before: str
    after: str

    @classmethod
    def of(cls, text: str) -> Blank:
        """Read a text with one ``[MASK]``; runs of white space count as one space.

        Raises
        ------
        ModelError
            If it is no text; if there is no ``[MASK]``, more than one, or one inside a word; if
            nothing else is there.

        Examples
        --------
        >>> Blank.of("Kungen och [MASK] besökte Stockholm.")
        Blank(before='Kungen och ', after=' besökte Stockholm.')
        """
        check_text(text)
        text = " ".join(text.split())
        if text.count(MASK) != 1:
            raise ModelError(
                f"The sentence has {text.count(MASK)} blanks: '{text}'.",
                f"One {MASK}, in capitals and square brackets, was expected: each model answers "
                "for one word, and knows the others.",
                f'ladder.ask("{EXAMPLE}")',
            )
        before, after = text.split(MASK)
        _check_whole_word(before, after)
        if not words_of(before) and not words_of(after):
            raise ModelError(
                f"The sentence '{text}' has no word besides its blank.",
                "Words before or after it were expected.",
                f'ladder.ask("{EXAMPLE}")',
            )
        return cls(before, after)

    @property
    def text(self) -> str:
        """The sentence with its ``[MASK]``."""
        return f"{self.before}{MASK}{self.after}"

    def filled(self, word: str) -> str:
        """Return the sentence with a word in its blank."""
        return f"{self.before}{word}{self.after}"


def _check_whole_word(before: str, after: str) -> None:
    if before[-1:].isalnum() or after[:1].isalnum():
        inside = (before.split(" ") or [""])[-1] + MASK + after.split(" ", maxsplit=1)[0]
        raise ModelError(
            f"{MASK} stands inside a word: '{inside}'.",
            "It stands for a whole word, with spaces or marks around it.",
            f'ladder.ask("{before.rstrip()} {MASK} {after.lstrip()}")',
        )


def checked_words(words: Iterable[str]) -> tuple[str, ...]:
    """Return candidates for a blank, each once, or say what is wrong with them.

    Raises
    ------
    ModelError
        If there is none, they are one string, or one of them is not exactly one word.
    """
    if isinstance(words, str):
        raise ModelError(
            f"The candidates are one string: {words!r}.",
            "A list of words was expected.",
            'ladder.ask(text, candidates=["kungen", "drottningen"])',
        )
    found = tuple(dict.fromkeys(words))
    if not found:
        raise ModelError(
            "There is no candidate.",
            "At least one word that may stand in the blank was expected.",
            'ladder.ask(text, candidates=["kungen", "drottningen"])',
        )
    wrong = [word for word in found if not _is_word(word)]
    if wrong:
        raise ModelError(
            f"The candidate {wrong[0]!r} is not one word.",
            "Letters and digits were expected, with hyphens between them at most.",
            'ladder.ask(text, candidates=["kungen", "drottningen"])',
        )
    return found


def _is_word(given: object) -> bool:
    return isinstance(given, str) and words_of(given) == [given]
