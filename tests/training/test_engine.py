from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from kblib.errors import IntegrityError
from kblib.models.shape import ModelShape
from kblib.tokens.pack import TokenBlocks
from kblib.tokens.subwords import Tokenizer
from kblib.training.batches import BlockBatches
from kblib.training.config import TrainingConfig
from kblib.training.engine import OPTIMIZER, WEIGHTS, TorchEngine
from kblib.training.loop import train
from tests.training.conftest import MakeEngine

CPU = torch.device("cpu")


class Slope(nn.Module):
    """A loss whose gradient is known: `steepness` for every weight, whatever the weights are."""

    def __init__(self) -> None:
        super().__init__()
        self.matrix = nn.Parameter(torch.ones(1, 1))
        self.vector = nn.Parameter(torch.ones(1))

    def forward(self, steepness: Tensor) -> Tensor:
        return steepness.mean() * (self.matrix.sum() + self.vector.sum())


@pytest.fixture
def slope(config: TrainingConfig) -> TorchEngine:
    engine = TorchEngine(Slope(), replace(config, weight_decay=0.1, clip_norm=1e9), CPU)
    engine.dtype = torch.float32
    return engine


@pytest.fixture
def batches(
    blocks: TokenBlocks, wordpiece: Tokenizer, shape: ModelShape, config: TrainingConfig
) -> BlockBatches:
    return BlockBatches(blocks, wordpiece, shape, config)


def steep(*values: float) -> list[Mapping[str, Tensor]]:
    return [{"steepness": torch.tensor([value])} for value in values]


def weights(engine: TorchEngine) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in engine.objective.named_parameters()}


def train_on(
    engine: TorchEngine,
    batches: BlockBatches,
    config: TrainingConfig,
    *,
    first_step: int,
    steps: int,
) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    train(
        engine,
        batches,
        config,
        first_step=first_step,
        record=lambda record: records.append(dict(record)),
        evaluate=dict,
        save=lambda _: None,
        stop=lambda: len([one for one in records if "loss" in one]) == steps - 1,  # in the last
    )
    return [record for record in records if "loss" in record]


# One step


def test_step_is_adamw_by_hand(slope: TorchEngine) -> None:
    """Two steps of Loshchilov & Hutter (2019), algorithm 2, with betas 0.9 and 0.98."""
    weight, first, second = 1.0, 0.0, 0.0
    for number, (steepness, rate) in enumerate([(3.0, 0.01), (-1.0, 0.02)], start=1):
        slope.step(steep(steepness), rate)
        first = 0.9 * first + 0.1 * steepness
        second = 0.98 * second + 0.02 * steepness**2
        step = (first / (1 - 0.9**number)) / (math.sqrt(second / (1 - 0.98**number)) + 1e-6)
        weight -= rate * 0.1 * weight + rate * step
    assert slope.objective.matrix.item() == pytest.approx(weight, abs=1e-6)


def test_vectors_do_not_decay(slope: TorchEngine) -> None:
    slope.step(steep(0.0), 0.5)
    assert slope.objective.matrix.item() == pytest.approx(1 - 0.5 * 0.1)
    assert slope.objective.vector.item() == 1.0


def test_loss_is_that_before_the_update(slope: TorchEngine) -> None:
    assert slope.step(steep(3.0), 0.01).loss == 6.0


def test_loss_and_gradient_are_means_over_the_pieces(slope: TorchEngine) -> None:
    outcome = slope.step(steep(1.0, 2.0, 6.0), 0.01)
    assert outcome.loss == pytest.approx(2 * 3.0)
    assert outcome.grad_norm == pytest.approx(math.sqrt(2) * 3.0)


def test_gradient_is_clipped_and_its_norm_told_as_it_was(
    config: TrainingConfig, tmp_path: Path
) -> None:
    engine = TorchEngine(Slope(), replace(config, clip_norm=1.0), CPU)
    engine.dtype = torch.float32
    outcome = engine.step(steep(30.0), 0.01)
    engine.save(tmp_path)
    moment = load_file(tmp_path / OPTIMIZER)["matrix/exp_avg"].item()
    assert outcome.grad_norm == pytest.approx(30.0 * math.sqrt(2))
    assert moment == pytest.approx(0.1 * 1 / math.sqrt(2), rel=1e-4)


def test_gradient_of_a_step_is_gone_in_the_next(slope: TorchEngine) -> None:
    slope.step(steep(100.0), 0.01)
    assert slope.step(steep(1.0), 0.01).grad_norm == pytest.approx(math.sqrt(2))


def test_rate_of_zero_changes_nothing(slope: TorchEngine) -> None:
    before = weights(slope)
    slope.step(steep(3.0), 0.0)
    assert all(torch.equal(before[name], value) for name, value in weights(slope).items())


@pytest.mark.parametrize("flag", [True, False])
def test_one_rank_alone_has_the_say(slope: TorchEngine, flag: bool) -> None:
    assert (slope.rank, slope.world_size) == (0, 1)
    assert slope.any_rank(flag) is flag
    assert slope.step(steep(1.0), 0.0, lambda: flag).stopping is flag


def test_pieces_of_a_batch_teach_what_the_batch_does(
    make_engine: MakeEngine,
    batches: BlockBatches,
    blocks: TokenBlocks,
    wordpiece: Tokenizer,
    shape: ModelShape,
    config: TrainingConfig,
) -> None:
    cut = BlockBatches(blocks, wordpiece, shape, replace(config, grad_accum_steps=4))
    one, four = make_engine(), make_engine()
    for step in range(3):
        whole = one.step(batches.step(step), 1e-3)
        pieces = four.step(cut.step(step), 1e-3)
        assert pieces.loss == pytest.approx(whole.loss, abs=1e-6)
        assert pieces.grad_norm == pytest.approx(whole.grad_norm, abs=1e-5)


