from __future__ import annotations

import errno
import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from kblib import files, settings
from kblib.errors import IntegrityError, RunError
from kblib.runs import Phase, RunFolder, RunState, journal, list_runs, open_run_folder
from kblib.runs.state import NEVER_BEGUN_S
from tests.disks import fill


@pytest.fixture
def run(tmp_home: Path) -> RunFolder:
    return RunFolder.create(settings.runs_folder() / "films-2x32", {"job": {"steps": 3}})


def attempts(run: RunFolder) -> list[str]:
    return sorted(path.name for path in run.attempts.iterdir())


def test_create_makes_a_whole_run(run: RunFolder) -> None:
    assert sorted(path.name for path in run.path.iterdir()) == [
        ".reserve",
        "attempts",
        "checkpoints",
        "config.json",
        "result",
        "state.json",
    ]
    assert run.name == "films-2x32"
    assert run.config() == {"job": {"steps": 3}}
    assert (run.state().phase, run.state().attempt) == (Phase.QUEUED, 0)


def test_create_keeps_the_folder_private(run: RunFolder) -> None:
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o700


def test_create_refuses_a_run_that_is_there(run: RunFolder) -> None:
    with pytest.raises(FileExistsError):
        RunFolder.create(run.path, {"job": {"steps": 9}})
    assert run.config() == {"job": {"steps": 3}}
    assert [path.name for path in run.path.parent.iterdir()] == [run.name]


def test_create_by_many_at_once_gives_one_run(tmp_home: Path) -> None:
    path, start = tmp_home / "runs" / "films", threading.Barrier(8)
    won: list[int] = []

    def create(number: int) -> None:
        start.wait()
        try:
            RunFolder.create(path, {"by": number})
        except FileExistsError:
            return
        won.append(number)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert RunFolder(path).config() == {"by": won[0]}
    assert [folder.name for folder in path.parent.iterdir()] == ["films"]


def test_create_of_what_cannot_be_written_leaves_nothing(tmp_home: Path) -> None:
    with pytest.raises(TypeError):
        RunFolder.create(tmp_home / "runs" / "films", {"job": object()})
    assert list((tmp_home / "runs").iterdir()) == []


def test_state_is_replaced_as_a_whole(run: RunFolder) -> None:
    run.write_state(RunState(Phase.STOPPED, "asked", step=2, steps=3, exit_code=85))
    assert run.state() == RunState(Phase.STOPPED, "asked", step=2, steps=3, exit_code=85)
    assert not [path for path in run.path.iterdir() if path.name.startswith(".state")]


def test_state_that_is_damaged_is_said(run: RunFolder) -> None:
    run.state_file.write_text("")
    with pytest.raises(IntegrityError, match=r"state\.json is damaged"):
        run.state()


def test_full_disk_leaves_room_for_the_last_words(small_disk: Path) -> None:
    run = RunFolder.create(small_disk / "runs" / "films", {})
    fill(small_disk)
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "more").write_bytes(bytes(4096))
    run.write_state(RunState(Phase.FAILED, "The disk is full.", step=2))
    assert run.state().why == "The disk is full."


def test_full_disk_without_a_reserve_keeps_the_old_state(small_disk: Path) -> None:
    run = RunFolder.create(small_disk / "runs" / "films", {})
    run.write_state(RunState(Phase.STOPPED, "before"))
    (run.path / ".reserve").unlink()
    fill(small_disk)
    with pytest.raises(OSError, match="No space left") as caught:
        run.write_state(RunState(Phase.DONE))
    assert caught.value.errno == errno.ENOSPC
    assert run.state() == RunState(Phase.STOPPED, "before")


def test_attempts_are_numbered_from_one(run: RunFolder) -> None:
    assert [run.begin_attempt(0, {"site": "local"}), run.begin_attempt(1, {})] == [1, 2]
    assert attempts(run) == ["0001.json", "0002.json"]
    record = files.read_json(run.attempts / "0001.json")
    assert record["attempt"] == 1
    assert record["site"] == "local"
    assert record["submitted"] == pytest.approx(time.time(), abs=60)


