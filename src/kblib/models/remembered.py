"""A beginning that a causal model reads once, however many ways to go on from it are asked for.

Letters on tensors: B texts read at once, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from inspect import signature

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import DynamicCache

from kblib.models.causal import CausalLM
from kblib.ngrams.discounts import Floats

_TOKENS = 4096  # read at once; more falls out of a processor's cache
_MOST = 16_384
"""Tokens that are remembered at once, each text having the beginning of its own."""


@dataclass(frozen=True, eq=False)
class Remembered:
    """A beginning that has been read.

    Attributes
    ----------
    model
        The model.
    n_tokens
        How long the beginning is.
    last
        Log-probability of each piece after it, in nats, shape (V,).
    memory
        What the model keeps of it.
    """

    model: CausalLM
    n_tokens: int
    last: Floats
    memory: DynamicCache

    @classmethod
    @torch.inference_mode()
    def of(cls, model: CausalLM, ids: Sequence[int]) -> Remembered:
        """Read a beginning, of one token at least."""
        ids_BT = torch.tensor([list(ids)], device=model.model.device)
        memory = DynamicCache(config=model.model.config)
        last_V = _read(model, ids_BT, memory)[0, -1].float().log_softmax(-1)
        return cls(model, len(ids), last_V.double().cpu().numpy(), memory)

    @torch.inference_mode()
    def after(
        self, texts: Sequence[Sequence[int]]
    ) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """Yield some places of texts, and log-probabilities after each piece of them, (B, T, V).

        Texts of like length are read together, padded on the right, where no piece looks.
        """
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        start = 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and self._fits(stop + 1 - start, len(texts[order[stop]])):
                stop += 1
            chosen = order[start:stop]
            yield chosen, self._logs([texts[i] for i in chosen])
            start = stop

    def _fits(self, n_texts: int, longest: int) -> bool:
        return n_texts * longest <= _TOKENS and n_texts * (longest + self.n_tokens) <= _MOST

    def _logs(self, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        longest, end = max(map(len, texts)), self.model.tokenizer.end_id
        ids_BT = torch.tensor(
            [[*ids, *[end] * (longest - len(ids))] for ids in texts],
            device=self.model.model.device,
        )
        past = deepcopy(self.memory)
        past.batch_repeat_interleave(len(texts))
        logs: NDArray[np.float32] = (
            _read(self.model, ids_BT, past).float().log_softmax(-1).cpu().numpy()
        )
        return logs


def _read(model: CausalLM, ids_BT: Tensor, memory: DynamicCache) -> Tensor:
    """Read tokens after those that are remembered, which they join; shape (B, T, V)."""
    # transformers 5.24 gave the argument another name.
    new = "cache" in signature(model.model.forward).parameters
    kept = {"cache" if new else "past_key_values": memory}
    logits: Tensor = model.model(input_ids=ids_BT, use_cache=True, **kept).logits
    return logits[..., : model.tokenizer.vocab_size]  # many heads are rounded up
