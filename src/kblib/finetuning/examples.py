"""Labelled texts as what a model is trained on: windows of ids, and what is right of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kblib.finetuning.about import About
from kblib.finetuning.windows import Windows, windows_of_pairs, windows_of_texts
from kblib.labels import Labels
from kblib.models.word_places import Span, place_words
from kblib.models.word_windows import WordsRead, windows_of_words
from kblib.tokens.subwords import Tokenizer

IGNORED = -100
"""The target of a piece that nobody asks about, as torch's cross-entropy knows it."""


@dataclass(frozen=True)
class Examples:
    """What a model is trained on, a window each.

    Attributes
    ----------
    ids, types
        As in `Windows`.
    targets
        Of each window: the number of its label, a point on the scale in units of the spread, or a
        label of each piece.
    weights
        Of each window, or of each of its pieces: how much it counts.
    notes
        What was cut or left out, in sentences.
    """

    ids: list[list[int]]
    types: list[list[int]] | None
    targets: list[Any]
    weights: list[Any]
    notes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def of_words(self) -> bool:
        """Whether pieces are labelled."""
        return bool(self.targets) and isinstance(self.targets[0], list)


def examples_of(
    labels: Labels,
    tokenizer: Tokenizer,
    about: About,
    *,
    last: bool,
    weight_of: Mapping[str, float] | None = None,
) -> Examples:
    """Encode labelled texts.

    Parameters
    ----------
    last
        Whether the last piece of a word answers for it.
    weight_of
        How much each label counts; by default all the same.
    """
    if about.task.kind == "words":
        return _of_words(labels, tokenizer, about, last=last, weight_of=weight_of or {})
    windows = windows_of_rows(labels, tokenizer, about)
    given = labels.rows["label"].to_list()
    number = {label: at for at, label in enumerate(about.task.labels)}
    right = [
        (value - about.mean) / about.spread if about.task.is_scale else number[value]
        for value in given
    ]
    counts = [(weight_of or {}).get(value, 1.0) if isinstance(value, str) else 1.0
              for value in given]  # fmt: skip
    # A long text counts as much as a short one, however many windows it has.
    weights = [counts[text] / windows.n_windows[text] for text in windows.text_of]
    return Examples(
        windows.ids,
        windows.types,
        [right[text] for text in windows.text_of],
        weights,
        tuple(_notes(labels, windows, about)),
    )


def windows_of_rows(labels: Labels, tokenizer: Tokenizer, about: About) -> Windows:
    """Return the windows of labelled texts or pairs."""
    texts = labels.rows["text"].to_list()
    if about.task.kind == "texts":
        return windows_of_texts(tokenizer, texts, about.seq_len)
    seconds = labels.rows["text_pair"].to_list()
    return windows_of_pairs(tokenizer, texts, seconds, about.seq_len, typed=about.typed)


def words_of_rows(labels: Labels) -> tuple[list[str], list[list[Span]]]:
    """Return texts, and where their labelled words stand in them."""
    rows = labels.rows.select("text", "tokens").iter_rows()
    placed = [place_words(text, tokens) for text, tokens in rows]
    return [text for text, _ in placed], [spans for _, spans in placed]


def class_weights(labels: Labels) -> dict[str, float]:
    """Return how much each label counts so that all of them count the same in sum."""
    counts: Counter[str] = Counter(_flat(labels))
    total, n = sum(counts.values()), len(counts)
    return {label: total / (n * count) for label, count in counts.items()}


def _flat(labels: Labels) -> Iterator[str]:
    for value in labels.rows["label"].to_list():
        yield from value if isinstance(value, list) else [value]


def _of_words(
    labels: Labels,
    tokenizer: Tokenizer,
    about: About,
    *,
    last: bool,
    weight_of: Mapping[str, float],
) -> Examples:
    texts, spans = words_of_rows(labels)
    read = windows_of_words(tokenizer, texts, spans, seq_len=about.seq_len, last=last)
    number = {label: at for at, label in enumerate(about.task.labels)}
    given: Sequence[Sequence[str]] = labels.rows["label"].to_list()
    targets, weights = [], []
    for window in read.windows:
        right, counts = [IGNORED] * len(window.ids), [0.0] * len(window.ids)
        for place, word in zip(window.places, window.words, strict=True):
            label = given[window.text][word]
            right[place], counts[place] = number[label], weight_of.get(label, 1.0)
        targets.append(right)
        weights.append(counts)
    ids = [window.ids for window in read.windows]
    return Examples(ids, None, targets, weights, tuple(_word_notes(labels, read, about)))


def _notes(labels: Labels, windows: Windows, about: About) -> Iterator[str]:
    several = [n for n in windows.n_windows if n > 1]
    if several:
        yield (
            f"Of '{labels.name}' {len(several):,} texts are longer than {about.seq_len} tokens: "
            f"read in {sum(several):,} windows, the longest in {max(several):,}."
        )
    if windows.shortened:
        yield (
            f"Of '{labels.name}' {len(windows.shortened):,} pairs are longer than {about.seq_len} "
            "tokens: the longer text lost its end."
        )
    if unread := sum(not n for n in windows.n_windows):
        yield f"Of '{labels.name}' {unread:,} texts hold nothing that the model reads: left out."


def _word_notes(labels: Labels, read: WordsRead, about: About) -> Iterator[str]:
    if several := [n for n in read.n_windows if n > 1]:
        yield (
            f"Of '{labels.name}' {len(several):,} texts are longer than {about.seq_len} tokens: "
            f"read in {sum(several):,} windows, cut between words."
        )
    if read.cut:
        yield f"Of '{labels.name}' {read.cut:,} words are longer than a window: their ends are cut."
    if unread := sum(map(len, read.unread)):
        yield f"Of '{labels.name}' {unread:,} words have no piece of their own: not learnt from."
