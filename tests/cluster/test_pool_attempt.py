"""The head of a pool with workers that answer at once: what it says of a run, however it ends."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kblib.cluster import pool_attempt
from kblib.cluster.pool import Answer
from kblib.cluster.pool_attempt import Pace, PoolHead
from kblib.jobs.exit_codes import DONE, FAILED, STOPPED
from kblib.jobs.shard_work import Outcome
from kblib.runs import Phase, RunFolder
from kblib.runs.budget import set_budget
from kblib.runs.hours import spent_gpu_hours
from kblib.runs.shards import ShardFiles
from tests.disks import fill, mounted


class Workers:
    """Two workers that do a chunk in no time: `does` says what becomes of a shard."""

    slots = 2

    def __init__(self, does: Callable[[int], Outcome | None]) -> None:
        self.does = does
        self.sent: list[tuple[str, list[int]]] = []
        self.problem = ""
        self.stops = ""
        self.sent_away = False

    def send(self, chunk: str, numbers: list[int]) -> None:
        self.sent.append((chunk, numbers))

    def answers(self, patience_s: float) -> list[Answer]:
        came, self.sent = self.sent, []
        return [self._answer(chunk, numbers) for chunk, numbers in came]

    def _answer(self, chunk: str, numbers: list[int]) -> Answer:
        outcomes = [self.does(number) for number in numbers]
        if None in outcomes:
            return Answer(chunk, [], lost=True)
        return Answer(chunk, [one for one in outcomes if one], self.stops)

    def look_after(self) -> str:
        return self.problem


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return run_in(tmp_path / "run")


def run_in(folder: Path) -> RunFolder:
    config = {
        "job": {"kind": "batch", "shards": [f"page-{n}" for n in range(30)]},
        "pool": {"shards": 30, "workers": 2},
    }
    made = RunFolder.create(folder, config)
    made.begin_attempt(0, {})
    return made


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    known = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGUSR1)}
    yield
    for number, handler in known.items():
        signal.signal(number, handler)


def head_of(run: RunFolder, workers: Workers, attempt: int = 1) -> PoolHead:
    @contextmanager
    def opening(run: RunFolder, wanted: Callable[[], int]) -> Iterator[Workers]:
        assert wanted() > 0
        try:
            yield workers
        finally:
            workers.sent_away = True

    return PoolHead(run, attempt, opening)


def done(run: RunFolder, number: int) -> Outcome:
    ShardFiles(run).commit(number, lambda path: path.write_text(str(number)))
    return number, 0.5, ""


def test_run_is_done_when_all_shards_are(run: RunFolder) -> None:
    assert head_of(run, Workers(lambda n: done(run, n))).drive() == DONE
    state = run.written_state()
    assert (state.phase, state.step, state.steps) == (Phase.DONE, 30, 30)
    assert ShardFiles(run).done() == list(range(30))
    last = run.metrics()[-1]
    assert (last["step"], last["failed"], last["seconds_left"]) == (30, 0, 0.0)
    assert run.attempt_records()[0]["exit_code"] == DONE


def test_failed_shards_are_listed_and_the_others_are_done(run: RunFolder) -> None:
    def does(number: int) -> Outcome:
        if number % 7:
            return done(run, number)
        about = {"shard": number, "item": f"page-{number}", "error": "ValueError: torn"}
        ShardFiles(run).write_failure(number, about)
        return number, 0.5, "ValueError: torn"

    assert head_of(run, Workers(does)).drive() == FAILED
    state = run.written_state()
    assert state.why == (
        "5 of 30 shards failed; the results of the other 25 are there. "
        "Shard 0 (page-0): ValueError: torn; Shard 7 (page-7): ValueError: torn; "
        "Shard 14 (page-14): ValueError: torn; and 2 more"
    )
    events = [one["shard"] for one in run.metrics() if one.get("event") == "shard_failed"]
    assert sorted(events) == [0, 7, 14, 21, 28]


def test_next_head_goes_on_from_the_results(run: RunFolder) -> None:
    for number in range(20):
        done(run, number)
    asked: list[int] = []

    def does(number: int) -> Outcome:
        asked.append(number)
        return done(run, number)

    assert head_of(run, Workers(does)).drive() == DONE
    assert sorted(asked) == list(range(20, 30))


def test_shard_that_ends_its_workers_is_told_with_its_item(run: RunFolder) -> None:
    assert head_of(run, Workers(lambda n: None if n == 4 else done(run, n))).drive() == FAILED
    assert "Shard 4 (page-4): Its worker ended at it 3 times" in run.written_state().why
    told = json.loads((run.failed / "00004.json").read_text())
    assert told["item"] == "page-4"
    assert len(ShardFiles(run).done()) == 29


def test_function_that_always_fails_is_not_called_to_the_end(run: RunFolder) -> None:
    calls: list[int] = []

    def does(number: int) -> Outcome:
        calls.append(number)
        return number, 0.5, "TypeError: wrong"

    assert head_of(run, Workers(does)).drive() == FAILED
    assert len(calls) < 30
    assert run.written_state().why.startswith(f"The first {len(calls)} shards all failed. Shard 0")


def test_request_to_stop_keeps_what_is_done(run: RunFolder) -> None:
    def does(number: int) -> Outcome:
        if number == 3:
            run.write_state(run.written_state())
            run.cancel_file.write_text(json.dumps({"attempt": 1, "by": "ada"}))
        return done(run, number)

    assert head_of(run, Workers(does)).drive() == STOPPED
    state = run.written_state()
    assert (state.phase, state.why) == (Phase.STOPPED, "Stopped on request.")
    assert 4 <= state.step < 30


def test_batch_stops_when_its_budget_is_used_up(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_attempt, "_HEARTBEAT_S", 0.0)
    set_budget(run, 1e-9)  # a worker has used that up in microseconds
    assert head_of(run, Workers(lambda n: done(run, n))).drive() == STOPPED
    state = run.written_state()
    assert state.phase is Phase.STOPPED
    assert state.why.startswith("Its budget of 1e-09 GPU-hours is used up: ")
    assert "The results so far are kept. To go on: run.resume(budget_gpu_hours=2e-09)" in state.why
    assert 0 < state.step < 30
    assert spent_gpu_hours(run) == run.metrics()[-1]["gpu_hours"]


def test_no_worker_to_be_had_is_told(run: RunFolder) -> None:
    workers = Workers(lambda n: done(run, n))
    workers.slots, workers.problem = 0, "5 workers in a row ended before they had begun."
    assert head_of(run, workers).drive() == FAILED
    assert run.written_state().why == "5 workers in a row ended before they had begun."


def test_full_disk_is_told_and_the_next_head_goes_on(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", mib=2) as disk:
        run = run_in(disk / "run")
        filled: list[Path] = []

        def does(number: int) -> Outcome:
            outcome = done(run, number)
            if number == 1:  # the second of the two that are sent first
                filled.append(fill(disk))
            return outcome

        workers = Workers(does)
        workers.stops = "The disk is full: no space left."
        assert head_of(run, workers).drive() == FAILED
        state = run.written_state()
        assert (state.phase, state.why) == (Phase.FAILED, workers.stops)
        assert run.attempt_records()[0]["why"] == workers.stops
        filled[0].unlink()
        assert run.begin_attempt(1, {}) == 2
        assert head_of(run, Workers(lambda n: done(run, n)), attempt=2).drive() == DONE
        assert (run.path / ".reserve").stat().st_size > 0  # for the next full disk


def test_head_of_a_run_that_was_removed_ends_and_sends_its_workers_away(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_attempt, "_HEARTBEAT_S", 0.0)
    workers = Workers(lambda n: (n, 0.5, ""))
    workers.slots = 0  # nothing is ever done

    rounds: list[int] = []

    def look_after() -> str:
        shutil.rmtree(run.path, ignore_errors=True)
        rounds.append(1)
        return "" if len(rounds) < 50 else "Nobody has noticed."

    monkeypatch.setattr(workers, "look_after", look_after)
    with pytest.raises(OSError, match=r"attempts/0001\.json"):
        head_of(run, workers).drive()
    assert workers.sent_away
    assert len(rounds) == 1


def test_lines_about_progress_become_rarer() -> None:
    pace = Pace(began=0.0)
    due = [second for second in range(1, 100_000) if pace.is_due(float(second))]
    assert due[:3] == [2, 4, 6]
    assert due[-1] - due[-2] > 150
    assert len(due) < 3_000
