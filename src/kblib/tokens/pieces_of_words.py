"""Which pieces of a vocabulary go on with a word: what whole-word masking must know."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kblib.tokens.subwords import Tokenizer

_GOES_ON = "##"
_BEGINS = ("\u0120", "\u2581")
"""A space before a word, as byte-level BPE and SentencePiece spell it."""


def goes_on_with_a_word(tokenizer: Tokenizer) -> NDArray[np.bool_]:
    """Return for each id whether its piece is not the first of a word, shape (vocab_size,).

    WordPiece marks those that go on; other vocabularies mark the space before a word, so that there
    a piece of letters without such a mark goes on. Special pieces never do.
    """
    continues = np.zeros(tokenizer.vocab_size, dtype=np.bool_)
    special = set(tokenizer.special_ids)
    for piece, index in tokenizer.engine.get_vocab(with_added_tokens=True).items():
        if index in special:
            continue
        if tokenizer.kind == "wordpiece":
            continues[index] = piece.startswith(_GOES_ON)
        else:
            continues[index] = not piece.startswith(_BEGINS) and piece[:1].isalpha()
    return continues
