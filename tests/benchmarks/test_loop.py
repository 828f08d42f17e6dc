"""The loops that are compared do the same work; nothing here is timed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import loop
from benchmarks.loops import NOT_ASKED, Steps, with_labels
from benchmarks.outcome import BenchmarkError
from benchmarks.pairs import Pair
from kblib.runs import journal

STEPS = 4


class Fixed:
    """A loop with given losses."""

    def __init__(self, *losses: float) -> None:
        self.losses = losses

    def run(self, n: int) -> Steps:
        return Steps(list(self.losses[:n]), [0.0] * n)


@pytest.fixture
def config(job):
    return replace(loop.CONFIG, seq_len=job.seq_len, batch_size=2, learning_rate=1e-2)


def test_all_loops_have_the_same_losses_in_one_call_or_in_two(job, data, config, tmp_path) -> None:
    ours, others = loop.build_loops(job.shape, config, data, tmp_path)
    want = ours.run(STEPS).losses
    assert len(want) == STEPS
    assert want[0] > want[-1]
    for name, other in others.items():
        found = other.run(1).losses + other.run(STEPS - 1).losses
        assert found == pytest.approx(want, abs=1e-4), name


def test_our_loop_writes_its_journal_and_goes_on_where_it_stopped(
    job, data, config, tmp_path: Path
) -> None:
    ours, _ = loop.build_loops(job.shape, config, data, tmp_path)
    losses = ours.run(2).losses + ours.run(1).losses
    lines = [one for one in journal.Tail(tmp_path / "metrics.jsonl").new() if "loss" in one]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert [line["loss"] for line in lines] == losses


def test_each_loop_takes_down_as_many_ends_as_steps(job, data, config, tmp_path) -> None:
    ours, others = loop.build_loops(job.shape, config, data, tmp_path)
    for each in (ours, *others.values()):
        steps = each.run(3)
        assert len(steps.ends) == 3
        assert sorted(steps.ends) == steps.ends


def test_seconds_leave_out_the_first_step() -> None:
    assert Steps([1.0, 1.0, 1.0], [10.0, 11.0, 13.5]).seconds == 3.5


def test_other_work_is_refused() -> None:
    with pytest.raises(BenchmarkError, match=r"Losses of step 2: a 1\.00000, b 1\.00020\."):
        loop.first_losses({"a": Fixed(2.0, 1.0), "b": Fixed(2.00005, 1.0002)})


def test_labels_stand_where_words_are_asked_for() -> None:
    batch = {
        "input_ids": torch.tensor([[5, 4, 7, 4]]),
        "positions": torch.tensor([[1, 2, 3]]),
        "targets": torch.tensor([[6, 7, 8]]),
        "weights": torch.tensor([[1.0, 0.0, 1.0]]),
    }
    labels = with_labels(batch)["labels"]
    assert labels.tolist() == [[NOT_ASKED, 6, NOT_ASKED, 8]]


def test_lower_end_of_the_interval_is_held_against_the_bar() -> None:
    just = [Pair(1.0, 0.98)] * 9
    slow = [Pair(1.0, 3.0)] * 7 + [Pair(1.0, 2.4)] * 2  # the median is 3, the lower end 2.4
    assert loop.missed({loop.BARE: just, loop.FULL: just}) == ()
    (sentence,) = loop.missed({loop.BARE: just, loop.TRAINER: slow})
    assert "has 2.400 times the tokens/s of the transformers' Trainer" in sentence
    assert "at least 2.5 was wanted" in sentence
