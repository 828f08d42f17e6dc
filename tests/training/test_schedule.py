from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

from kblib.training.config import TrainingConfig
from kblib.training.schedule import learning_rate


def rates(config: TrainingConfig) -> list[float]:
    return [learning_rate(config, step) for step in range(config.steps)]


def test_rate_by_hand(config: TrainingConfig) -> None:
    """Up in 2 steps, down over the 4 that are left."""
    top = replace(config, steps=6, warmup_steps=2, learning_rate=0.4)
    assert rates(top) == pytest.approx([0.2, 0.4, 0.4, 0.3, 0.2, 0.1])


def test_rate_after_the_warm_up_is_that_of_transformers(config: TrainingConfig) -> None:
    long = replace(config, steps=100, warmup_steps=10, learning_rate=1e-3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    theirs = get_linear_schedule_with_warmup(optimizer, 10, 100)
    for step in range(100):
        if step >= 10:
            assert learning_rate(long, step) == pytest.approx(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()


def test_first_step_already_learns(config: TrainingConfig) -> None:
    assert learning_rate(replace(config, warmup_steps=100, steps=1000), 0) == 1e-3 / 100


def test_top_is_reached_and_never_passed(config: TrainingConfig) -> None:
    assert max(rates(replace(config, steps=50, warmup_steps=7))) == 1e-3


def test_last_step_still_learns(config: TrainingConfig) -> None:
    assert rates(replace(config, steps=50))[-1] > 0


def test_final_share_is_approached(config: TrainingConfig) -> None:
    tenth = replace(config, steps=12, warmup_steps=2, learning_rate=1.0, final_learning_rate=0.1)
    assert learning_rate(tenth, 2) == 1.0
    assert learning_rate(tenth, 7) == pytest.approx(0.1 + 0.9 * 0.5)
    assert learning_rate(tenth, 12) == pytest.approx(0.1)


def test_warm_up_longer_than_the_training_only_rises(config: TrainingConfig) -> None:
    short = replace(config, steps=4, warmup_steps=100, learning_rate=1.0)
    assert rates(short) == [0.25, 0.5, 0.75, 1.0]


def test_without_warm_up_the_first_step_is_at_the_top(config: TrainingConfig) -> None:
    assert rates(replace(config, steps=4, warmup_steps=0))[0] == 1e-3


def test_cosine_falls_by_hand() -> None:
    """From the top at step 2 to a tenth at step 10: half-way down it is in the middle."""
    config = TrainingConfig(
        steps=10, seq_len=1, batch_size=1, learning_rate=2.0, warmup_steps=2, eval_every=1,
        save_every=1, schedule="cosine", final_learning_rate=0.1,
    )  # fmt: skip
    rates = [learning_rate(config, step) for step in range(10)]
    assert rates[:3] == [1.0, 2.0, 2.0]
    assert rates[6] == pytest.approx(2.0 * (0.1 + 0.9 / 2))
    assert rates[4] == pytest.approx(2.0 * (0.1 + 0.9 * (1 + 0.5**0.5) / 2))
    assert learning_rate(config, 10) == pytest.approx(0.2)
