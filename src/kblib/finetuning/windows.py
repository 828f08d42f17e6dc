"""Texts, and pairs of texts, as rows that a model reads at once; long texts in several windows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from kblib.models.batches import Frame, cut, filler_of, padded
from kblib.models.lanes import asked_together
from kblib.models.pair_frame import PairFrame
from kblib.tokens.subwords import Tokenizer

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """Rows of ids, and whose they are.

    Attributes
    ----------
    ids
        Framed.
    types
        Of each id to which text of a pair it belongs; None where the model does not ask.
    text_of
        Of each row the number of its text.
    n_tokens, n_windows
        Of each text, without frames.
    shortened
        The numbers of pairs of which a text lost its end.
    """

    ids: list[list[int]]
    types: list[list[int]] | None
    text_of: list[int]
    n_tokens: list[int]
    n_windows: list[int]
    shortened: frozenset[int] = frozenset()


def windows_of_texts(tokenizer: Tokenizer, texts: Sequence[str], seq_len: int) -> Windows:
    """Cut each text into as few windows as fit, of nearly equal lengths."""
    frame = Frame.of(tokenizer)
    encoded = tokenizer.encode_batch(texts, special=False)
    cuts = [cut(ids, max(1, seq_len - len(frame))) for ids in encoded]
    return Windows(
        [frame.around(ids) for own in cuts for ids in own],
        None,
        [number for number, own in enumerate(cuts) for _ in own],
        [len(ids) for ids in encoded],
        [len(own) for own in cuts],
    )


def windows_of_pairs(
    tokenizer: Tokenizer,
    firsts: Sequence[str],
    seconds: Sequence[str],
    seq_len: int,
    *,
    typed: bool,
) -> Windows:
    """Put each pair into one row; of what is too long the longer text loses its end."""
    frame = PairFrame.of(tokenizer)
    room = max(2, seq_len - len(frame))
    rows, types, sizes, lost = [], [], [], set()
    for number, (first, second) in enumerate(
        zip(
            tokenizer.encode_batch(firsts, special=False),
            tokenizer.encode_batch(seconds, special=False),
            strict=True,
        )
    ):
        a, b = shortened(first, second, room)
        if len(a) + len(b) < len(first) + len(second):
            lost.add(number)
        one, other = frame.first(a), frame.second(b)
        rows.append([*one, *other])
        types.append([frame.types[0]] * len(one) + [frame.types[1]] * len(other))
        sizes.append(len(first) + len(second))
    every = list(range(len(rows)))
    return Windows(rows, types if typed else None, every, sizes, [1] * len(rows), frozenset(lost))


def shortened(
    first: Sequence[int], second: Sequence[int], room: int
) -> tuple[Sequence[int], Sequence[int]]:
    """Cut the ends of two texts so that both fit; the longer one gives way first.

    Examples
    --------
    >>> shortened([1, 2, 3, 4, 5], [7, 8], room=5)
    ([1, 2, 3], [7, 8])
    """
    if len(first) + len(second) <= room:
        return first, second
    half = room // 2
    if len(second) <= half:
        return first[: room - len(second)], second
    if len(first) <= half:
        return first, second[: room - len(first)]
    return first[: room - half], second[:half]


def logits_of(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    ids: Sequence[Sequence[int]],
    types: Sequence[Sequence[int]] | None = None,
) -> Iterator[tuple[int, Floats]]:
    """Yield the number of each row and its logits, in the order in which they are read.

    Shape (labels,), or (places, labels) where words are labelled.
    """
    filler = filler_of(tokenizer)

    def answers(chosen: list[int]) -> Floats:
        row_types = None if types is None else [types[number] for number in chosen]
        batch = padded_rows([ids[number] for number in chosen], row_types, filler, model.device)
        found: Floats = model(**batch).logits.double().cpu().numpy()
        return found

    batches, found = asked_together([len(row) for row in ids], answers, model.device)
    for number, answer in zip(chain(*batches), chain(*found), strict=True):
        yield number, answer if answer.ndim == 1 else answer[: len(ids[number])]


def padded_rows(
    rows: Sequence[Sequence[int]],
    types: Sequence[Sequence[int]] | None,
    filler: int,
    device: torch.device,
) -> dict[str, Tensor]:
    """Return what a model of transformers takes: ids, mask and, where there are, types."""
    ids_BT, mask_BT = padded(rows, filler, device)
    mask_BT = torch.ones_like(ids_BT) if mask_BT is None else mask_BT
    batch = {"input_ids": ids_BT, "attention_mask": mask_BT}
    if types is not None:
        batch["token_type_ids"] = padded(types, 0, device)[0]
    return batch


def means_by_text(windows: Windows, scores: Sequence[Floats]) -> list[Floats | None]:
    """Return of each text the mean of its windows' scores, each weighted by its tokens."""
    own: list[list[int]] = [[] for _ in windows.n_tokens]
    for number, text in enumerate(windows.text_of):
        own[text].append(number)
    return [
        np.average([scores[n] for n in some], axis=0, weights=[len(windows.ids[n]) for n in some])
        if some
        else None
        for some in own
    ]


def shares_of(logits: Floats) -> Floats:
    """Return shares of one, over the last axis."""
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    shares: Floats = grown / grown.sum(axis=-1, keepdims=True)
    return shares
