"""Where a model looks: attention weights by layer, head and word.

A weight says how much of one word's numbers flows into another's at one place of the network. It
does not say why the model answers as it does: `kblib.models.explaining` compares.

Letters on arrays: L layers, H heads, T tokens, U units (words, marks and the frame).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from kblib.errors import ModelError
from kblib.models.given import check_model
from kblib.models.words import WordsOfText, check_readable, read_words
from kblib.tokens.subwords import Tokenizer

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedModel

    from kblib.models.causal import CausalLM
    from kblib.models.masked import MaskedLM

Floats = npt.NDArray[np.float32]
EXAMPLE = 'attention(model, "Kungen och [MASK] besökte Stockholm.")'


@dataclass(frozen=True)
class Unit:
    """One thing that looks and is looked at.

    Attributes
    ----------
    text
        A word, a mark, a blank, or a piece of the frame such as ``[CLS]``.
    kind
        ``word``, ``mark``, ``blank`` or ``frame``.
    places
        Its places among the tokens.
    """

    text: str
    kind: str
    places: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Attention:
    """The attention weights of a text.

    Attributes
    ----------
    text
        The text.
    tokens
        The pieces, as the vocabulary spells them, the frame included.
    units
        Words, marks and pieces of the frame, in order.
    weights
        Weights of tokens, shape (layers, heads, from, to); each row sums to 1.
    provenance
        Model and weights.
    """

    text: str
    tokens: tuple[str, ...]
    units: tuple[Unit, ...]
    weights: Floats
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def n_layer(self) -> int:
        """Layers."""
        return int(self.weights.shape[0])

    @property
    def n_head(self) -> int:
        """Heads a layer."""
        return int(self.weights.shape[1])

    @cached_property
    def by_word(self) -> Floats:
        """Weights of whole words, shape (layers, heads, from, to); each row sums to 1.

        What a word gives is the mean over its pieces, what it gets is their sum (Clark et al. 2019,
        What Does BERT Look At?, arXiv 1906.04341).
        """
        return self._of_units(self.weights)

    @cached_property
    def rollout(self) -> Floats:
        """Attention through all layers at once, shape (from, to); each row sums to 1.

        Heads are averaged, half of each layer passes by unchanged, and the layers are multiplied
        (Abnar and Zuidema 2020, Quantifying Attention Flow in Transformers, arXiv 2005.00928).
        """
        return self._of_units(roll_out(self.weights))

    def of(self, unit: int, *, layer: int | None = None, head: int | None = None) -> Floats:
        """Return where one unit looks, shape (U,).

        Parameters
        ----------
        unit
            Its number among `units`, from 0.
        layer, head
            Their numbers, from 1, as people count; the mean over all where None.

        Raises
        ------
        ModelError
            If there is no such unit, layer or head.
        """
        if type(unit) is not int or not 0 <= unit < len(self.units):
            raise ModelError(
                f"There is no unit {unit!r}.", f"They are numbered 0 to {len(self.units) - 1}."
            )
        layers = _chosen("layer", layer, self.n_layer)
        heads = _chosen("head", head, self.n_head)
        row: Floats = self.by_word[layers, heads, unit].mean(axis=(0, 1))
        return row

    @property
    def table(self) -> pd.DataFrame:
        """One row a layer, head, and pair of units: layer, head (from 1), from, to, weight.

        The numbers of the units stand beside their texts, for a word may come twice.
        """
        import pandas as pd

        L, H, U, _ = self.by_word.shape
        layer, head, source, target = (index.ravel() for index in np.indices((L, H, U, U)))
        names = np.array([unit.text for unit in self.units], dtype=object)
        columns = {"layer": layer + 1, "head": head + 1, "from_unit": source, "to_unit": target}
        columns |= {"from": names[source], "to": names[target]}
        return pd.DataFrame({**columns, "weight": self.by_word.ravel()})

    def _of_units(self, weights: Floats) -> Floats:
        member_UT = np.zeros((len(self.units), len(self.tokens)), dtype=np.float32)
        for number, unit in enumerate(self.units):
            member_UT[number, list(unit.places)] = 1.0
        mean_UT = member_UT / member_UT.sum(axis=1, keepdims=True)
        found: Floats = mean_UT @ weights @ member_UT.T
        return found

    def __repr__(self) -> str:
        """Return one line: how many layers, heads and words."""
        sizes = f"{self.n_layer} layers, {self.n_head} heads, {len(self.units)} units"
        return f"<Attention of '{self.text}': {sizes}>"


def attention(model: MaskedLM | CausalLM, text: str) -> Attention:
    """Read a text with a model and keep what every head looks at.

    A blank may stand in the text. The model computes attention the plain way for it, which it does
    not otherwise do, because the fast ways never have the weights at hand.

    Raises
    ------
    ModelError
        If the text is empty or longer than the model reads, or the model gives no weights.
    """
    check_model(model, "tokenizer")
    read = read_words(text, model.tokenizer)
    check_readable(read, model.tokenizer, model.seq_len, example=EXAMPLE)
    weights = attention_weights(model.model, read.ids, name=model.name)
    tokens = tuple(model.tokenizer.token(index) for index in read.ids)
    units = tuple(_units(read, model.tokenizer))
    return Attention(text, tokens, units, weights, model.provenance)


@torch.inference_mode()
def attention_weights(model: PreTrainedModel, ids: tuple[int, ...], *, name: str) -> Floats:
    """Return the attention weights of one text, shape (layers, heads, tokens, tokens).

    Raises
    ------
    ModelError
        If the model cannot compute attention the plain way, or gives no weights.
    """
    inputs_BT = torch.tensor([ids], device=model.device)
    with plain_attention(model, name):
        found = model.base_model(input_ids=inputs_BT, output_attentions=True).attentions
    layers = int(model.config.num_hidden_layers)
    if not found or len(found) != layers or any(one is None for one in found):
        raise ModelError(
            f"The model '{name}' gave the attention of {len(found or ())} of its {layers} layers.",
            "Weights of every layer were expected; a fast way of computing does not keep them.",
            'Load it with attn_implementation="eager".',
        )
    weights: Floats = torch.stack([one[0] for one in found]).float().cpu().numpy()
    return weights


@contextmanager
def plain_attention(model: PreTrainedModel, name: str) -> Iterator[None]:
    """Have a model compute attention the plain way for a while.

    Raises
    ------
    ModelError
        If it cannot.
    """
    before = model.config._attn_implementation
    try:
        model.set_attn_implementation("eager")
    except ValueError as error:
        raise ModelError(
            f"The model '{name}' cannot show its attention: {error}",
            'It has no attn_implementation="eager", the only way that keeps the weights.',
        ) from None
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def roll_out(weights_LHTT: Floats) -> Floats:
    """Return attention rolled out over all layers, shape (T, T)."""
    total_TT = np.eye(weights_LHTT.shape[-1], dtype=np.float32)
    for layer_TT in weights_LHTT.mean(axis=1):
        total_TT = (0.5 * layer_TT + 0.5 * np.eye(len(layer_TT), dtype=np.float32)) @ total_TT
    return total_TT


def _units(read: WordsOfText, tokenizer: Tokenizer) -> Iterator[Unit]:
    """Yield the words, and each token that is in none of them, in the order of the tokens."""
    first = {word.places[0]: word for word in read.words}
    inside = {place for word in read.words for place in word.places}
    for place, index in enumerate(read.ids):
        if place in first:
            yield Unit(first[place].text, first[place].kind, first[place].places)
        elif place not in inside:
            yield Unit(tokenizer.token(index), "frame", (place,))


def _chosen(what: str, number: int | None, n: int) -> slice:
    if number is None:
        return slice(None)
    if type(number) is not int or not 1 <= number <= n:
        raise ModelError(
            f"There is no {what} {number!r}.", f"This model has {what}s 1 to {n}.", f"{what}=1"
        )
    return slice(number - 1, number)
