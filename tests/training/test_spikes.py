"""Loss spikes: seen, undone, skipped, and the same again when a run is resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import torch

from kblib.errors import TrainingError
from kblib.training.config import TrainingConfig
from kblib.training.engine import Batch, StepOutcome
from kblib.training.loop import train
from kblib.training.spikes import MOST_IN_A_ROW, WINDOW, Skip, Spike, SpikeGuard


@dataclass
class Fragile:
    """An engine whose loss jumps at certain batches, and that knows what it has read."""

    bad: frozenset[int] = frozenset()
    rank: int = 0
    world_size: int = 1
    read: list[int] = field(default_factory=list)

    def step(
        self, micro_batches: list[Batch], rate: float, stop: Callable[[], bool]
    ) -> StepOutcome:
        number = int(micro_batches[0]["number"])
        self.read.append(number)
        wobble = 0.01 * (number % 7)
        return StepOutcome(9.0 if number in self.bad else 3.0 + wobble, 0.5, stop())

    def any_rank(self, flag: bool) -> bool:
        return flag


class Numbered:
    def step(self, step: int) -> list[Batch]:
        return [{"number": torch.tensor(step)}]


@dataclass
class Course:
    """A guarded training: its checkpoints are the list of what the engine had read by then."""

    engine: Fragile
    config: TrainingConfig
    skips: list[Skip] = field(default_factory=list)
    saved: dict[int, list[int]] = field(default_factory=dict)
    spikes: list[tuple[Spike, Skip | None]] = field(default_factory=list)
    losses: dict[int, float] = field(default_factory=dict)

    def run(self, *, first_step: int = 0, until: int | None = None) -> int:
        guard = SpikeGuard(1.0, self._newest, self._take_back, self.skips)
        for step, loss in self.losses.items():
            if step <= first_step:
                guard.remember(step - 1, loss, 0.5)
        self.guard = guard
        return train(
            self.engine,  # type: ignore[arg-type]
            Numbered(),
            self.config,
            first_step=first_step,
            record=self._record,
            evaluate=dict,
            save=self._save,
            stop=lambda: until is not None and len(self.engine.read) == until,
            guard=guard,
        )

    def _record(self, record: Mapping[str, Any]) -> None:
        if "loss" in record:
            self.losses[record["step"]] = record["loss"]

    def _save(self, step: int) -> None:
        self.saved[step] = list(self.engine.read)

    def _newest(self) -> int | None:
        return max(self.saved, default=None)

    def _take_back(self, spike: Spike, skip: Skip | None) -> None:
        self.spikes.append((spike, skip))
        if skip is not None:
            self.skips = [*self.skips, skip]
            self.engine.read = list(self.saved[skip.step])


@pytest.fixture
def course(config: TrainingConfig) -> Course:
    return Course(Fragile(), replace(config, steps=100, eval_every=50, save_every=40))


def test_calm_training_reads_as_without_a_guard(course: Course) -> None:
    assert course.run() == 100
    assert course.engine.read == list(range(100))
    assert course.spikes == []


def test_spike_is_undone_and_its_batches_are_skipped(course: Course) -> None:
    course.engine.bad = frozenset({55})
    assert course.run() == 100
    ((spike, skip),) = course.spikes
    assert (spike.step, spike.loss) == (55, 9.0)
    assert spike.why.startswith("The loss was 9; over the 32 steps before it was 3.0")
    assert skip == Skip(40, 16)
    assert course.engine.read == [*range(40), *range(56, 116)]
    assert course.losses[56] < 4  # what was done again stands


def test_run_that_is_resumed_behind_a_spike_reads_the_same(course: Course) -> None:
    course.engine.bad = frozenset({55, 97})
    undisturbed = Course(Fragile(course.engine.bad), course.config)
    undisturbed.run()
    course.run(until=80)  # stopped, with a checkpoint, between the two
    at = course._newest()
    assert at == 80
    course.engine.read = list(course.saved[at])
    assert course.run(first_step=at) == 100
    assert course.engine.read == undisturbed.engine.read
    assert course.skips == undisturbed.skips == [Skip(40, 16), Skip(80, 2)]


def test_second_spike_after_a_checkpoint_skips_further(course: Course) -> None:
    course.engine.bad = frozenset({55, 60})
    course.run()
    assert [skip for _, skip in course.spikes] == [Skip(40, 16), Skip(40, 5)]
    assert course.engine.read == [*range(40), *range(61, 121)]


def test_stretches_read_are_those_of_the_engine(course: Course) -> None:
    course.engine.bad = frozenset({55, 60, 110})
    course.run()
    for steps in (0, 12, 40, 41, 100):
        stretches = course.guard.read(steps)
        assert [n for a, b in stretches for n in range(a, b)] == course.engine.read[:steps]


def test_spike_that_follows_whatever_is_skipped_is_named(course: Course) -> None:
    course.engine.bad = frozenset(range(55, 200))
    with pytest.raises(TrainingError) as caught:
        course.run()
    assert str(caught.value).startswith(f"At step {40 + 1} there was a loss spike again.")
    assert f"the checkpoint of step 40 {MOST_IN_A_ROW} times" in str(caught.value)
    assert sorted(course.saved) == [40]


def test_without_a_checkpoint_training_goes_on(course: Course) -> None:
    course.engine.bad = frozenset({35})
    assert course.run() == 100
    ((spike, skip),) = course.spikes
    assert (spike.step, skip) == (35, None)
    assert course.engine.read == list(range(100))


def test_first_steps_are_no_spikes() -> None:
    guard = SpikeGuard(1.0, lambda: None, lambda *_: None)
    for step in range(WINDOW - 1):
        assert guard.look(step, 10.0 + 5 * (step % 2), 1.0) is None
        guard.remember(step, 3.0, 1.0)


def guarded(losses: list[float], norm: float = 0.5) -> SpikeGuard:
    guard = SpikeGuard(1.0, lambda: None, lambda *_: None)
    for step, loss in enumerate(losses):
        guard.remember(step, loss, norm)
    return guard


def test_noisy_losses_may_go_further() -> None:
    calm = guarded([3.0, 3.1] * 16)
    noisy = guarded([2.0, 4.0] * 16)
    assert calm.look(32, 4.2, 0.5) is not None
    assert noisy.look(32, 4.2, 0.5) is None
    assert noisy.look(32, 3.0 + 6 * 1.4826 + 0.1, 0.5) is not None


def test_gradient_that_explodes_is_a_spike() -> None:
    found = guarded([3.0] * 32).look(32, 3.0, 501.0)
    assert found is not None
    assert found.why == "The gradient norm was 501; before it was 0.5."
    assert guarded([3.0] * 32).look(32, 3.0, 499.0) is None
