"""A held-out part, read once, and scored as often as needed: its loss, and what decides.

Letters on arrays: T tokens, C labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from transformers import PreTrainedModel

from kblib.finetuning.about import About
from kblib.finetuning.examples import windows_of_rows, words_of_rows
from kblib.finetuning.points import points
from kblib.finetuning.windows import Floats, Windows, logits_of, means_by_text, shares_of
from kblib.labels import Labels
from kblib.models.word_windows import WordsRead, windows_of_words
from kblib.tokens.subwords import Tokenizer

Rows: TypeAlias = tuple[list[list[int]], list[list[int]] | None]
"""Ids of windows, and their types where a model asks for them."""


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
            return cls(labels, tokenizer, about, windows_of_rows(labels, tokenizer, about))
        texts, spans = words_of_rows(labels)
        read = windows_of_words(tokenizer, texts, spans, seq_len=about.seq_len, last=last)
        return cls(labels, tokenizer, about, read)

    def score(self, model: PreTrainedModel) -> dict[str, float]:
        """Return loss, scores of the task, and ``score``, which decides."""
        training = model.training
        model.train(False)
        read, given = self.read, self.labels.rows["label"].to_list()
        if isinstance(read, WordsRead):
            loss, said = self._words_said(model, read, given)
        elif self.about.task.is_scale:
            loss, said = self._numbers_said(model, read, given)
        else:
            loss, said = self._labels_said(model, read, given)
        model.train(training)
        return {"loss": loss, **points(self.about.task, given, said)}

    def rows(self, n: int) -> Rows:
        """Return the first few windows, to be read before and after a model is saved."""
        if isinstance(self.read, WordsRead):
            return [window.ids for window in self.read.windows[:n]], None
        types = None if self.read.types is None else self.read.types[:n]
        return self.read.ids[:n], types

    def _logits(self, model: PreTrainedModel, read: Windows) -> list[Floats]:
        found: list[Floats] = [np.empty(0)] * len(read.ids)
        for number, one in logits_of(model, self.tokenizer, read.ids, read.types):
            found[number] = one
        return found

    def _numbers_said(
        self, model: PreTrainedModel, read: Windows, given: Sequence[float]
    ) -> tuple[float, list[Any]]:
        """Return mean squared error in units of the spread, and numbers; unread texts the mean."""
        mean, spread = self.about.mean, self.about.spread
        found = means_by_text(read, self._logits(model, read))
        said = [mean if one is None else float(np.ravel(one)[0]) * spread + mean for one in found]
        errors = (np.asarray(given) - np.asarray(said)) / spread
        return float(np.mean(errors**2)), said

    def _labels_said(
        self, model: PreTrainedModel, read: Windows, given: Sequence[str]
    ) -> tuple[float, list[Any]]:
        """Return nats a text, and labels; None of a text that holds nothing to read."""
        labels, logits = self.about.task.labels, self._logits(model, read)
        number_of = {label: at for at, label in enumerate(labels)}
        losses = [
            _nats(one, number_of[given[text]])
            for one, text in zip(logits, read.text_of, strict=True)
        ]
        weights = [1 / read.n_windows[text] for text in read.text_of]
        means = means_by_text(read, [shares_of(one) for one in logits])
        said = [None if one is None else labels[int(one.argmax())] for one in means]
        return (float(np.average(losses, weights=weights)) if losses else 0.0), said

    def _words_said(
        self, model: PreTrainedModel, read: WordsRead, given: Sequence[Sequence[str]]
    ) -> tuple[float, list[Any]]:
        """Return nats a word, and labels; None of a word without a piece of its own."""
        labels = self.about.task.labels
        number_of = {label: at for at, label in enumerate(labels)}
        said: list[list[str | None]] = [[None] * len(row) for row in given]
        losses: list[float] = []
        rows = [window.ids for window in read.windows]
        for number, logits_TC in logits_of(model, self.tokenizer, rows):
            window = read.windows[number]
            for place, word in zip(window.places, window.words, strict=True):
                losses.append(_nats(logits_TC[place], number_of[given[window.text][word]]))
                said[window.text][word] = labels[int(logits_TC[place].argmax())]
        return (float(np.mean(losses)) if losses else 0.0), said


def named(scores: dict[str, float]) -> Iterator[tuple[str, Any]]:
    """Yield scores under the names that they have in the curve of a run."""
    for name, value in scores.items():
        yield f"eval_{name}", value


def _nats(logits_C: Floats, right: int) -> float:
    top = float(logits_C.max())
    return top + float(np.log(np.exp(logits_C - top).sum())) - float(logits_C[right])
