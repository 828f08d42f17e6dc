"""A held-out part, read once, and scored as often as needed: its loss, and what decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from kblib.finetuning.about import About
from kblib.finetuning.examples import windows_of_rows, words_of_rows
from kblib.finetuning.points import points
from kblib.finetuning.windows import Floats, Windows, logits_of, means_by_text, shares_of
from kblib.labels import Labels
from kblib.models.word_windows import WordsRead, windows_of_words
from kblib.tokens.subwords import Tokenizer


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Labelled texts that are not learnt from.

    Attributes
    ----------
    labels
        What is right.
    read
        Their windows.
    """

    labels: Labels
    tokenizer: Tokenizer
    about: About
    read: Windows | WordsRead

    @classmethod
    def of(cls, labels: Labels, tokenizer: Tokenizer, about: About, *, last: bool) -> HeldOut:
        """Encode labelled texts."""
        if about.task.kind != "words":
            windows = windows_of_rows(labels, tokenizer, about)
            return cls(labels, tokenizer, about, windows)
        texts, spans = words_of_rows(labels)
        read = windows_of_words(tokenizer, texts, spans, seq_len=about.seq_len, last=last)
        return cls(labels, tokenizer, about, read)

    def score(self, model: PreTrainedModel) -> dict[str, float]:
        """Return loss, scores of the task, and ``score``, which decides."""
        training = model.training
        model.train(False)
        found = self._of_words(model) if isinstance(self.read, WordsRead) else self._of_texts(model)
        model.train(training)
        return found

    def _of_texts(self, model: PreTrainedModel) -> dict[str, float]:
        assert isinstance(self.read, Windows)  # noqa: S101  asked for by the only caller
        logits: list[Floats] = [np.empty(0)] * len(self.read.ids)
        for number, one in logits_of(model, self.tokenizer, self.read.ids, self.read.types):
            logits[number] = one
        given = self.labels.rows["label"].to_list()
        task = self.about.task
        if task.is_scale:
            said = [self._number(one) for one in means_by_text(self.read, logits)]
            losses = [((a - b) / self.about.spread) ** 2 for a, b in zip(given, said, strict=True)]
            return {"loss": float(np.mean(losses)), **points(task, given, said)}
        number_of = {label: at for at, label in enumerate(task.labels)}
        losses = [
            _nats(one, number_of[given[text]])
            for one, text in zip(logits, self.read.text_of, strict=True)
        ]
        means = means_by_text(self.read, [shares_of(one) for one in logits])
        said_names = [None if one is None else task.labels[int(one.argmax())] for one in means]
        weights = [1 / self.read.n_windows[text] for text in self.read.text_of]
        loss = float(np.average(losses, weights=weights)) if losses else 0.0
        return {"loss": loss, **points(task, given, said_names)}

    def _of_words(self, model: PreTrainedModel) -> dict[str, float]:
        assert isinstance(self.read, WordsRead)  # noqa: S101  asked for by the only caller
        given: Sequence[Sequence[str]] = self.labels.rows["label"].to_list()
        said: list[list[str | None]] = [[None] * len(row) for row in given]
        number_of = {label: at for at, label in enumerate(self.about.task.labels)}
        losses: list[float] = []
        rows = [window.ids for window in self.read.windows]
        for number, logits_TC in logits_of(model, self.tokenizer, rows):
            window = self.read.windows[number]
            for place, word in zip(window.places, window.words, strict=True):
                losses.append(_nats(logits_TC[place], number_of[given[window.text][word]]))
                said[window.text][word] = self.about.task.labels[int(logits_TC[place].argmax())]
        loss = float(np.mean(losses)) if losses else 0.0
        return {"loss": loss, **points(self.about.task, given, said)}

    def _number(self, mean: Floats | None) -> float:
        """Return what was said; of a text that holds nothing to read, the mean."""
        if mean is None:
            return self.about.mean
        return float(np.ravel(mean)[0]) * self.about.spread + self.about.mean

    def rows(self, n: int) -> tuple[list[list[int]], list[list[int]] | None]:
        """Return the first few windows, to be read before and after a model is saved."""
        if isinstance(self.read, WordsRead):
            return [window.ids for window in self.read.windows[:n]], None
        types = None if self.read.types is None else self.read.types[:n]
        return self.read.ids[:n], types


def named(scores: dict[str, float]) -> Iterator[tuple[str, Any]]:
    """Yield scores under the names that they have in the curve of a run."""
    for name, value in scores.items():
        yield f"eval_{name}", value


def _nats(logits_C: Floats, right: int) -> float:
    top = float(logits_C.max())
    return top + float(np.log(np.exp(logits_C - top).sum())) - float(logits_C[right])
