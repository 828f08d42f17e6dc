"""Gradients come in an order; ranks with different ones are told apart by two sums."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from kblib.errors import TrainingError
from kblib.training.gradient_order import GradientOrder, check_one_order

LARGEST = 2**20 - 1


class Layers(nn.Module):
    """Three layers, gone through in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

    def forward(self, x: Tensor, order: Sequence[int]) -> Tensor:
        for number in order:
            x = self.layers[number](x)
        return x.sum()


def digest(*orders: Sequence[int]) -> int:
    model = Layers()
    found = GradientOrder(model.parameters())
    for order in orders:
        model(torch.ones(2, 4), order).backward()
    return found.digest()


def check(digests: Sequence[int]) -> None:
    told = np.array(digests, dtype=np.float64)
    check_one_order(len(digests), told.sum(), (told**2).sum())


def test_same_way_gives_the_same_order_and_another_way_another() -> None:
    assert digest([0, 1, 2]) == digest([0, 1, 2])
    assert digest([0, 1, 2], [0, 1, 2]) == digest([0, 1, 2], [0, 1, 2])
    found = [digest([0, 1, 2]), digest([0, 2, 1]), digest([0, 1]), digest([0, 1, 2], [0, 1, 2])]
    assert len(set(found)) == len(found)


def test_each_step_is_told_by_itself() -> None:
    model = Layers()
    order = GradientOrder(model.parameters())
    for _ in range(2):
        model(torch.ones(2, 4), [0, 1, 2]).backward()
        assert order.digest() == digest([0, 1, 2])
    assert order.digest() == digest()


def test_frozen_parameters_are_of_no_matter() -> None:
    model = Layers()
    model.layers[1].requires_grad_(False)
    order = GradientOrder(model.parameters())
    model(torch.ones(2, 4), [0, 1, 2]).backward()
    assert order.digest() not in (digest([0, 1, 2]), digest())


@pytest.mark.parametrize("ranks", [1, 2, 4096])
def test_equal_orders_pass(ranks: int) -> None:
    for one in (0, 1, LARGEST):
        check([one] * ranks)


def test_what_to_do_is_what_can_be_done() -> None:
    """A failed run is not sent again, and another job would begin anew: a branch goes on."""
    with pytest.raises(TrainingError) as told:
        check([1, 2])
    assert str(told.value) == (
        "The ranks got the gradients of this step in different orders. ZeRO lays them into buckets "
        "in the order in which they come, and may have added those of different weights. Nothing "
        "of this step is saved.\n"
        "  run.branch(zero_stage=1) goes on from the last checkpoint; stage 1 adds them in the "
        "order of the model."
    )


@pytest.mark.parametrize("ranks", [2, 3, 4096])
@pytest.mark.parametrize(("usual", "other"), [(LARGEST, LARGEST - 1), (0, 1), (0, LARGEST)])
def test_one_rank_with_another_order_is_found(ranks: int, usual: int, other: int) -> None:
    with pytest.raises(TrainingError, match=r"^The ranks got the gradients of this step in diff"):
        check([usual] * (ranks - 1) + [other])
