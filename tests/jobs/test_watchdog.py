from __future__ import annotations

import pytest

from kblib.jobs.watchdog import Watchdog

MINUTE = 60.0


def step(number: int, *, attempt: int = 2, of: int = 100) -> dict[str, float]:
    return {"attempt": attempt, "step": number, "loss": 4.2, "steps": of}


@pytest.fixture
def watchdog() -> Watchdog:
    """Give one for attempt 2 with a limit of 10 minutes, set at minute 0."""
    return Watchdog(2, 10.0, now=0.0)


@pytest.mark.parametrize(("minute", "barks"), [(9.9, False), (10.1, True)])
def test_silence_between_steps_is_borne_to_the_limit(
    watchdog: Watchdog, minute: float, barks: bool
) -> None:
    watchdog.hear([step(1)], now=0.0)
    assert watchdog.barks(now=minute * MINUTE) is barks


def test_each_step_sets_it_back(watchdog: Watchdog) -> None:
    for minute in range(0, 100, 9):
        watchdog.hear([step(1 + minute)], now=minute * MINUTE)
        assert not watchdog.barks(now=(minute + 9) * MINUTE)


def test_evaluation_is_a_sign_of_life(watchdog: Watchdog) -> None:
    watchdog.hear([step(1)], now=0.0)
    watchdog.hear([{"attempt": 2, "step": 1, "eval_loss": 4.0}], now=9 * MINUTE)
    assert not watchdog.barks(now=18 * MINUTE)


def test_steps_of_earlier_attempts_are_none(watchdog: Watchdog) -> None:
    watchdog.hear([step(1)], now=0.0)
    watchdog.hear([step(70, attempt=1)], now=9 * MINUTE)
    assert watchdog.barks(now=11 * MINUTE)


@pytest.mark.parametrize("records", [[], [step(100)]], ids=["before the first", "after the last"])
def test_preparing_and_scoring_take_longer(
    watchdog: Watchdog, records: list[dict[str, float]]
) -> None:
    watchdog.hear(records, now=0.0)
    assert not watchdog.barks(now=149 * MINUTE)
    assert watchdog.barks(now=151 * MINUTE)


def test_longer_limit_holds_everywhere() -> None:
    watchdog = Watchdog(1, 600.0, now=0.0)
    assert not watchdog.barks(now=599 * MINUTE)
    assert watchdog.barks(now=601 * MINUTE)