def test_training_learns(
    make_engine: MakeEngine, batches: BlockBatches, config: TrainingConfig
) -> None:
    engine = make_engine()
    losses = [engine.step(batches.step(step % 3), 3e-3).loss for step in range(45)]
    assert sum(losses[-3:]) / 3 < sum(losses[:3]) / 3 - 0.5


# Saving and going on


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_resumed_training_has_equal_bits(
    make_engine: MakeEngine,
    batches: BlockBatches,
    config: TrainingConfig,
    tmp_path: Path,
    dropout: float,
) -> None:
    straight = make_engine(dropout=dropout)
    losses = train_on(straight, batches, config, first_step=0, steps=6)
    first = make_engine(dropout=dropout)
    halves = train_on(first, batches, config, first_step=0, steps=3)
    first.save(tmp_path)
    second = make_engine(dropout=dropout, seed=99)
    torch.manual_seed(12345)  # what a new process happens to have
    second.load(tmp_path)
    halves += train_on(second, batches, config, first_step=3, steps=3)
    assert [one["loss"].hex() for one in halves] == [one["loss"].hex() for one in losses]
    assert [one["grad_norm"] for one in halves] == [one["grad_norm"] for one in losses]
    for name, value in weights(straight).items():
        assert torch.equal(value, weights(second)[name]), name


def test_dropout_makes_a_difference_at_all(
    make_engine: MakeEngine, batches: BlockBatches, config: TrainingConfig
) -> None:
    """Without this the test above would prove nothing about dropout."""
    calm = train_on(make_engine(), batches, config, first_step=0, steps=1)
    dropping = train_on(make_engine(dropout=0.1), batches, config, first_step=0, steps=1)
    assert calm[0]["loss"] != dropping[0]["loss"]


def test_resumed_without_the_optimiser_would_differ(
    make_engine: MakeEngine, batches: BlockBatches, config: TrainingConfig, tmp_path: Path
) -> None:
    """Nor about the moments."""
    engine = make_engine()
    train_on(engine, batches, config, first_step=0, steps=3)
    engine.save(tmp_path)
    other = make_engine()
    other.load(tmp_path)
    other._optimizer.state.clear()
    straight = train_on(engine, batches, config, first_step=3, steps=3)
    forgetful = train_on(other, batches, config, first_step=3, steps=3)
    assert straight[0]["loss"] == forgetful[0]["loss"]
    assert straight[-1]["loss"] != forgetful[-1]["loss"]


def test_checkpoint_holds_every_weight_with_its_two_moments(
    make_engine: MakeEngine, batches: BlockBatches, shape: ModelShape, tmp_path: Path
) -> None:
    engine = make_engine()
    engine.step(batches.step(0), 1e-3)
    engine.save(tmp_path)
    saved, moments = load_file(tmp_path / WEIGHTS), load_file(tmp_path / OPTIMIZER)
    assert sum(value.numel() for value in saved.values()) == shape.parameters()
    parts = ("exp_avg", "exp_avg_sq", "step")
    assert set(moments) == {f"{name}/{part}" for name in saved for part in parts}
    assert {moments[f"{name}/step"].item() for name in saved} == {1.0}


def test_checkpoint_is_no_pickle(
    make_engine: MakeEngine, batches: BlockBatches, tmp_path: Path
) -> None:
    engine = make_engine()
    engine.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [WEIGHTS, OPTIMIZER]


def test_checkpoint_of_another_shape_is_refused(
    make_engine: MakeEngine, shape: ModelShape, tmp_path: Path
) -> None:
    wider = make_engine(replace(shape, n_embd=64, n_inner=None))
    wider.save(tmp_path)
    n_differ = len(weights(wider)) - 1  # all but the bias of the vocabulary
    with pytest.raises(IntegrityError) as caught:
        make_engine().load(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path} holds another model: model.head.dense.weight is (64, 64) there. "
        f"This job's model has (32, 32); {n_differ} differ.\n"
        "  Start anew with kb.submit(job, fresh=True)."
    )


def test_refused_checkpoint_changes_nothing(
    make_engine: MakeEngine, shape: ModelShape, tmp_path: Path
) -> None:
    make_engine(replace(shape, n_layer=3)).save(tmp_path)
    engine = make_engine()
    before = weights(engine)
    with pytest.raises(IntegrityError, match=re.escape("has no such parameter")):
        engine.load(tmp_path)
    assert all(torch.equal(before[name], value) for name, value in weights(engine).items())


@pytest.mark.gpu
def test_resumed_training_goes_on_on_a_gpu(
    shape: ModelShape, batches: BlockBatches, config: TrainingConfig, tmp_path: Path
) -> None:
    from kblib.models.build import build_model
    from kblib.training.objective import objective_for

    engines = [
        TorchEngine(objective_for(build_model(shape, seed=1), shape), config, torch.device("cuda"))
        for _ in range(2)
    ]
    engines[0].step(batches.step(0), 1e-3)
    engines[0].save(tmp_path)
    engines[1].load(tmp_path)
    outcomes = [engine.step(batches.step(1), 1e-3) for engine in engines]
    assert outcomes[0].loss == pytest.approx(outcomes[1].loss, abs=1e-4)
