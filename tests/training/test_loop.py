from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from kblib.errors import TrainingError
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch, StepOutcome
from kblib.training.loop import seed_step, train
from kblib.training.schedule import learning_rate


@dataclass
class Told:
    """An engine that does as it is told, and keeps what it was asked."""

    losses: dict[int, float] = field(default_factory=dict)
    norms: dict[int, float] = field(default_factory=dict)
    others_stop_at: int | None = None
    rank: int = 0
    world_size: int = 1
    rates: list[float] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)

    def step(
        self, micro_batches: list[Batch], rate: float, stop: Callable[[], bool]
    ) -> StepOutcome:
        (batch,) = micro_batches
        number = int(batch["number"]) + 1
        self.rates.append(rate)
        self.seeds.append(torch.initial_seed())
        return StepOutcome(
            self.losses.get(number, 1.0 / number),
            self.norms.get(number, 0.5),
            stopping=self.any_rank(stop()),
        )

    def any_rank(self, flag: bool) -> bool:
        return flag or len(self.rates) == self.others_stop_at

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    def load(self, folder: Path) -> None:
        raise NotImplementedError


class Numbered:
    """Batches that hold their step."""

    def step(self, step: int) -> list[Batch]:
        return [{"number": torch.tensor(step)}]


@dataclass
class Course:
    """A training and what it did, in order."""

    engine: Told
    config: TrainingConfig
    records: list[dict[str, Any]] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)
    deeds: list[str] = field(default_factory=list)

    def run(self, *, first_step: int = 0, stop: Callable[[], bool] = lambda: False) -> int:
        return train(
            self.engine,
            Numbered(),
            self.config,
            first_step=first_step,
            record=self._record,
            evaluate=self._evaluate,
            save=self._save,
            stop=stop,
        )

    def _record(self, record: Mapping[str, Any]) -> None:
        self.records.append(dict(record))
        if "checkpoint_s" not in record:
            self.deeds.append(f"{'loss' if 'loss' in record else 'score'} {record['step']}")

    def _evaluate(self) -> dict[str, float]:
        return {"eval_loss": 2.5}

    def _save(self, step: int) -> None:
        self.saved.append(step)
        self.deeds.append(f"save {step}")


@pytest.fixture
def course(config: TrainingConfig) -> Course:
    return Course(Told(), replace(config, steps=7, eval_every=2, save_every=3))


def test_training_evaluates_and_saves_in_turn_and_at_the_end(course: Course) -> None:
    assert course.run() == 7
    assert course.deeds == [
        *["loss 1"],
        *["loss 2", "score 2"],
        *["loss 3", "save 3"],
        *["loss 4", "score 4"],
        *["loss 5"],
        *["loss 6", "score 6", "save 6"],
        *["loss 7", "score 7", "save 7"],
    ]


def test_end_that_falls_on_a_turn_happens_once(course: Course) -> None:
    course.config = replace(course.config, steps=6)
    course.run()
    assert course.deeds[-3:] == ["loss 6", "score 6", "save 6"]
    assert course.deeds.count("save 6") == 1


def test_record_of_a_step(course: Course) -> None:
    course.run()
    third = course.records[3]
    assert third["step"] == 3
    assert third["loss"] == 1 / 3
    assert third["grad_norm"] == 0.5
    assert third["learning_rate"] == learning_rate(course.config, 2)
    assert third["tokens"] == 3 * 8 * 16
    assert third["time"] == pytest.approx(time.time(), abs=60)
    assert set(third) == {
        *("step", "loss", "learning_rate", "grad_norm"),
        *("tokens", "tokens_per_s", "seconds_left", "time", "data_s", "compute_s"),
    }


def test_record_of_an_evaluation(course: Course) -> None:
    course.run()
    seconds = course.records[2].pop("evaluation_s")
    assert course.records[2] == {"step": 2, "eval_loss": 2.5}
    assert 0 <= seconds < 60


def test_record_of_a_checkpoint(course: Course) -> None:
    course.run()
    saved = [record for record in course.records if "checkpoint_s" in record]
    assert [record["step"] for record in saved] == course.saved == [3, 6, 7]
    assert all(set(record) == {"step", "checkpoint_s"} for record in saved)


