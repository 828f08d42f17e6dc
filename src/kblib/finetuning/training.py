"""One finetuning from one seed: the project's own loop, and the best weights at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from transformers import PreTrainedModel

from kblib.adapters.lora import with_lora
from kblib.finetuning.batches import LabelledBatches
from kblib.finetuning.held_out import named
from kblib.finetuning.keeping import KeepingEngine, Progress
from kblib.finetuning.objective import LabelObjective
from kblib.finetuning.prepared import Prepared
from kblib.models.batches import filler_of
from kblib.models.new_head import Headed, with_head
from kblib.training.config import TrainingConfig
from kblib.training.loop import train

Record = Callable[[Mapping[str, Any]], None]


class Checkpoints(Protocol):
    """Where a training is saved while it goes on."""

    def find(self) -> tuple[int, Path] | None:
        """Return the newest step that was saved, and its folder."""

    def save(self, engine: KeepingEngine, step: int) -> None:
        """Save a step."""


class NoCheckpoints:
    """A training that is not saved: it takes minutes, and begins anew when it was stopped."""

    def find(self) -> None:
        """Return nothing."""

    def save(self, engine: KeepingEngine, step: int) -> None:
        """Save nothing."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A model that was finetuned.

    Attributes
    ----------
    model
        Of transformers; with LoRA its matrices have their additions beside them.
    adapted
        The same in peft's wrapping, if it has an adapter.
    new
        Names of the parts that the base does not have.
    seed
        Of this training.
    progress
        Its best evaluation.
    valid
        Its scores on the validation part; empty where there is none.
    config
        The numbers of its loop.
    """

    model: PreTrainedModel
    adapted: Any
    new: tuple[str, ...]
    seed: int
    progress: Progress
    valid: dict[str, float]
    config: TrainingConfig

    @property
    def trained_parameters(self) -> int:
        """Numbers that were changed."""
        return sum(one.numel() for one in self.model.parameters() if one.requires_grad)


def train_seed(
    data: Prepared,
    seed: int,
    *,
    device: torch.device,
    record: Record = lambda _line: None,
    stop: Callable[[], bool] = lambda: False,
    checkpoints: Checkpoints | None = None,
    rank: int = 0,
    world_size: int = 1,
) -> Trained | None:
    """Train once; None if it was stopped before its end.

    Parameters
    ----------
    record
        Takes a line a step and an evaluation, as `kblib.training.loop.train` says.
    checkpoints
        Where it goes on from, and is saved to; by default nowhere.
    """
    kept = NoCheckpoints() if checkpoints is None else checkpoints
    config = data.config(seed)
    model, adapted, new = start(data, seed, device=device)
    engine = KeepingEngine(
        LabelObjective(model, is_scale=data.about.task.is_scale),
        config,
        device,
        dtype=torch.float32 if device.type == "cpu" else None,
    )
    found = kept.find()
    if found is not None:
        engine.load(found[1])
    reached = 0 if found is None else found[0]
    step = [reached]

    def look() -> dict[str, Any]:
        if data.valid is None:
            return {}
        scores = data.valid.score(model)
        engine.look(step[0], scores["score"], scores["loss"])
        return dict(named(scores))

    def heard(line: Mapping[str, Any]) -> None:
        step[0] = int(line["step"])
        record(line)

    def over() -> bool:
        patience = data.recipe.patience
        return patience is not None and engine.progress.without_gain >= patience

    if not over():
        reached = train(
            engine,
            LabelledBatches(
                data.examples, filler_of(data.tokenizer), batch_size=config.batch_size, seed=seed,
                rank=rank, world_size=world_size,
            ),
            config,
            first_step=reached,
            record=heard,
            evaluate=look,
            save=lambda at: kept.save(engine, at),
            stop=lambda: stop() or over(),
        )  # fmt: skip
    # Ranks may differ in the last bits of a loss, and so in their patience: all go by any.
    if reached < config.steps and not engine.any_rank(over()):
        return None
    engine.take_best()
    model.train(False)
    valid = {} if data.valid is None else data.valid.score(model)
    return Trained(model, adapted, new, seed, engine.progress, valid, config)


def start(
    data: Prepared, seed: int, *, device: torch.device
) -> tuple[PreTrainedModel, Any, tuple[str, ...]]:
    """Open the base with a new head, and freeze what is not trained.

    Returns
    -------
    tuple
        The model, the same in peft's wrapping if it has an adapter, and the names of new parts.
    """
    recipe, task = data.recipe, data.about.task
    headed = with_head(
        data.folder,
        data.tokenizer,
        task.labels,
        of="words" if task.kind == "words" else "texts",
        seed=seed,
        dropout=recipe.dropout,
        quantized=recipe.quantized,
        device=device,
    )
    if recipe.has_adapter:
        adapted = with_lora(
            headed.model, rank=recipe.rank, alpha=recipe.alpha, seed=seed, heads=headed.new
        )
        return adapted.get_base_model(), adapted, headed.new
    if recipe.method == "probe":
        _freeze_body(headed)
    return headed.model, None, headed.new


def _freeze_body(headed: Headed) -> None:
    for name, parameter in headed.model.named_parameters():
        parameter.requires_grad_(bool(set(name.split(".")) & set(headed.new)))


def in_parts(model: nn.Module, names: tuple[str, ...]) -> dict[str, torch.Tensor]:
    """Return the weights of parts of a model, by their whole names."""
    state = model.state_dict()
    return {key: value for key, value in state.items() if set(key.split(".")) & set(names)}