def test_attempt_claimed_by_many_at_once_is_given_to_one(run: RunFolder) -> None:
    start, numbers = threading.Barrier(8), []

    def claim() -> None:
        start.wait()
        numbers.append(run.begin_attempt(0, {}))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers, key=str) == [1, *[None] * 7]
    assert attempts(run) == ["0001.json"]


def test_attempt_that_was_claimed_long_ago_and_never_begun_is_left_behind(
    run: RunFolder,
) -> None:
    assert run.begin_attempt(0, {}) == 1
    assert run.begin_attempt(0, {}) is None
    long_ago = time.time() - NEVER_BEGUN_S - 1
    os.utime(run.attempts / "0001.json", (long_ago, long_ago))
    assert run.begin_attempt(0, {}) == 2


def test_ended_attempt_keeps_what_was_said_at_its_start(run: RunFolder) -> None:
    run.begin_attempt(0, {"site": "local"})
    run.end_attempt(1, exit_code=85, why="asked")
    record = files.read_json(run.attempts / "0001.json")
    assert (record["site"], record["exit_code"], record["why"]) == ("local", 85, "asked")


def test_request_to_stop_says_who_and_when(run: RunFolder) -> None:
    run.ask_to_stop("selma")
    request = files.read_json(run.cancel_file)
    assert request["by"] == "selma"
    assert request["asked"] == pytest.approx(time.time(), abs=60)


def test_checkpoints_are_known_by_their_names(run: RunFolder) -> None:
    for step in (1000, 20, 300):
        run.checkpoint(step).mkdir()
    (run.checkpoints / ".step-00000400.x1y2").mkdir()  # half-written
    (run.checkpoints / "step-5").mkdir()
    (run.checkpoints / "notes").mkdir()
    assert run.checkpoint_steps() == [20, 300, 1000]
    assert run.checkpoint(20).name == "step-00000020"


def test_metrics_and_tail_read_the_journal(run: RunFolder) -> None:
    tail = run.tail()
    assert run.metrics() == []
    journal.append(run.metrics_file, {"step": 1})
    assert tail.new() == run.metrics() == [{"step": 1}]


def test_log_gives_its_last_lines(run: RunFolder) -> None:
    assert run.log() == ""
    run.log_file.write_text("a\nb\nc\n")
    assert run.log(2) == "b\nc"


# list_runs, open_run_folder


def test_without_a_home_there_are_no_runs(tmp_home: Path) -> None:
    assert list_runs() == []


def test_runs_are_listed_newest_first_and_nothing_else(run: RunFolder) -> None:
    newer = RunFolder.create(settings.runs_folder() / "a-newer", {})
    os.utime(run.config_file, (1000, 1000))
    (settings.runs_folder() / "no-run").mkdir()
    half = settings.runs_folder() / ".films.x1y2"
    half.mkdir()
    (half / "config.json").write_text("{}")
    assert [one.name for one in list_runs()] == [newer.name, run.name]


def test_run_is_opened_by_name(run: RunFolder) -> None:
    assert open_run_folder(run.name).path == run.path


def test_run_is_opened_by_folder(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = run.path.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    assert open_run_folder(moved).path == moved
    assert open_run_folder("moved").path == moved


def test_unknown_run_names_the_nearest(run: RunFolder) -> None:
    with pytest.raises(RunError) as caught:
        open_run_folder("films-2x23")
    assert str(caught.value) == (
        "No run named 'films-2x23'.\n  Did you mean kb.Run.open('films-2x32')?"
    )


def test_unknown_run_lists_others_when_none_is_near(run: RunFolder) -> None:
    with pytest.raises(RunError) as caught:
        open_run_folder("ooo")
    assert str(caught.value) == (
        "No run named 'ooo'. Runs here: films-2x32.\n  List all: python -m kblib status"
    )


def test_unknown_run_where_there_are_none(tmp_home: Path) -> None:
    with pytest.raises(RunError) as caught:
        open_run_folder("films")
    assert str(caught.value) == (
        "No run named 'films'. Runs here: none yet.\n  List all: python -m kblib status"
    )


def test_config_is_plain_json(run: RunFolder) -> None:
    assert json.loads(run.config_file.read_text()) == {"job": {"steps": 3}}
