"""How little a masked model expects each word of a sentence, knowing all the others.

Bits of a masked model are *pseudo*-surprisal: the model reads what comes after the word as well, so
they are no probability of the sentence and never stand on one axis with the bits of an n-gram model
or of GPT, which read what comes before.

Letters on tensors: B questions, T tokens, V vocabulary.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from kblib.errors import ModelError
from kblib.models.build import masked_logits
from kblib.models.words import Kind, WordsOfText, check_readable, read_words
from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel

    from kblib.models.masked import MaskedLM

AXIS = "pseudo-surprisal, bits (both sides known)"
NOT_COMPARABLE = (
    "A masked model knows the words on both sides, so its bits never stand on one axis with those "
    "of n-gram models or GPT, which know only what comes before."
)
EXAMPLE = 'model.surprisal("Kungen besökte Stockholm.")'
_TOKENS = 4096  # read by the model at once; more falls out of a processor's cache


@dataclass(frozen=True)
class WordSurprisal:
    """What a model made of one word.

    Attributes
    ----------
    word
        As it is written.
    kind
        ``word`` or ``mark``, such as a full stop.
    bits
        Its pseudo-surprisal; not a number if the vocabulary cannot spell it.
    pieces
        The pieces it was read in.
    piece_bits
        The bits of each piece, which sum to `bits`.
    """

    word: str
    kind: Kind
    bits: float
    pieces: tuple[str, ...]
    piece_bits: tuple[float, ...]


@dataclass(frozen=True)
class Surprisal:
    """Pseudo-surprisal of each word of a text, in bits.

    Attributes
    ----------
    text
        The text.
    words
        Its words and marks, in order.
    provenance
        Model, weights, method.
    """

    text: str
    words: tuple[WordSurprisal, ...]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a word: word, kind, bits, pieces (with ``+`` between), n_pieces."""
        import pandas as pd

        rows = [(w.word, w.kind, w.bits, "+".join(w.pieces), len(w.pieces)) for w in self.words]
        return pd.DataFrame(rows, columns=["word", "kind", "bits", "pieces", "n_pieces"])

    @property
    def bits(self) -> float:
        """The sum over all words and marks that the vocabulary can spell."""
        return math.fsum(word.bits for word in self.words if not math.isnan(word.bits))

    def __str__(self) -> str:
        """Return one line a word."""
        lines = [f"{word.bits:6.1f}  {word.word}" for word in self.words]
        return "\n".join([AXIS, *lines])


def word_surprisal(model: MaskedLM, text: str) -> Surprisal:
    """Ask a masked model for each word of a text in turn.

    A word of several pieces is asked for from left to right: each piece with itself and all later
    pieces of the same word hidden. Hiding one piece at a time would show the end of the word, which
    gives it away.

    Raises
    ------
    ModelError
        If the text is empty, holds a blank or another special piece, or is longer than the model
        reads.

    References
    ----------
    Kauf and Ivanova (2023), A Better Way to Do Masked Language Model Scoring, arXiv 2305.10588
    (PLL-word-l2r); Salazar et al. (2020), Masked Language Model Scoring, for pseudo-likelihood.
    """
    read = read_words(text, model.tokenizer)
    check_readable(read, model.tokenizer, model.seq_len, example=EXAMPLE)
    if any(word.kind == "blank" for word in read.words):
        raise ModelError(
            f"The text has a {model.tokenizer.roles['mask_token']}: '{text}'.",
            "Each word is hidden in turn by itself, so a whole sentence was expected.",
            "To fill a blank: model.fill(text)",
        )
    rows = hidden_words(read, model.tokenizer)
    bits = piece_bits(model.model, *rows)
    about = {**model.provenance, "method": "PLL-word-l2r", "unit": "bits, both sides known"}
    return Surprisal(text, tuple(_of_words(read, bits)), about)


def hidden_words(
    read: WordsOfText, tokenizer: Tokenizer
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the questions about a text: ids (B, T), place (B,) and true id (B,), one a piece."""
    ids = np.array(read.ids)
    rows, places = [], []
    for word in read.words:
        for number, place in enumerate(word.places):
            row = ids.copy()
            row[list(word.places[number:])] = tokenizer.mask_id
            rows.append(row)
            places.append(place)
    return np.stack(rows), np.array(places), ids[places]


@torch.inference_mode()
def piece_bits(
    model: PreTrainedModel,
    ids_BT: npt.NDArray[np.int64],
    places_B: npt.NDArray[np.int64],
    targets_B: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Return minus the binary logarithm of what the model gives each asked piece, shape (B,)."""
    found = []
    step = max(1, _TOKENS // ids_BT.shape[1])
    for start in range(0, len(ids_BT), step):
        part = slice(start, start + step)
        inputs_BT, places_B1, targets_B1 = (
            torch.from_numpy(array).to(model.device)
            for array in (ids_BT[part], places_B[part, None], targets_B[part, None])
        )
        logits_BV = masked_logits(model, inputs_BT, places_B1)[:, 0].float()
        nats_B = -logits_BV.log_softmax(-1).gather(1, targets_B1)[:, 0]
        found.append(nats_B.double().cpu().numpy() / math.log(2))
    return np.concatenate(found)


def _of_words(read: WordsOfText, bits: npt.NDArray[np.float64]) -> list[WordSurprisal]:
    found, start = [], 0
    for word in read.words:
        part = tuple(bits[start : start + len(word.places)].tolist())
        start += len(word.places)
        total = math.fsum(part) if word.known else math.nan
        found.append(WordSurprisal(word.text, word.kind, total, word.pieces, part))
    return found
