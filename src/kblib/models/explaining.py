"""Is attention an explanation? Beside the weights stands what happens when a word is hidden.

The answer a model gives for a blank is asked for again with each other word hidden in turn. What
the answer loses is the effect of that word; attention and rollout are compared with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kblib.errors import ModelError
from kblib.models.attention import Attention, Unit, attention
from kblib.models.fill import question_ids
from kblib.models.given import check_model, check_text
from kblib.models.surprisal import piece_bits

if TYPE_CHECKING:
    import pandas as pd

    from kblib.models.masked import MaskedLM

FEWEST_WORDS = 4
"""With fewer, a rank correlation is 1, 0.5, -0.5 or -1, whatever the model does."""


@dataclass(frozen=True)
class WordEffect:
    """What one word of a sentence means for the answer in the blank.

    Attributes
    ----------
    word
        The word or mark.
    attention
        What the blank gives it, mean over all layers and heads.
    rollout
        What the blank gives it through all layers.
    effect_bits
        How many bits less probable the answer becomes when the word is hidden; below 0 if it
        becomes more probable.
    """

    word: str
    attention: float
    rollout: float
    effect_bits: float


@dataclass(frozen=True, eq=False)
class AttentionControl:
    """Attention beside the effect of hiding each word.

    Attributes
    ----------
    answer
        The word whose probability was followed.
    probability
        What the model gives it when all words are seen.
    effects
        One for each other word and mark of the sentence.
    seen
        The attention itself.
    heads
        Rank correlation of each head's weights with the size of the effects, shape (layers, heads);
        not a number where there are fewer than four words.
    provenance
        Model, weights, text, answer.
    """

    answer: str
    probability: float
    effects: tuple[WordEffect, ...]
    seen: Attention
    heads: npt.NDArray[np.float64]
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> pd.DataFrame:
        """One row a word: word, attention, rollout, effect_bits."""
        import pandas as pd

        rows = [(e.word, e.attention, e.rollout, e.effect_bits) for e in self.effects]
        return pd.DataFrame(rows, columns=["word", "attention", "rollout", "effect_bits"])

    @property
    def agreement(self) -> dict[str, float]:
        """Rank correlation (Spearman) of attention and of rollout with the size of the effect."""
        size = np.abs([effect.effect_bits for effect in self.effects])
        return {
            "attention": spearman(np.array([effect.attention for effect in self.effects]), size),
            "rollout": spearman(np.array([effect.rollout for effect in self.effects]), size),
        }

    def __str__(self) -> str:
        """Return one line a word, and how well the columns agree."""
        rows = [
            f"{e.attention:6.1%}  {e.rollout:6.1%}  {e.effect_bits:+6.2f}  {e.word}"
            for e in self.effects
        ]
        agree = ", ".join(f"{name} {value:+.2f}" for name, value in self.agreement.items())
        return "\n".join([f"answer: {self.answer} ({self.probability:.1%})", *rows, agree])


def attention_control(model: MaskedLM, text: str, *, answer: str | None = None) -> AttentionControl:
    """Compare where the blank of a sentence looks with what each word does to the answer.

    Parameters
    ----------
    text
        A sentence with one ``[MASK]``.
    answer
        The word to follow; by default the model's own first guess. It must be one piece of the
        vocabulary.

    Raises
    ------
    ModelError
        If the sentence is no question, or the answer is not one piece.

    References
    ----------
    Jain and Wallace (2019), Attention is not Explanation, arXiv 1902.10186; Wiegreffe and Pinter
    (2019), Attention is not not Explanation, arXiv 1908.04626. Hiding a word is the simplest of the
    occlusion tests (Li, Monroe and Jurafsky 2016, arXiv 1612.08220): a hidden word is a sentence
    the model did not meet as such in training, too.
    """
    check_model(model, "fill")
    ids, place = question_ids(text, model.tokenizer, model.seq_len)
    index = _answer(model, text, answer)
    seen = attention(model, text)
    others = [unit for unit in seen.units if unit.kind in ("word", "mark")]
    bits = _bits_without(model, ids, place, index, others)
    blank = next(n for n, unit in enumerate(seen.units) if place in unit.places)
    columns = [n for n, unit in enumerate(seen.units) if unit.kind in ("word", "mark")]
    mean, rolled = seen.of(blank)[columns], seen.rollout[blank, columns]
    effects = tuple(
        WordEffect(unit.text, float(mean[n]), float(rolled[n]), float(bits[n + 1] - bits[0]))
        for n, unit in enumerate(others)
    )
    size = np.abs(bits[1:] - bits[0])
    heads = [[spearman(row[columns], size) for row in layer] for layer in seen.by_word[:, :, blank]]
    word = model.tokenizer.token(index)
    about = {**model.provenance, "text": text, "answer": word}
    return AttentionControl(word, float(2 ** -bits[0]), effects, seen, np.array(heads), about)


def spearman(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Return the rank correlation of two columns; not a number if there is nothing to rank."""
    if len(one) < FEWEST_WORDS:
        return math.nan
    ranks = [_ranks(column) for column in (one, other)]
    if any(np.ptp(column) == 0 for column in ranks):
        return math.nan
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return ranks from 1, equal values sharing the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def _answer(model: MaskedLM, text: str, answer: str | None) -> int:
    if answer is None:
        return model.tokenizer.engine.get_vocab()[model.fill(text, k=1).guesses[0].token]
    check_text(answer)
    pieces = model.tokenizer.encode(answer, special=False)
    if len(pieces) != 1 or pieces[0] in model.tokenizer.special_ids:
        raise ModelError(
            f"The answer '{answer}' is {len(pieces)} pieces in this vocabulary.",
            "A word that is one piece was expected, for one blank holds one piece.",
            "Leave answer= out to follow the model's own first guess.",
        )
    return pieces[0]


def _bits_without(
    model: MaskedLM, ids: list[int], place: int, index: int, units: list[Unit]
) -> npt.NDArray[np.float64]:
    """Return the bits of the answer with all words seen, then with each one hidden."""
    rows = np.tile(np.array(ids), (len(units) + 1, 1))
    for number, unit in enumerate(units, start=1):
        rows[number, list(unit.places)] = model.tokenizer.mask_id
    n = len(rows)
    return piece_bits(model.model, rows, np.full(n, place), np.full(n, index))
