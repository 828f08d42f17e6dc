"""Texts cut so that what is asked fits behind them: the question itself is never cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kblib.errors import ModelError
from kblib.models.batches import cut
from kblib.models.given import shortened
from kblib.tokens.subwords import Tokenizer
from kblib.zeroshot.evidence import Evidence, Floats, Ints, of_texts

_LEAD = "a"
LEAST_ROOM = 8
"""Tokens of text that should fit beside the question; with fewer a window says nothing."""


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows of some texts.

    Attributes
    ----------
    ids
        The ids of each window, without any frame.
    text_of, sizes
        Which text each belongs to, and how many tokens it has, (W,).
    n_tokens, n_windows
        Of each text, (N,).
    """

    ids: list[list[int]]
    text_of: Ints
    sizes: Ints
    n_tokens: Ints
    n_windows: Ints

    @classmethod
    def of(cls, tokenizer: Tokenizer, texts: Sequence[str], room: int) -> Windows:
        """Cut texts into windows of at most so many tokens."""
        encoded = tokenizer.encode_batch(list(texts), special=False)
        cuts = [cut(ids, room) or [[]] for ids in encoded]
        ids = [window for own in cuts for window in own]
        counts = np.array([len(own) for own in cuts], dtype=np.int64)
        return cls(
            ids,
            np.repeat(np.arange(len(texts)), counts),
            np.array([len(window) for window in ids], dtype=np.int64),
            np.array([len(own) for own in encoded], dtype=np.int64),
            counts,
        )

    def evidence(self, gained_WP: Floats, *, multi: bool) -> Evidence:
        """Return the evidence of texts by what each window gained for each prompt.

        Parameters
        ----------
        gained_WP
            In nats.
        multi
            Whether the second half of the prompts are the contraries of the first.
        """
        values_NP = of_texts(gained_WP, self.text_of, self.sizes, len(self.n_tokens))
        if multi:
            half = values_NP.shape[1] // 2
            values_NP = values_NP[:, :half] - values_NP[:, half:]
        return Evidence(values_NP, self.n_tokens, self.n_windows)


def room_beside(taken: int, seq_len: int, longest: str) -> int:
    """Return how many tokens of text fit beside a question.

    Parameters
    ----------
    taken
        Tokens of the longest question, its frame included.
    longest
        That question, to be told.

    Raises
    ------
    ModelError
        If there are too few.
    """
    room = seq_len - taken
    if room < LEAST_ROOM:
        raise ModelError(
            f"The question {shortened(longest)} takes {taken} of the {seq_len} tokens that the "
            "model reads at once.",
            f"At least {LEAST_ROOM} of them should be left for the text.",
            "Say it in fewer words, or take a model that reads more.",
        )
    return room


def following(tokenizer: Tokenizer, text: str) -> list[int]:
    """Return the ids of what follows other words, with the space or line break it begins with.

    A lead is cut off again: what begins a text is read otherwise by most tokenizers.
    """
    if not text:
        return []
    lead = tokenizer.encode(_LEAD, special=False)
    whole = tokenizer.encode(_LEAD + text, special=False)
    return (
        whole[len(lead) :] if whole[: len(lead)] == lead else tokenizer.encode(text, special=False)
    )
