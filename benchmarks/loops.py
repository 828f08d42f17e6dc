"""Two of the loops that `benchmarks.loop` compares: that of a run, and one written by hand.

All start from the same weights, read the same batches and take the same optimiser steps: AdamW
(fused), betas 0.9 and 0.98, decay on matrices only, gradients clipped at 1, a constant learning
rate, float32. B blocks, T tokens, K masked positions, D width.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from kblib.runs import journal
from kblib.training.batches import BlockBatches
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch, Engine, TorchEngine
from kblib.training.loop import train
from kblib.training.objective import MaskedObjective

NOT_ASKED = -100  # the label of a position that is not masked, as transformers has it


@dataclass
class Steps:
    """What a loop did: the loss of each step, and when its end was reached."""

    losses: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def add(self, loss: float) -> None:
        """Take down the end of a step."""
        self.losses.append(loss)
        self.ends.append(time.perf_counter())

    @property
    def seconds(self) -> float:
        """From the end of the first step, which is a warm-up, to the end of the last."""
        return self.ends[-1] - self.ends[0]


class Loop(Protocol):
    """A training that goes on with each call."""

    def run(self, n: int) -> Steps:
        """Take the next `n` steps."""


class OurLoop:
    """The loop of a run: blocks read and masked as it goes, every step written to a journal."""

    def __init__(
        self,
        model: PreTrainedModel,
        batches: BlockBatches,
        config: TrainingConfig,
        metrics: Path,
        engine: Engine | None = None,
    ) -> None:
        cpu, dtype = torch.device("cpu"), torch.float32  # on any processor, as the others
        self.engine = engine or TorchEngine(MaskedObjective(model), config, cpu, dtype=dtype)
        self.batches, self.config, self.metrics = batches, config, metrics
        self.done = 0

    def run(self, n: int) -> Steps:
        """Take the next `n` steps."""
        steps = Steps()

        def record(line: Any) -> None:
            journal.append(self.metrics, {**line, "attempt": 1})
            if "loss" in line:  # evaluations and checkpoints are told too
                steps.add(line["loss"])

        self.done = train(
            self.engine,
            self.batches,
            self.config,
            first_step=self.done,
            record=record,
            evaluate=dict,
            save=lambda _: None,
            stop=lambda: len(steps.ends) == n - 1,  # asked in the last one
        )
        return steps


class ReadyBatches:
    """The same batches as tensors in memory, made before the clock runs."""

    def __init__(self, batches: BlockBatches, form: Callable[[Batch], Batch] = dict) -> None:
        self.batches, self.form, self.done = batches, form, 0

    def next(self, n: int) -> list[Batch]:
        """Return the batches of the next `n` steps."""
        steps = range(self.done, self.done + n)
        self.done += n
        return [self.form(batch) for step in steps for batch in self.batches.step(step)]


def with_labels(batch: Batch) -> Batch:
    """Return inputs and labels of shape (B, T), as transformers' own models take them."""
    labels_BT = torch.full_like(batch["input_ids"], NOT_ASKED)
    targets_BK = torch.where(batch["weights"] > 0, batch["targets"], NOT_ASKED)
    labels_BT.scatter_(1, batch["positions"], targets_BK)
    return {"input_ids": batch["input_ids"], "labels": labels_BT}


class BareLoop:
    """What one writes by hand: no journal, no schedule, no checks, tensors ready.

    Parameters
    ----------
    full_head
        Whether the vocabulary head runs on all positions, as the model's own forward does.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        batches: BlockBatches,
        config: TrainingConfig,
        *,
        full_head: bool = False,
    ) -> None:
        self.model = model.train()
        self.loss = self._full_loss if full_head else self._masked_loss
        self.ready = ReadyBatches(batches, with_labels if full_head else dict)
        self.clip_norm = config.clip_norm
        self.parameters = list(model.parameters())
        groups: list[dict[str, Any]] = [
            {"params": [p for p in self.parameters if p.ndim > 1]},
            {"params": [p for p in self.parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(
            groups,
            lr=config.learning_rate,
            betas=(0.9, 0.98),
            eps=1e-6,
            weight_decay=config.weight_decay,
            fused=True,
        )

    def run(self, n: int) -> Steps:
        """Take the next `n` steps."""
        steps = Steps()
        for batch in self.ready.next(n):
            loss = self.loss(batch)
            loss.backward()
            nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
            self.optimizer.step()
            self.optimizer.zero_grad(set_to_none=True)
            steps.add(loss.item())
        return steps

    def _masked_loss(self, batch: Batch) -> Tensor:
        model: Any = self.model
        states_BTD = model.bert(batch["input_ids"]).last_hidden_state
        rows_B1 = torch.arange(len(states_BTD))[:, None]
        logits_BKV = model.cls(states_BTD[rows_B1, batch["positions"]])
        return cross_entropy(logits_BKV.flatten(0, 1), batch["targets"].flatten())

    def _full_loss(self, batch: Batch) -> Tensor:
        loss: Tensor = self.model(**batch).loss
        return loss
