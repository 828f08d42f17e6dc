"""How little a causal model expects each word of a text, knowing what stands before it.

These bits are a probability: they sum to what the model needs for the whole text, and stand on one
axis with those of n-gram models, which read from the left as well. Those of a masked model do not
(`kblib.models.surprisal`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kblib.errors import ModelError
from kblib.models.generated import in_words, piece_texts
from kblib.models.given import check_text
from kblib.models.reading import IGNORED, begin_id, target_nats, windows_of

if TYPE_CHECKING:
    import pandas as pd

    from kblib.models.causal import CausalLM

AXIS = "surprisal, bits (what stands before is known)"
EXAMPLE = 'model.surprisal("Kungen besökte Stockholm.")'
END = "(end)"
Kind = Literal["word", "mark", "end"]


@dataclass(frozen=True)
class ReadWord:
    """What a causal model made of one word.

    Parameters
    ----------
    word
        As it is written.
    kind
        ``word``, ``mark`` (a sign between words) or ``end`` of the text.
    bits
        Its surprisal: minus the binary logarithm of its probability.
    pieces
        The pieces it was read in.
    """

    word: str
    kind: Kind
    bits: float
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class LeftSurprisal:
    """Surprisal of each word of a text, in bits.

    Parameters
    ----------
    text
        The text.
    words
        Its words and signs in order, and its end.
    provenance
        Model, weights, unit.
    """

    text: str
    words: tuple[ReadWord, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a word: word, kind, bits, pieces (with ``+`` between), n_pieces."""
        import pandas as pd

        rows = [(w.word, w.kind, w.bits, "+".join(w.pieces), len(w.pieces)) for w in self.words]
        return pd.DataFrame(rows, columns=["word", "kind", "bits", "pieces", "n_pieces"])

    @property
    def bits(self) -> float:
        """The sum over all words, signs and the end."""
        return math.fsum(word.bits for word in self.words)

    def __str__(self) -> str:
        """Return one line a word."""
        return "\n".join([AXIS, *(f"{word.bits:6.1f}  {word.word}" for word in self.words)])


def left_surprisal(model: CausalLM, text: str) -> LeftSurprisal:
    """Ask a causal model for each word of a text, from the left.

    A text longer than the model reads is read in windows that overlap by half.

    Raises
    ------
    ModelError
        If the text is empty.
    """
    check_text(text)
    if not text.strip():
        raise ModelError("The text is empty.", "A sentence was expected.", EXAMPLE)
    tokenizer = model.tokenizer
    ids = tokenizer.encode(text, special=False)
    windows = list(windows_of(ids, tokenizer, model.seq_len))
    nats = target_nats(model.model, windows)
    bits = [
        float(value) / math.log(2)
        for (_, targets), row in zip(windows, nats, strict=True)
        for value, target in zip(row, targets, strict=True)
        if target != IGNORED
    ]
    pieces = piece_texts([begin_id(tokenizer)], ids, tokenizer)
    words = [_word(group, pieces, bits) for group in in_words(pieces)]
    end = ReadWord(END, "end", bits[-1], ())
    about = {**model.provenance, "unit": "bits, what stands before is known"}
    return LeftSurprisal(text, (*words, end), about)


def _word(group: list[int], pieces: list[str], bits: list[float]) -> ReadWord:
    written = "".join(pieces[number] for number in group).strip()
    kind: Kind = "word" if any(sign.isalnum() for sign in written) else "mark"
    parts = tuple(pieces[number].strip() or "␣" for number in group)
    return ReadWord(written or "␣", kind, math.fsum(bits[number] for number in group), parts)
