"""A model without a head: texts to hidden states, and nothing guessed from them."""

from __future__ import annotations

from pathlib import Path

from transformers import AutoModel, PreTrainedModel

from kblib.models.catalog import find_model
from kblib.models.folder import load_weights
from kblib.models.layouts import most_tokens
from kblib.tokens.subwords import Tokenizer


class Encoder:
    """An encoder with its tokenizer, ready to use.

    Parameters
    ----------
    model
        A model of transformers without a head.
    tokenizer
        The tokenizer it was trained with.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Tokenizer) -> None:
        self.model = model.train(False)
        self.tokenizer = tokenizer

    @classmethod
    def open(cls, name: str | Path, *, device: str | None = None) -> Encoder:
        """Open an encoder by folder, by name, or by its name on the model hub.

        Raises
        ------
        ModelError
            If it cannot be found, has no safetensors, or does not fit in memory.
        TokenError
            If it has no tokenizer.
        """
        folder = find_model(name)
        tokenizer = Tokenizer.open(folder)
        return cls(load_weights(folder, AutoModel, device=device), tokenizer)

    @property
    def seq_len(self) -> int:
        """Tokens it reads at once, at most."""
        return most_tokens(self.model.config)
