"""Many texts read together: cut where they are too long, sorted by length, padded within a batch.

Which texts stand in a batch together is decided by the texts alone, so that the same texts give the
same numbers, whoever reads them and however often somebody was stopped.

Letters on tensors: B texts, T tokens.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from kblib.tokens.subwords import Tokenizer

TOKENS = 4096  # read by a model at once; more falls out of a processor's cache
LONGER = 1.15
"""How many times the shortest of a batch the longest is: without a bound a third was padding."""


@dataclass(frozen=True)
class Frame:
    """The pieces a model expects around a text, such as ``[CLS]`` and ``[SEP]``.

    Attributes
    ----------
    before, after
        Their ids.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Frame:
        """Find what a tokenizer puts around a text by framing one."""
        for sample in ("a", "1", "."):
            bare, whole = tokenizer.encode(sample, special=False), tokenizer.encode(sample)
            for start in range(len(whole) - len(bare) + 1 if bare else 0):
                if whole[start : start + len(bare)] == bare:
                    return cls(tuple(whole[:start]), tuple(whole[start + len(bare) :]))
        return cls((), tuple(tokenizer.encode("")))

    def __len__(self) -> int:
        return len(self.before) + len(self.after)

    def around(self, ids: Sequence[int]) -> list[int]:
        """Return ids with the frame around them."""
        return [*self.before, *ids, *self.after]


def cut(ids: Sequence[int], room: int) -> list[list[int]]:
    """Cut the ids of a text into as few windows as fit, of nearly equal lengths.

    Examples
    --------
    >>> cut([1, 2, 3, 4, 5], room=4)
    [[1, 2, 3], [4, 5]]
    """
    if not ids:
        return []
    size = math.ceil(len(ids) / math.ceil(len(ids) / room))
    return [list(ids[start : start + size]) for start in range(0, len(ids), size)]


def together(
    lengths: Sequence[int], tokens: int = TOKENS, *, longer: float = math.inf
) -> Iterator[list[int]]:
    """Yield which texts are read together: of like length, and so many tokens with their padding.

    Parameters
    ----------
    lengths
        Of each text, in tokens.
    longer
        How many times the shortest of a batch the longest may be: what bounds the padding.

    Examples
    --------
    >>> list(together([9, 2, 3, 2], tokens=6))
    [[1, 3], [2], [0]]
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    start = 0
    while start < len(order):
        stop = start + 1
        most = longer * lengths[order[start]]
        while (
            stop < len(order)
            and (stop + 1 - start) * lengths[order[stop]] <= tokens
            and lengths[order[stop]] <= most
        ):
            stop += 1
        yield order[start:stop]
        start = stop


def padded(
    rows: Sequence[Sequence[int]], filler: int, device: torch.device
) -> tuple[Tensor, Tensor | None]:
    """Return ids, (B, T), padded on the right, and a mask that is 0 there; None where nothing is.

    Parameters
    ----------
    filler
        What stands where a shorter row has ended.
    """
    lengths_B = np.array([len(row) for row in rows])
    inside_BT = np.arange(lengths_B.max()) < lengths_B[:, None]
    ids_BT = np.full(inside_BT.shape, filler, dtype=np.int64)
    ids_BT[inside_BT] = np.fromiter(chain.from_iterable(rows), np.int64, lengths_B.sum())
    ids = torch.from_numpy(ids_BT).to(device)
    if inside_BT.all():
        return ids, None
    return ids, torch.from_numpy(inside_BT).to(device).long()


def filler_of(tokenizer: Tokenizer) -> int:
    """Return the padding piece; where there is none any will do, since nobody looks at it."""
    return tokenizer.pad_id if tokenizer.has("pad_token") else 0
