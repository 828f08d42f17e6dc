"""The third loop: transformers' Trainer, with every setting that makes it faster here.

No logging, no saving, no evaluation, no progress bar, fused AdamW, tensors ready and already
stacked. Its head runs over all positions, as the model's own forward does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch.distributed as dist
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import PreTrainedModel, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from benchmarks.loops import ReadyBatches, Steps, with_labels
from benchmarks.outcome import BenchmarkError
from kblib.training.batches import BlockBatches
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch


class TrainerLoop:
    """Trainer, called for a few steps at a time; model, optimiser and its state stay.

    Raises
    ------
    BenchmarkError
        If this process is one of several ranks: Trainer would become another, distributed one.
    """

    def __init__(
        self, model: PreTrainedModel, batches: BlockBatches, config: TrainingConfig, folder: Path
    ) -> None:
        if dist.is_initialized() or "WORLD_SIZE" in os.environ:
            raise BenchmarkError("Trainer would train with several ranks. Unset WORLD_SIZE.")
        self.ready = ReadyBatches(batches, with_labels)
        self.trainer = _Told(model, _arguments(config, folder))

    def run(self, n: int) -> Steps:
        """Take the next `n` steps; what `train` does before the first is not counted."""
        self.trainer.batches = self.ready.next(n)
        self.trainer.args.max_steps = n
        self.trainer.steps = Steps()
        self.trainer.train()
        return self.trainer.steps


class _Told(Trainer):
    """A Trainer that is given whole batches and whose losses are kept."""

    def __init__(self, model: PreTrainedModel, arguments: TrainingArguments) -> None:
        super().__init__(model, arguments, callbacks=[_Ends(self)])
        self.remove_callback(PrinterCallback)
        self.batches: list[Batch] = []
        self.steps = Steps()
        self.loss: Tensor | None = None

    def get_train_dataloader(self) -> DataLoader:
        """Return the batches as they are, neither shuffled nor stacked."""
        return DataLoader(self.batches, batch_size=None, shuffle=False)  # type: ignore[arg-type]

    def training_step(self, *arguments: Any, **keywords: Any) -> Tensor:
        """Do what Trainer does and keep the loss."""
        self.loss = super().training_step(*arguments, **keywords)
        return self.loss


class _Ends(TrainerCallback):
    """Take down the end of each step."""

    def __init__(self, trainer: _Told) -> None:
        self.trainer = trainer

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """After the update, before the next batch."""
        if self.trainer.loss is not None:
            self.trainer.steps.add(self.trainer.loss.item())


def _arguments(config: TrainingConfig, folder: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(folder),
        use_cpu=True,
        per_device_train_batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant",
        weight_decay=config.weight_decay,
        max_grad_norm=config.clip_norm,
        optim="adamw_torch_fused",
        adam_beta1=0.9,
        adam_beta2=0.98,
        adam_epsilon=1e-6,
        logging_strategy="no",
        logging_nan_inf_filter=False,
        save_strategy="no",
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
