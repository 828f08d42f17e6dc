"""Batches of labelled windows: which ones stand in a step depends on seed and step alone.

Letters on tensors: B windows, T tokens.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kblib.finetuning.examples import IGNORED, Examples
from kblib.finetuning.windows import padded_rows
from kblib.training.engine import Batch

_POOL = 16  # batches whose windows are sorted by length before they are cut, to pad less


class LabelledBatches:
    """The batches of a finetuning.

    Parameters
    ----------
    examples
        What is learnt from.
    filler
        Stands where a shorter window has ended.
    batch_size
        Windows a step over all ranks.
    seed
        Of the order, another one each epoch.
    rank, world_size
        Which share of a batch is this rank's.
    """

    def __init__(
        self,
        examples: Examples,
        filler: int,
        *,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.examples = examples
        self.filler = filler
        self.batch_size = batch_size
        self.seed = seed
        self.rank, self.world_size = rank, world_size
        self._order = lru_cache(maxsize=2)(self._order_of)

    @property
    def steps_an_epoch(self) -> int:
        """Steps in which every window is read once."""
        return math.ceil(len(self.examples) / self.batch_size)

    def step(self, step: int) -> list[Batch]:
        """Return the batch of a step, this rank's share of it."""
        epoch, place = divmod(step, self.steps_an_epoch)
        return [self.batch(self._order(epoch)[place])]

    def batch(self, chosen: list[int]) -> dict[str, Tensor]:
        """Return windows as a batch.

        Weights are such that the mean over ranks of their sums of losses is the weighted mean over
        the whole batch.
        """
        examples = self.examples
        whole = sum(float(np.sum(examples.weights[number])) for number in chosen)
        mine = chosen[self.rank :: self.world_size] or chosen[:1]
        empty = not chosen[self.rank :: self.world_size]
        types = None if examples.types is None else [examples.types[n] for n in mine]
        ids = [examples.ids[number] for number in mine]
        batch = padded_rows(ids, types, self.filler, torch.device("cpu"))
        longest = batch["input_ids"].shape[1]
        share = 0.0 if empty or not whole else self.world_size / whole
        batch["targets"] = _tensor([examples.targets[n] for n in mine], longest, IGNORED)
        batch["weights"] = _tensor([examples.weights[n] for n in mine], longest, 0.0) * share
        return batch

    def _order_of(self, epoch: int) -> list[list[int]]:
        random = np.random.default_rng((self.seed, epoch))
        order = random.permutation(len(self.examples))
        pool = self.batch_size * _POOL
        batches = []
        for start in range(0, len(order), pool):
            part = sorted(order[start : start + pool].tolist(), key=self._length)
            batches += [part[at : at + self.batch_size]
                        for at in range(0, len(part), self.batch_size)]  # fmt: skip
        return [batches[number] for number in random.permutation(len(batches))]

    def _length(self, number: int) -> int:
        return len(self.examples.ids[number])


def _tensor(rows: list[Any], longest: int, filler: float) -> Tensor:
    """Return one value a window, (B,), or one a piece, (B, T)."""
    if isinstance(rows[0], list):
        rows = [[*row, *[filler] * (longest - len(row))] for row in rows]
    kind = torch.long if isinstance(np.ravel(rows[0])[0].item(), int) else torch.float32
    return torch.tensor(rows, dtype=kind)