def test_rate_of_tokens_and_time_left_by_hand(
    course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step of 8 blocks of 16 tokens every two seconds, whatever evaluation and saving take."""
    now = 0.0

    def passes(seconds: float, deed: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*arguments: Any) -> Any:
            nonlocal now
            now += seconds
            return deed(*arguments)

        return slow

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr(Numbered, "step", passes(0.5, Numbered.step))
    monkeypatch.setattr(Told, "step", passes(1.5, Told.step))
    monkeypatch.setattr(Course, "_evaluate", passes(40.0, Course._evaluate))
    monkeypatch.setattr(Course, "_save", passes(70.0, Course._save))
    course.run()
    steps = [record for record in course.records if "loss" in record]
    assert [record["tokens_per_s"] for record in steps] == [64.0] * 7
    assert [record["seconds_left"] for record in steps] == [12.0, 10.0, 8.0, 6.0, 4.0, 2.0, 0.0]
    assert {(record["data_s"], record["compute_s"]) for record in steps} == {(0.5, 1.5)}
    told = {name: r[name] for r in course.records for name in r if name.endswith("ion_s")}
    assert told == {"evaluation_s": 40.0}
    assert {r["checkpoint_s"] for r in course.records if "checkpoint_s" in r} == {70.0}


def test_rates_are_those_of_the_schedule(course: Course) -> None:
    course.run()
    assert course.engine.rates == [learning_rate(course.config, step) for step in range(7)]


def test_resumed_training_does_the_steps_that_are_left(course: Course) -> None:
    assert course.run(first_step=4) == 7
    assert [record["step"] for record in course.records if "loss" in record] == [5, 6, 7]
    assert course.engine.rates == [learning_rate(course.config, step) for step in (4, 5, 6)]


def test_training_that_is_done_does_nothing(course: Course) -> None:
    assert course.run(first_step=7) == 7
    assert course.deeds == []


# Stopping


def test_stop_saves_and_ends(course: Course) -> None:
    assert course.run(stop=lambda: len(course.engine.rates) == 4) == 4
    assert course.deeds[-3:] == ["loss 4", "score 4", "save 4"]
    assert course.saved == [3, 4]


def test_stop_that_waits_for_an_evaluation_ends_right_after_it(course: Course) -> None:
    assert course.run(stop=lambda: "score 4" in course.deeds) == 4
    assert course.deeds[-2:] == ["score 4", "save 4"]


def test_stop_at_a_step_that_is_saved_anyway_saves_once(course: Course) -> None:
    assert course.run(stop=lambda: len(course.engine.rates) == 3) == 3
    assert course.saved == [3]


def test_stop_at_the_last_step_is_done(course: Course) -> None:
    assert course.run(stop=lambda: len(course.engine.rates) == 7) == 7
    assert course.saved == [3, 6, 7]


def test_stop_of_another_rank_stops_this_one_at_the_same_step(course: Course) -> None:
    course.engine.others_stop_at = 5
    assert course.run() == 5
    assert course.saved == [3, 5]


# Numbers that are none


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_loss_that_is_no_number_stops_with_nothing_saved(course: Course, loss: float) -> None:
    course.engine.losses[3] = loss
    with pytest.raises(TrainingError) as caught:
        course.run()
    assert str(caught.value) == (
        f"At step 3 the loss is {loss} and the gradient norm 0.5. Both should be finite numbers; "
        "the checkpoints before this step are untouched.\n"
        "  Try half the learning rate or a longer warm-up, in a new job."
    )
    assert course.deeds == ["loss 1", "loss 2", "score 2"]


def test_gradient_that_is_no_number_stops_with_nothing_saved(course: Course) -> None:
    course.engine.norms[6] = math.nan
    with pytest.raises(TrainingError, match="the gradient norm nan"):
        course.run()
    assert course.saved == [3]
    assert [record["step"] for record in course.records][-1] == 5


# Randomness


def drawn(seed: int, step: int, rank: int) -> float:
    seed_step(seed, step, rank)
    return float(torch.rand(()))


def test_seed_of_a_step_is_the_same_whatever_was_drawn_before() -> None:
    first = drawn(1, 5, 0)
    torch.rand(1000)
    assert drawn(1, 5, 0) == first


def test_seeds_steps_and_ranks_draw_differently() -> None:
    draws = {drawn(seed, step, rank) for seed in range(4) for step in range(4) for rank in range(4)}
    assert len(draws) == 64


def test_every_step_is_seeded_before_it(course: Course) -> None:
    course.run(first_step=2)
    expected = []
    for step in range(2, 7):
        seed_step(course.config.seed, step, 0)
        expected.append(torch.initial_seed())
    assert course.engine.seeds == expected
