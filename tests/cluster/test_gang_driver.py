"""What the driver of a gang makes of how its step ended, without Slurm."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kblib import settings
from kblib.cluster import gang, watch
from kblib.cluster.gang_driver import GangDriver
from kblib.cluster.in_vain import MOST_IN_VAIN
from kblib.cluster.tls import make_keys
from kblib.jobs.driver import Ending
from kblib.jobs.exit_codes import DONE, FAILED, INFRASTRUCTURE, STOPPED
from kblib.runs import Phase, RunFolder, RunState


class Ended:
    """A step that is over."""

    def __init__(self, *, out_of_memory: bool = False, lost_nodes: tuple[str, ...] = ()) -> None:
        self.out_of_memory = out_of_memory
        self.lost_nodes = list(lost_nodes)

    def codes(self) -> dict[int, int]:
        return {}

    def kill(self) -> None:
        """It is over."""


@pytest.fixture
def run(tmp_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunFolder]:
    """Give the folder of a gang's run; its scheduler is asked nothing."""
    monkeypatch.setattr(gang, "drop_waiting", lambda run, *, own: None)
    monkeypatch.setattr(GangDriver, "_keep_away_from_bad_nodes", lambda self: None)
    before = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM)}
    yield RunFolder.create(settings.runs_folder() / "films", {"site": "emulator"})
    for number, handler in before.items():
        signal.signal(number, handler)


def lose(run: RunFolder, number: int, *, step: int, saved: int) -> GangDriver:
    """Let an attempt be lost at a step, with so much saved; return its driver."""
    run.begin_attempt(number - 1, {"job": str(number)})
    outcome = {"exit_code": INFRASTRUCTURE, "step": step, "saved": saved}
    run.end_attempt(number, ended=time.time(), why="lost", **outcome)
    run.write_state(RunState(Phase.RUNNING, step=step, attempt=number))
    return GangDriver(run, number, Ended(), str(number))


def next_phases(run: RunFolder, *losses: tuple[int, int]) -> list[Phase]:
    lost = Ending(INFRASTRUCTURE, "lost")
    numbered = enumerate(losses, start=1)
    return [
        lose(run, number, step=step, saved=saved)._next_phase(lost)
        for number, (step, saved) in numbered
    ]


@pytest.mark.parametrize(
    ("codes", "near", "kept"),
    [
        ([DONE], False, False),
        ([FAILED], False, False),
        ([STOPPED], False, False),
        ([STOPPED], True, True),
        ([INFRASTRUCTURE], False, True),
    ],
    ids=["done", "failed", "stopped", "wall time", "lost"],
)
def test_keys_are_kept_for_the_next_job_and_end_with_the_run(
    run: RunFolder,
    monkeypatch: pytest.MonkeyPatch,
    codes: list[int],
    near: bool,
    kept: bool,
) -> None:
    monkeypatch.setattr(GangDriver, "_broken_nodes", lambda self, patience_s: {})
    make_keys(run)
    before = (run.tls / "key.pem").read_bytes()
    run.begin_attempt(0, {"job": "1"})
    driver = GangDriver(run, 1, Ended(), "1")
    driver.wall_time_is_near = near
    driver.codes = dict(enumerate(codes))
    driver._next_phase(driver._ending())
    assert run.tls.exists() is kept
    make_keys(run)
    assert ((run.tls / "key.pem").read_bytes() == before) is kept


