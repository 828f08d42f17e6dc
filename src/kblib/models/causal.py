"""Causal language models: open one, let it continue a text, measure its surprise.

Letters on tensors: B texts, T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForCausalLM, PreTrainedModel

from kblib.errors import ModelError
from kblib.metrics import Perplexity, TextSize
from kblib.models.build import build_causal
from kblib.models.catalog import find_model
from kblib.models.folder import fingerprint, load_weights, shape_of
from kblib.models.shape import ModelShape
from kblib.tokens.learn import HasTexts, again
from kblib.tokens.subwords import Tokenizer

__all__ = ["CausalLM", "Generated", "Perplexity", "build_causal"]

IGNORED = -100  # the target that torch's cross entropy leaves out by default
_DOCUMENTS = 512  # encoded at once
_TOKENS = 4096  # read by the model at once; more falls out of a processor's cache


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
        Model, weights, seed, temperature.
    """

    prompt: str
    continuation: str
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Prompt and continuation in one."""
        return self.prompt + self.continuation

    def __str__(self) -> str:
        """Return the whole text."""
        return self.text


class CausalLM:
    """A causal language model with its tokenizer, ready to use.

    Parameters
    ----------
    model
        A model of transformers with a causal head.
    tokenizer
        The tokenizer it was trained with.
    name
        Name to show.
    folder
        Where it was opened from, if it was.
    """

    def __init__(
        self, model: PreTrainedModel, tokenizer: Tokenizer, *, name: str, folder: Path | None = None
    ) -> None:
        self.model = model
        model.train(False)
        self.tokenizer = tokenizer
        self.name = name
        self.folder = folder

    @classmethod
    def open(cls, name: str | Path, *, device: str | None = None) -> CausalLM:
        """Open a causal model by folder, by name, or by its name on the model hub.

        Parameters
        ----------
        device
            ``cpu`` or ``cuda``; by default a GPU if there is one.

        Raises
        ------
        ModelError
            If it cannot be found, is no causal model, has no safetensors, or does not fit in
            memory.
        IntegrityError
            If its files are not what its manifest says.
        """
        folder = find_model(name)
        tokenizer = Tokenizer.open(folder)
        model = load_weights(folder, AutoModelForCausalLM, device=device)
        shown = folder.name if Path(name).expanduser().is_dir() else str(name)
        return cls(model, tokenizer, name=shown, folder=folder)

    @property
    def shape(self) -> ModelShape | None:
        """Its sizes; None for a layout this project does not build."""
        return shape_of(self.model.config)

    @property
    def seq_len(self) -> int:
        """Tokens it reads at once, at most."""
        return int(self.model.config.max_position_embeddings)

    @torch.inference_mode()
    def generate(
        self, prompt: str, *, max_tokens: int = 40, seed: int, temperature: float = 0.8
    ) -> Generated:
        """Continue a text.

        Parameters
        ----------
        prompt
            The beginning; empty for a text from nothing.
        max_tokens
            Sub-words to add at most; fewer if the model ends the text.
        seed
            Equal seeds give equal texts on the same machine.
        temperature
            0 takes the most likely piece each time; 1 draws as the model's probabilities say;
            above, more wildly.

        Raises
        ------
        ModelError
            If prompt and continuation do not fit what the model reads, or an argument makes no
            sense.
        """
        if max_tokens < 1 or temperature < 0:
            raise ModelError(
                f"max_tokens is {max_tokens} and temperature {temperature}.",
                "At least 1 token and a temperature of at least 0 were expected.",
            )
        ids = [self.tokenizer.end_id, *self.tokenizer.encode(prompt, special=False)]
        if len(ids) + max_tokens > self.seq_len:
            raise ModelError(
                f"The prompt has {len(ids)} tokens and {max_tokens} shall follow.",
                f"This model reads at most {self.seq_len} at once.",
                f"max_tokens={max(1, self.seq_len - len(ids))}, or a shorter prompt.",
            )
        new = self._continue(ids, max_tokens, seed, temperature)
        about = {**self.provenance, "seed": seed, "temperature": temperature}
        return Generated(prompt, self.tokenizer.decode(new), about)

    def perplexity(self, corpus: Iterable[str] | HasTexts) -> Perplexity:
        """Measure how surprised the model is by texts.

        Each document is read on its own, from an end mark to its end mark. One that is longer than
        the model reads is read in windows that overlap by half, and each token is counted once,
        with at least half a window before it (except at the beginning).

        Raises
        ------
        ModelError
            If there is no text.
        """
        nats, size = 0.0, TextSize()
        texts = again(corpus)() if isinstance(corpus, str | HasTexts) else iter(corpus)
        while documents := list(islice(texts, _DOCUMENTS)):
            encoded = self.tokenizer.encode_batch(documents, special=False)
            nats += self._nats([w for ids in encoded for w in self._windows(ids)])
            size = size.with_documents(documents, encoded)
        if size.n_words == 0:
            raise ModelError("There are no words to measure.", "A corpus with text was expected.")
        return Perplexity.of(nats, size)

    @property
    def provenance(self) -> dict[str, str]:
        """Name, and SHA-256 of the weights where a manifest has it."""
        return {"model": self.name, "weights": fingerprint(self.folder) if self.folder else ""}

    def __repr__(self) -> str:
        """Return one line: name, layout, parameters."""
        layout = self.shape or self.model.config.model_type
        return f"<CausalLM {self.name}, {layout}, {self.model.num_parameters():,} parameters>"

    def _continue(
        self, ids: list[int], max_tokens: int, seed: int, temperature: float
    ) -> list[int]:
        generator = torch.Generator().manual_seed(
            seed
        )  # on the CPU, whatever the device: the same draw everywhere
        step_BT = torch.tensor([ids], device=self.model.device)
        cache, new = None, []
        for _ in range(max_tokens):
            output = self.model(input_ids=step_BT, past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            logits_V = output.logits[0, -1, : self.tokenizer.vocab_size].float().cpu()
            if temperature == 0:
                token = int(logits_V.argmax())
            else:
                share_V = (logits_V / temperature).softmax(-1)
                token = int(torch.multinomial(share_V, 1, generator=generator))
            if token == self.tokenizer.end_id:
                break
            new.append(token)
            step_BT = torch.tensor([[token]], device=self.model.device)
        return new

    def _windows(self, ids: Sequence[int]) -> Iterator[tuple[list[int], list[int]]]:
        """Yield inputs and targets of one document; what an earlier window has counted is -100."""
        end = self.tokenizer.end_id
        stream = [end, *ids, end]
        size, start, counted = self.seq_len, 0, 0
        while counted < len(stream) - 1:
            inputs = stream[start : min(start + size, len(stream) - 1)]
            targets = stream[start + 1 : start + 1 + len(inputs)]
            known = counted - start
            yield inputs, [IGNORED] * known + targets[known:]
            counted = start + len(inputs)
            start += max(1, size // 2)

    @torch.inference_mode()
    def _nats(self, windows: list[tuple[list[int], list[int]]]) -> float:
        """Return the summed surprise of windows.

        Those of like length are read together, padded on the right, where no token looks.
        """
        windows = sorted(windows, key=lambda window: len(window[0]))
        total, start = 0.0, 0
        while start < len(windows):
            stop = start + 1
            while stop < len(windows) and (stop + 1 - start) * len(windows[stop][0]) <= _TOKENS:
                stop += 1
            longest = len(windows[stop - 1][0])
            inputs_BT = self._padded(
                [w[0] for w in windows[start:stop]], longest, self.tokenizer.end_id
            )
            targets_BT = self._padded([w[1] for w in windows[start:stop]], longest, IGNORED)
            logits_BTV = self.model(input_ids=inputs_BT, use_cache=False).logits.float()
            total += float(
                functional.cross_entropy(
                    logits_BTV.flatten(0, 1), targets_BT.flatten(), reduction="sum"
                )
            )
            start = stop
        return total

    def _padded(self, rows: Sequence[Sequence[int]], length: int, filler: int) -> Tensor:
        return torch.tensor(
            [[*row, *[filler] * (length - len(row))] for row in rows], device=self.model.device
        )
