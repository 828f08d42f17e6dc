from __future__ import annotations

from dataclasses import replace

import pytest

from kblib.runs.state import NEVER_BEGUN_S, SILENCE_S, Phase, RunState

THEN = 1000.0
RUNNING = RunState(Phase.RUNNING, step=7, steps=100, host="node17", pid=42, heartbeat=THEN)


@pytest.mark.parametrize(
    ("phase", "over"),
    [("queued", False), ("running", False), ("stopped", True), ("done", True), ("failed", True)],
)
def test_phases_that_are_over(phase: str, over: bool) -> None:
    assert RunState(Phase(phase)).over is over


def test_state_comes_back_from_plain_data() -> None:
    content = RUNNING.to_dict()
    assert content["phase"] == "running"
    assert RunState.from_dict(content) == RUNNING


def test_field_of_a_later_version_is_passed_over() -> None:
    assert RunState.from_dict({"phase": "done", "mood": "good"}) == RunState(Phase.DONE)


def test_driver_that_holds_the_lock_is_believed_however_silent() -> None:
    assert RUNNING.observed(here=True, driver_lives=True, now=THEN + 1e6) == RUNNING


def test_driver_that_let_go_of_the_lock_means_failed() -> None:
    assert RUNNING.observed(here=True, driver_lives=False, now=THEN) == replace(
        RUNNING,
        phase=Phase.FAILED,
        exit_code=86,
        why="Its driver (process 42 on node17) is gone: it was killed, "
        "or the machine restarted. It had reached step 7.",
    )


@pytest.mark.parametrize("here", [True, False])
def test_driver_whose_lock_cannot_be_seen_is_believed_while_it_is_heard(here: bool) -> None:
    seen = RUNNING.observed(here=here, driver_lives=None, now=THEN + SILENCE_S - 1)
    assert seen == RUNNING


def test_driver_elsewhere_that_is_silent_has_failed() -> None:
    seen = RUNNING.observed(here=False, driver_lives=None, now=THEN + 5 * 60)
    assert seen.phase is Phase.FAILED
    assert seen.why == "Nothing has been heard from node17 for 5 minutes. It had reached step 7."


@pytest.mark.parametrize("phase", [Phase.STOPPED, Phase.DONE, Phase.FAILED])
def test_run_that_is_over_stays_what_it_is(phase: Phase) -> None:
    state = replace(RUNNING, phase=phase, why="said")
    assert state.observed(here=True, driver_lives=False, now=THEN + 1e6) == state


def test_run_whose_first_attempt_nobody_began_can_be_begun() -> None:
    state = RunState(Phase.QUEUED, attempt=0, heartbeat=THEN)
    assert state.observed(here=True, driver_lives=None, now=THEN + 1) == state
    seen = state.observed(here=True, driver_lives=None, now=THEN + NEVER_BEGUN_S + 1)
    assert (seen.phase, seen.why) == (Phase.STOPPED, "It was submitted, but never begun.")


def test_queued_run_whose_driver_never_began_has_failed() -> None:
    state = RunState(Phase.QUEUED, attempt=1, heartbeat=THEN)
    late = THEN + NEVER_BEGUN_S + 1
    assert state.observed(here=True, driver_lives=None, now=late - 2) == state
    assert state.observed(here=True, driver_lives=True, now=late) == state
    seen = state.observed(here=True, driver_lives=None, now=late)
    assert (seen.phase, seen.exit_code) == (Phase.FAILED, 86)
    assert seen.why == "It was asked for, but its driver never began."
