from __future__ import annotations

import pytest
import torch
import torch.distributed as dist

from kblib.training.traffic import covered, seconds_of_traffic


def test_overlapping_spans_count_once() -> None:
    assert covered([(0, 10), (5, 12), (6, 7), (20, 21)]) == 13
    assert covered([]) == 0


def test_work_without_traffic_has_none() -> None:
    found, seconds = seconds_of_traffic(lambda: torch.ones(3).sum())
    assert float(found) == 3
    assert seconds == 0


@pytest.fixture
def alone(tmp_path):
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_traffic_of_gloo_is_seen(alone: None) -> None:
    numbers = torch.ones(200_000)
    _, seconds = seconds_of_traffic(lambda: [dist.all_reduce(numbers) for _ in range(5)])
    assert seconds > 0
