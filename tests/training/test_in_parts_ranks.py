"""Stage 3 from a model that no rank ever holds whole: the same bits, and little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kblib.models.shape import ARCHITECTURES
from kblib.planner.host import first_weights_bytes
from tests.training.in_parts_ranks import STEPS, shape_of

pytest.importorskip("deepspeed", reason="DeepSpeed comes with the extra 'cluster'")


def carried_out(
    folder: Path, world: int, architectures: str, dtype: str
) -> list[dict[str, dict[str, Any]]]:
    """Return what each rank saw of each layout."""
    # by its path: packages of others may bring a folder "tests" too
    words = [sys.executable, str(Path(__file__).with_name("in_parts_ranks.py")), str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "LOCAL_RANK": "0", "DS_ACCELERATOR": "cpu"}
    ranks = [
        subprocess.Popen(
            [*words, str(rank), str(world), architectures, dtype],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(world)
    ]
    for rank in ranks:
        said, _ = rank.communicate(timeout=1200)
        assert rank.returncode == 0, said[-3000:]
    return [json.loads((folder / f"rank-{rank}.json").read_text()) for rank in range(world)]


def check(seen: list[dict[str, dict[str, Any]]], world: int, width: int) -> None:
    for of_rank in seen:
        for architecture, told in of_rank.items():
            assert len(told["built whole"]) == STEPS
            assert told["built in parts"] == told["built whole"]
            assert told["opened in parts"] == told["opened whole"]
            assert told["opened whole"] != told["built whole"]
            foretold = most_bytes(architecture, world, width)
            assert told["most built"] == pytest.approx(foretold, rel=0.05)
            assert told["most opened"] < 1.05 * foretold  # a rank alone keeps all in the end


def most_bytes(architecture: str, world: int, width: int) -> float:
    """Return what lives at most: what the planner counts, and shares, for there is no GPU here.

    Either the last layer is in hand, or all layers are handed out and the head is there.
    """
    shape = shape_of(architecture)
    parts = shape.parameters_by_part()
    in_layers = parts["attention"] + parts["feed_forward"] + parts["norms"]
    a_layer = in_layers / shape.n_layer
    head = shape.vocab_size * shape.n_embd
    assert first_weights_bytes(shape, zero=3) == 4 * (parts["embeddings"] + max(a_layer, head))
    shares = in_layers * width / world
    with_layer = 4 * (parts["embeddings"] + a_layer) + shares * (1 - 1 / shape.n_layer)
    return max(with_layer, 4 * (parts["embeddings"] + head) + shares)


def test_ranks_with_parts_only_see_the_losses_of_the_whole(tmp_path: Path) -> None:
    check(carried_out(tmp_path, 2, "gpt_neox", "fp32"), 2, 4)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("world", [1, 2, 4])
def test_ranks_with_parts_only_see_the_losses_of_the_whole_in_every_layout(
    tmp_path: Path, world: int, dtype: str
) -> None:
    seen = carried_out(tmp_path, world, "all", dtype)
    assert seen[0].keys() == set(ARCHITECTURES)
    check(seen, world, 4 if dtype == "fp32" else 2)
