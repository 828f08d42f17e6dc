"""What a causal model has written: the text, word by word how likely it was, side by side."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    import pandas as pd

Ending = Literal["end", "stop", "length"]
ENDINGS: dict[Ending, str] = {
    "end": "the model ended the text",
    "stop": "a stop word came",
    "length": "the length asked for was reached",
}
_UNFINISHED = "\ufffd"  # the first bytes of a letter whose others are in the next piece


@dataclass(frozen=True)
class WrittenWord:
    """A word that a model has written, or a sign between words.

    Parameters
    ----------
    text
        As it stands in the text, with the blank before it.
    probability
        What the model gave it at this place, of all there was to choose from: the product over its
        pieces, before temperature and cuts. So it can be small even where the choice was none.
    n_pieces
        In how many pieces it was written.
    """

    text: str
    probability: float
    n_pieces: int


@dataclass(frozen=True)
class Generated:
    """A text that a model continued.

    Parameters
    ----------
    prompt
        What it was given.
    continuation
        What it added.
    provenance
        Model, weights, seed, and how it was drawn.
    words
        The words it added, with their probabilities.
    ended
        Why it goes no further: ``end``, ``stop`` or ``length``.
    """

    prompt: str
    continuation: str
    provenance: dict[str, Any] = field(default_factory=dict)
    words: tuple[WrittenWord, ...] = ()
    ended: Ending = "length"

    @property
    def text(self) -> str:
        """Prompt and continuation in one."""
        return self.prompt + self.continuation

    @property
    def table(self) -> pd.DataFrame:
        """One row a written word: word, probability, n_pieces."""
        import pandas as pd

        rows = [(word.text.strip() or "␣", word.probability, word.n_pieces) for word in self.words]
        return pd.DataFrame(rows, columns=["word", "probability", "n_pieces"])

    def _repr_html_(self) -> str:
        prompt, more = html.escape(self.prompt), html.escape(self.continuation)
        return f"<p>{prompt}<strong>{more}</strong></p>"

    def __str__(self) -> str:
        """Return the whole text."""
        return self.text


@dataclass(frozen=True)
class Continuations:
    """Several continuations side by side: each prompt with each seed.

    Parameters
    ----------
    texts
        In the order of the prompts, and of the seeds within a prompt.
    provenance
        Model, weights, seeds, and how they were drawn.
    """

    texts: tuple[Generated, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a text: prompt, seed, continuation, words, ended."""
        import pandas as pd

        rows = [
            (one.prompt, one.provenance["seed"], one.continuation, len(one.words), one.ended)
            for one in self.texts
        ]
        return pd.DataFrame(rows, columns=["prompt", "seed", "continuation", "words", "ended"])

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, number: int) -> Generated:
        return self.texts[number]

    def __str__(self) -> str:
        """Return one paragraph a text."""
        return "\n\n".join(f"[{one.provenance['seed']}] {one.text}" for one in self.texts)


def piece_texts(known: Sequence[int], new: Sequence[int], tokenizer: Tokenizer) -> list[str]:
    """Return what each new piece adds to the text; a letter of several pieces comes with its last.

    Parameters
    ----------
    known
        The ids before: some tokenizers drop a blank that begins a text.
    """
    shown, added = tokenizer.decode(known, special=True), []
    for number in range(1, len(new) + 1):
        text = tokenizer.decode([*known, *new[:number]], special=True)
        whole = number == len(new) or not text.endswith(_UNFINISHED)
        added.append(text[len(shown) :] if whole else "")
        shown = text if whole else shown
    return added


def in_words(pieces: Sequence[str]) -> list[list[int]]:
    """Return which pieces make up each word, or each sign between words.

    A piece goes on with a word if it begins with a letter or digit and the piece before ended with
    one.

    Examples
    --------
    >>> in_words(["Kung", "en", " reser", ".", " ", "Hej"])
    [[0, 1], [2], [3], [4, 5]]
    """
    groups: list[list[int]] = []
    before, waiting = "", list[int]()
    for number, piece in enumerate(pieces):
        waiting.append(number)
        if not piece:  # the first bytes of a letter go with the piece that completes it
            continue
        goes_on = piece[0].isalnum() and (before[-1:].isalnum() or not before.strip())
        if groups and goes_on:
            groups[-1].extend(waiting)
        else:
            groups.append(waiting)
        before, waiting = piece, []
    if waiting:
        groups.append(waiting)
    return groups
