"""Does a sentence follow from the text? A model trained on pairs of sentences is asked for each.

Yin, Hay and Roth (2019): a label is put into a sentence, and the model says whether the text
entails it. All pairs of all texts are sorted by length and read in batches of like length; texts
and sentences are each cut into tokens once.

Letters on tensors: N texts, P sentences, W windows, B pairs, T tokens, C answers of the model.

References
----------
Yin, Hay and Roth (2019), Benchmarking zero-shot text classification, arXiv 1909.00161.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from kblib.errors import ModelError
from kblib.models.batches import filler_of
from kblib.models.classifier import SequenceClassifier
from kblib.models.lanes import asked_together
from kblib.models.pair_frame import PairFrame, reads_types
from kblib.zeroshot.asked import Asked
from kblib.zeroshot.evidence import Evidence, Floats, of_texts
from kblib.zeroshot.windows import Windows, room_beside

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class PairLogits:
    """What a model says of each text and each sentence.

    Attributes
    ----------
    values
        Its logits, shape (N, P, C).
    windows
        How the texts were cut.
    """

    values: Floats
    windows: Windows


class Entailment:
    """Zero-shot labels by entailment.

    Parameters
    ----------
    model
        A classifier one of whose labels is called entailment.

    Raises
    ------
    ModelError
        If it has no such label, or reads no pairs.
    """

    name = "entailment"

    def __init__(self, model: SequenceClassifier) -> None:
        self.model = model
        self._entails = model.entailment
        self._frame = PairFrame.of(model.tokenizer)
        self._types = reads_types(model.model, model.folder)

    @property
    def opened(self) -> SequenceClassifier:
        """The model that it asks."""
        return self.model

    @property
    def provenance(self) -> dict[str, str]:
        """Model, weights, and which of its labels was read."""
        return {**self.model.provenance, "read": self.model.labels[self._entails]}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know."""
        return ()

    @property
    def contradiction(self) -> int:
        """Which label says that a sentence contradicts the text.

        Raises
        ------
        ModelError
            If none does, and there are more than two to choose from.
        """
        labels, found = self.model.labels, self.model.called("contra")
        if len(found) == 1:
            return found[0]
        if len(labels) == 2:
            return 1 - self._entails
        raise ModelError(
            f"The model '{self.model.name}' has the labels {', '.join(labels)}.",
            "One that is called 'contradiction' was expected: each label is set against it.",
            "multi=False compares the labels with one another instead.",
        )

    def evidence(self, texts: Sequence[str], asked: Asked, *, multi: bool) -> Evidence:
        """Return the logits of entailment; with `multi` less those of contradiction."""
        against = self.contradiction if multi else None
        found = self.logits(texts, [prompt.sentence for prompt in asked.prompts])
        values_NP = found.values[:, :, self._entails]
        if against is not None:
            values_NP = values_NP - found.values[:, :, against]
        return Evidence(values_NP, found.windows.n_tokens, found.windows.n_windows)

    def logits(self, texts: Sequence[str], sentences: Sequence[str]) -> PairLogits:
        """Return all logits of all pairs, the mean over the windows of a long text.

        Raises
        ------
        ModelError
            If a sentence leaves no room for a text.
        """
        tokenizer, frame = self.model.tokenizer, self._frame
        encoded = tokenizer.encode_batch(list(sentences), special=False)
        longest = max(range(len(encoded)), key=lambda number: len(encoded[number]))
        taken = len(encoded[longest]) + len(frame)
        room = room_beside(taken, self.model.seq_len, sentences[longest])
        windows = Windows.of(tokenizer, texts, room)
        firsts = [np.array(frame.first(ids), dtype=np.int64) for ids in windows.ids]
        seconds = [np.array(frame.second(ids), dtype=np.int64) for ids in encoded]
        values_WPC = self._all_pairs(firsts, seconds)
        flat = values_WPC.reshape(len(firsts), -1)
        means = of_texts(flat, windows.text_of, windows.sizes, len(texts))
        return PairLogits(means.reshape(len(texts), len(seconds), -1), windows)

    def _all_pairs(self, firsts: list[Ids], seconds: list[Ids]) -> Floats:
        """Return the logits of each first text with each second, (W, P, C)."""
        n_seconds = len(seconds)
        sizes_P = np.array([len(ids) for ids in seconds])
        lengths = (np.array([len(ids) for ids in firsts])[:, None] + sizes_P).reshape(-1).tolist()

        def answers(chosen: list[int]) -> Floats:
            pairs = [(firsts[i // n_seconds], seconds[i % n_seconds]) for i in chosen]
            found: Floats = self._ask(pairs).double().cpu().numpy()
            return found

        batches, found = asked_together(lengths, answers, self.model.model.device)
        values = np.empty((len(lengths), len(self.model.labels)))
        values[np.concatenate(batches)] = np.concatenate(found)
        return values.reshape(len(firsts), n_seconds, -1)

    def _ask(self, pairs: Sequence[tuple[Ids, Ids]]) -> Tensor:
        """Return the logits of some pairs, padded on the right, (B, C)."""
        longest = max(len(first) + len(second) for first, second in pairs)
        ids_BT = np.full((len(pairs), longest), filler_of(self.model.tokenizer), dtype=np.int64)
        mask_BT, types_BT = np.zeros_like(ids_BT), np.zeros_like(ids_BT)
        for row, (first, second) in enumerate(pairs):
            middle, end = len(first), len(first) + len(second)
            ids_BT[row, :middle], ids_BT[row, middle:end] = first, second
            mask_BT[row, :end] = 1
            types_BT[row, :middle], types_BT[row, middle:end] = self._frame.types
        given = {"input_ids": ids_BT, "attention_mask": mask_BT}
        if self._types:
            given["token_type_ids"] = types_BT
        device = self.model.model.device
        tensors = {name: torch.from_numpy(array).to(device) for name, array in given.items()}
        logits: Tensor = self.model.model(**tensors).logits.float()
        return logits