def test_keys_end_with_a_run_that_lost_its_last_jobs(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks takes them away: no driver is left that would."""
    make_keys(run)
    run.script_file.write_text("")
    run.begin_attempt(0, {"job": "1"})
    running = RunState(Phase.RUNNING, step=7, heartbeat=time.time() - 2 * watch.FRESH_S)
    run.write_state(running)
    monkeypatch.setattr(watch, "_ask", lambda run, now: watch._Answer(now, [], None))
    assert watch.observed(run, running).phase is Phase.FAILED
    assert not run.tls.exists()


def test_losses_without_a_further_checkpoint_end_the_run(run: RunFolder) -> None:
    """After the first each came a little further than its checkpoint, and none to the next."""
    phases = next_phases(run, (61, 50), (58, 50), (70, 50), (52, 50))
    assert len(phases) == 1 + MOST_IN_VAIN
    assert phases == [Phase.QUEUED, Phase.QUEUED, Phase.QUEUED, Phase.FAILED]


def test_losses_that_come_further_each_time_do_not(run: RunFolder) -> None:
    phases = next_phases(run, (61, 50), (120, 100), (170, 150), (200, 200))
    assert set(phases) == {Phase.QUEUED}


def test_wall_times_without_a_further_checkpoint_end_the_run(run: RunFolder) -> None:
    """Of so short a time that the ranks have not begun when it is over."""
    for number in (1, 2, 3):
        driver = lose(run, number, step=0, saved=0)
        run.end_attempt(number, exit_code=STOPPED)
        driver.wall_time_is_near = True
        phase = driver._next_phase(Ending(STOPPED, "The wall time was near; the next job goes on."))
        assert phase is (Phase.FAILED if number == 3 else Phase.QUEUED)
    assert driver._why(Ending(STOPPED, "")) == (
        "Given up: 3 attempts in a row brought no further checkpoint. "
        "What ended each of them: run.attempts()"
    )


def test_run_whose_drivers_were_killed_each_time_is_given_up_by_the_next(run: RunFolder) -> None:
    """None of them could count; each was written down as lost by the one that followed it."""
    for number in (1, 2, 3):
        driver = lose(run, number, step=60 + number, saved=0)
    run.begin_attempt(3, {"job": "4"})
    driver = GangDriver(run, 4, Ended(), "4")
    assert driver.drive() == FAILED
    state = run.written_state()
    assert (state.phase, state.attempt) == (Phase.FAILED, 4)
    assert state.why.startswith("Given up: 3 attempts in a row")


def test_run_that_is_resumed_after_it_was_given_up_begins_to_count_anew(run: RunFolder) -> None:
    assert next_phases(run, (9, 0), (8, 0), (7, 0))[-1] is Phase.FAILED
    run.write_sent_jobs("4", "5")
    assert lose(run, 4, step=5, saved=0)._next_phase(Ending(INFRASTRUCTURE, "")) is Phase.QUEUED


def test_want_of_memory_is_a_fault_of_ours(run: RunFolder) -> None:
    run.begin_attempt(0, {"job": "1"})
    driver = GangDriver(run, 1, Ended(out_of_memory=True), "1")
    driver.codes = {2: -signal.SIGKILL}
    ending = driver._ending()
    assert (ending.code, driver._next_phase(ending)) == (FAILED, Phase.FAILED)
    assert "OUT_OF_MEMORY" in ending.why


def test_lost_node_is_named_and_kept_in_mind(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GangDriver, "_broken_nodes", lambda self, patience_s: {})
    run.begin_attempt(0, {"job": "1"})
    driver = GangDriver(run, 1, Ended(lost_nodes=("gn2",)), "1")
    driver.codes = {0: INFRASTRUCTURE}
    ending = driver._ending()
    assert (ending.code, ending.why) == (
        INFRASTRUCTURE,
        "Lost: gn2. The next job goes on without.",
    )
    assert run.bad_nodes()["gn2"]["seen"] == "srun lost its connection to it"


@pytest.mark.parametrize(("cancelled", "phase"), [(False, Phase.QUEUED), (True, Phase.STOPPED)])
def test_wall_time_goes_on_unless_somebody_said_stop(
    run: RunFolder, cancelled: bool, phase: Phase
) -> None:
    run.begin_attempt(0, {"job": "1"})
    run.write_state(RunState(Phase.RUNNING, attempt=1))
    driver = GangDriver(run, 1, Ended(), "1")
    driver.wall_time_is_near = True
    driver.codes = dict.fromkeys(range(4), STOPPED)
    if cancelled:
        run.ask_to_stop("selma")
    assert driver._next_phase(driver._ending()) is phase
