"""DeepSpeed against torch on two ranks: the same losses, resumed with equal bits."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from kblib.models.build import build_model
from kblib.models.shape import ModelShape
from kblib.runs import RunFolder
from kblib.training.checkpoint import find_checkpoint
from kblib.training.config import TrainingConfig
from kblib.training.deepspeed_engine import deepspeed_config, number_in_order
from kblib.training.state_files import shard_name
from tests.training.deepspeed_ranks import HALF, SHAPE, STAGES, STEPS

pytest.importorskip("deepspeed", reason="DeepSpeed comes with the extra 'cluster'")

WORLD = 2
ROUNDING = 2e-6
"""Sums in another order: a few units in the last place of a float32 near 5."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder in which two ranks have left what they saw."""
    folder = tmp_path_factory.mktemp("deepspeed")
    # By its path: an installed package with tests of its own would be found first.
    words = [sys.executable, str(Path(__file__).with_name("deepspeed_ranks.py")), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LOCAL_RANK": "0"}
    ranks = [
        subprocess.Popen(
            [*words, str(rank), str(WORLD)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(WORLD)
    ]
    for rank in ranks:
        said, _ = rank.communicate(timeout=280)
        assert rank.returncode == 0, said[-3000:]
    return folder


@pytest.fixture(scope="module")
def seen(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "rank-0.json").read_text())


def losses(told: list[tuple[str, float, bool]]) -> list[float]:
    return [float.fromhex(loss) for loss, _, _ in told]


@pytest.mark.parametrize("stage", STAGES)
def test_losses_are_those_of_torch(seen: dict[str, Any], stage: int) -> None:
    plain, shared = seen["stages"]["None"]["losses"], seen["stages"][str(stage)]["losses"]
    norms = [norm for _, norm, _ in plain]
    assert len(shared) == STEPS
    assert losses(shared) == pytest.approx(losses(plain), abs=ROUNDING)
    assert [norm for _, norm, _ in shared] == pytest.approx(norms, rel=1e-5)
    assert all(norm > 0.5 for norm in norms), "nothing was clipped"


@pytest.mark.parametrize("stage", STAGES)
def test_resumed_training_has_equal_bits(seen: dict[str, Any], stage: int) -> None:
    told = seen["stages"][str(stage)]
    assert told["resumed"] == told["losses"]


@pytest.mark.parametrize("variant", ["offload-1", "offload-3", "recompute-2", "recompute-3"])
def test_offload_and_recomputation_change_no_loss(seen: dict[str, Any], variant: str) -> None:
    """Both are resumed half-way as well."""
    plain, other = seen["stages"]["None"]["losses"], seen["variants"][variant]
    assert losses(other) == pytest.approx(losses(plain), abs=ROUNDING)


@pytest.mark.parametrize("stage", STAGES)
def test_weights_are_given_whole(seen: dict[str, Any], stage: int) -> None:
    plain, shared = seen["stages"]["None"]["weights"], seen["stages"][str(stage)]["weights"]
    assert shared == pytest.approx(plain, abs=1e-4)
    first = {
        name: float(value.double().sum())
        for name, value in build_model(SHAPE, seed=5).state_dict().items()
    }
    assert shared["model.head.norm.weight"] != first["head.norm.weight"]


def test_all_ranks_see_the_same_loss(folder: Path, seen: dict[str, Any]) -> None:
    other = json.loads((folder / "rank-1.json").read_text())
    for stage in STAGES:
        one, two = seen["stages"][str(stage)], other["stages"][str(stage)]
        assert one["losses"] == two["losses"]


@pytest.mark.parametrize("stage", [None, *STAGES])
def test_one_rank_that_is_asked_to_stop_tells_all(folder: Path, stage: int | None) -> None:
    for rank in range(WORLD):
        told = json.loads((folder / f"rank-{rank}.json").read_text())
        steps = told["stages"][str(stage)]["losses"]
        assert [stopping for _, _, stopping in steps] == [step == HALF for step in range(STEPS)]


@pytest.mark.parametrize("stage", [1, 3])
def test_damaged_shard_of_one_rank_is_passed_over(folder: Path, tmp_path: Path, stage: int) -> None:
    run = RunFolder(tmp_path / "run")
    shutil.copytree(folder / f"run-{stage}", run.path)
    shard = run.checkpoint(STEPS) / shard_name(1)
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    found = find_checkpoint(run)
    assert found is not None
    assert found.step == HALF
    assert "rank-00001" in found.passed_over[0]
    assert "has been changed or damaged" in found.passed_over[0]


def test_stage_3_leaves_torch_its_linear_layer(seen: dict[str, Any]) -> None:
    """DeepSpeed replaces it for good, also for every other model of the process."""
    assert seen["linear is torch's"]


def test_gradients_in_different_orders_are_not_added_without_a_word(folder: Path) -> None:
    for rank in range(WORLD):
        told = json.loads((folder / f"rank-{rank}.json").read_text())["another function"]
        assert told.startswith(
            "The ranks got the gradients of this step in different orders. ZeRO lays them into "
            "buckets in the order in which they come, and may have added those of different "
            "weights."
        )


def test_parameters_shared_out_part_by_part_are_numbered_as_in_a_whole_model() -> None:
    """Layers are shared out before what stands before and after them: 2, 0, 1, 3."""
    parameters: list[Any] = [nn.Parameter(torch.zeros(1)) for _ in range(5)]
    for parameter, number in zip(parameters, (12, 10, 11, 13), strict=False):
        parameter.ds_id = number
    number_in_order(parameters)
    assert [one.ds_id for one in parameters[:4]] == [10, 11, 12, 13]
    assert not hasattr(parameters[4], "ds_id")


def test_what_a_lost_rank_kept_is_missed(folder: Path, seen: dict[str, Any]) -> None:
    said = seen["lacking"]
    assert said.startswith(f"{folder}/lacking holds ")
    assert said.endswith(
        "The files of all ranks together should hold each number once.\n"
        "  Start anew with kb.submit(job, fresh=True)."
    )


def test_offload_and_half_precision_are_told(config: TrainingConfig) -> None:
    told = deepspeed_config(
        config, world_size=1, zero_stage=3, dtype=torch.float16, n_parameters=10, offload="cpu"
    )
    assert told["fp16"] == {"enabled": True}
    assert not told["bf16"]["enabled"]
    zero = told["zero_optimization"]
    assert zero["offload_optimizer"] == zero["offload_param"] == {"device": "cpu"}


def test_batch_of_deepspeed_is_ours(config: TrainingConfig, shape: ModelShape) -> None:
    told = deepspeed_config(
        replace(config, batch_size=24, grad_accum_steps=3, clip_norm=0.7),
        world_size=4,
        zero_stage=2,
        dtype=torch.bfloat16,
        n_parameters=1000,
    )
    assert told == {
        "train_batch_size": 24,
        "train_micro_batch_size_per_gpu": 2,
        "gradient_accumulation_steps": 3,
        "gradient_clipping": 0.7,
        "bf16": {"enabled": True},
        "torch_autocast": {"enabled": False, "dtype": "bfloat16"},
        "fp16": {"enabled": False},
        "zero_optimization": {
            "stage": 2,
            "reduce_bucket_size": 1000,
            "allgather_bucket_size": 1000,
        },
        "zero_force_ds_cpu_optimizer": False,
    }
