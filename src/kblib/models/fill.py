"""What a masked model puts in a blank: the check of the question, and the table of answers."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kblib.errors import ModelError
from kblib.models.given import check_text
from kblib.tokens.learn import CONTINUES
from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    import pandas as pd

EXAMPLE = "Kungen och [MASK] besökte Stockholm."


@dataclass(frozen=True)
class Guess:
    """One candidate for the blank.

    Parameters
    ----------
    word
        As a reader writes it; ``-ning`` is an ending, which the model would glue to the word
        before.
    probability
        What the model gives it, among all pieces it knows.
    token
        As the vocabulary spells it; ``##ning`` continues a word.
    """

    word: str
    probability: float
    token: str


@dataclass(frozen=True)
class FillTable:
    """The best candidates for the blank in a text, most probable first.

    The probabilities are over the whole vocabulary, so those of the rows shown sum to less than 1.

    Parameters
    ----------
    text
        The text with its blank.
    guesses
        The candidates.
    provenance
        Which model, which weights.
    """

    text: str
    guesses: tuple[Guess, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a candidate: rank (from 1), word, probability, token."""
        import pandas as pd

        rows = [
            (rank, g.word, g.probability, g.token) for rank, g in enumerate(self.guesses, start=1)
        ]
        return pd.DataFrame(rows, columns=["rank", "word", "probability", "token"])

    @property
    def html(self) -> str:
        """The table for a notebook page."""
        rows = "".join(
            f"<tr><td>{rank}</td><td>{html.escape(g.word)}</td><td>{g.probability:.1%}</td></tr>"
            for rank, g in enumerate(self.guesses, start=1)
        )
        head = "".join(f"<th scope='col'>{name}</th>" for name in ("rank", "word", "probability"))
        caption = f"<caption>{html.escape(self.text)}</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def _repr_html_(self) -> str:
        return self.html

    def __str__(self) -> str:
        """Return the text and one line a candidate."""
        lines = [
            f"{rank:>3}  {g.probability:6.1%}  {g.word}"
            for rank, g in enumerate(self.guesses, start=1)
        ]
        return "\n".join([self.text, *lines])


def question_ids(text: str, tokenizer: Tokenizer, seq_len: int) -> tuple[list[int], int]:
    """Return the ids of a text with one blank, and the place of the blank.

    Raises
    ------
    ModelError
        If there is no blank, more than one, or one inside a word; if the text is empty or too long
        for the model.
    """
    check_text(text)
    mask = tokenizer.roles["mask_token"]
    if not text.strip():
        raise ModelError(
            "The text is empty.",
            f"A sentence with one {mask} was expected.",
            f'model.fill("{EXAMPLE}")',
        )
    check_blank(text, mask)
    ids = tokenizer.encode(text)
    if len(ids) > seq_len:
        raise ModelError(
            f"The text has {len(ids)} tokens.",
            f"This model reads at most {seq_len} at once.",
            f"Keep the sentence around {mask} and leave the rest out.",
        )
    return ids, ids.index(tokenizer.mask_id)


def check_blank(text: str, mask: str) -> None:
    """Refuse a text that has not exactly one blank, in place of a whole word.

    Raises
    ------
    ModelError
        If there is none, more than one, or one inside a word.
    """
    n = text.count(mask)
    if n == 0:
        raise ModelError(
            f"The text has no {mask}: '{_shortened(text)}'.",
            f"{mask}, in capitals and square brackets, marks the word to guess.",
            f'model.fill("{EXAMPLE}")',
        )
    if n > 1:
        raise ModelError(
            f"The text has {n} {mask}: '{_shortened(text)}'.",
            "One was expected: each answer depends on the other blank.",
            f"Fill one in yourself, or ask once for each: {_alternatives(text, mask)}",
        )
    before, after = text.split(mask)
    if before[-1:].isalnum() or after[:1].isalnum():
        word = (before.split() or [""])[-1] * before[-1:].isalnum() + mask
        word += (after.split() or [""])[0] * after[:1].isalnum()
        raise ModelError(
            f"{mask} stands inside a word: '{word}'.",
            "It stands for a whole word, with spaces around it.",
            f'model.fill("{before.rstrip()} {mask} {after.lstrip()}")',
        )


def _alternatives(text: str, mask: str) -> str:
    first, second = text.find(mask), text.rfind(mask)
    one = f"{text[:second]}...{text[second + len(mask) :]}"
    other = f"{text[:first]}...{text[first + len(mask) :]}"
    return f'"{one}" and "{other}"'


def _shortened(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."


def as_word(token: str) -> str:
    """Return a piece as a reader writes it: ``##ning`` becomes ``-ning``."""
    return (
        f"-{token.removeprefix(CONTINUES)}"
        if token.startswith(CONTINUES) and token != CONTINUES
        else token
    )
