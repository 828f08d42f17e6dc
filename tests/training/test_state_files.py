"""Stretches of a training's state in the files of its ranks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kblib.errors import IntegrityError
from kblib.training.state_files import StateReader, key_of, shard_name, write_tensors

SHAPES = {"layer.weight": (2, 3)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the files of two ranks: each has half of a parameter, one also what Adam remembers."""
    for rank in range(2):
        stretch = torch.arange(3.0) + 3 * rank
        tensors = {key_of("weight", "layer.weight", 3 * rank): stretch}
        if rank:
            tensors[key_of("exp_avg", "layer.weight", 3)] = stretch
        write_tensors(tmp_path / shard_name(rank), tensors)
    return tmp_path


def test_stretches_are_read_across_ranks(folder: Path) -> None:
    with StateReader(folder) as reader:
        reader.check_complete(SHAPES, ("weight",))
        assert reader.read("weight", "layer.weight", 1, 4).tolist() == [1.0, 2.0, 3.0, 4.0]


def test_what_the_optimiser_remembers_must_be_there_too(folder: Path) -> None:
    with StateReader(folder) as reader, pytest.raises(IntegrityError) as caught:
        reader.check_complete(SHAPES, ("weight", "exp_avg"))
    assert str(caught.value).startswith(f"{folder} holds 3 of 6 numbers of layer.weight (exp_avg).")
