"""RunsView: all runs in a table, one beneath, and what is told when something is not there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kblib.runs import Phase, RunFolder, RunState
from kbnotebooks import _words
from kbnotebooks.runs import RunView
from kbnotebooks.runs_view import RunsView
from tests.cluster.recorded import BEGUN, attempt, runs_at, two_node_run


@pytest.fixture(autouse=True)
def _views(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_words, "_chosen", ["en"])
    yield
    for view in list(RunView._live.values()):
        view.stop_watching()
    RunView._live.clear()


def local(path: Path, age_s: float, **state: object) -> RunFolder:
    """Make a run of this machine that ended so long ago."""
    run = RunFolder.create(path, {"job": {}, "site": "local"})
    told = {"phase": Phase.DONE, "step": 9, "steps": 9, **state}
    run.write_state(RunState(**told, heartbeat=time.time() - age_s))
    return run


@pytest.fixture
def runs(tmp_home: Path) -> list[str]:
    """Three runs, the oldest first; the names say nothing of their age."""
    import os

    root = tmp_home / "runs"
    made = [
        two_node_run(root / "b-gang"),
        local(root / "c-done", 300),
        local(root / "a-stopped", 30, phase=Phase.STOPPED, why="Stopped on request.", step=4),
    ]
    attempt(made[0], 1, 0.0, ended=BEGUN + 36, exit_code=1, why="No.")
    runs_at(made[0], 2, 36.0, phase=Phase.FAILED, why="No.")
    for number, run in enumerate(made):
        os.utime(run.config_file, (BEGUN + number, BEGUN + number))
    return [run.name for run in made]


def test_newest_run_comes_first_and_is_shown(runs: list[str]):
    view = RunsView()
    assert list(view.table["name"]) == ["a-stopped", "c-done", "b-gang"]
    assert view.selection == "a-stopped"
    assert view.run_view.selection == "a-stopped"


def test_table_says_where_each_run_is(runs: list[str]):
    table = RunsView().table.set_index("name")
    assert list(table["phase"]) == ["stopped", "done", "failed"]
    assert list(table["site"]) == ["local", "local", "emulator"]
    assert list(table["step"]) == [4, 9, 2]
    assert table["heard"]["b-gang"].timestamp() == BEGUN + 36


def test_list_is_read_by_everybody(runs: list[str], structure):
    html = RunsView()._list.value
    for said in ("4 of 9", "Stopped on request.", "30 s ago", "5 min 00 s ago", "2023-11-1"):
        assert said in html
    assert structure(html).all("caption")
    assert len(structure(html).all("button")) == 3


def test_button_of_a_row_chooses_its_run(runs: list[str], structure):
    view = RunsView()
    second = structure(view._list.value).all("button")[1]
    assert "selectedIndex=1;" in second["onclick"]
    view._chosen.index = 1  # what the page does then
    assert view.selection == "c-done"
    assert "Done: step 9 of 9." in view.run_view._head.value


def test_selection_can_be_set(runs: list[str]):
    view = RunsView()
    view.selection = "b-gang"
    assert view.error is None
    assert "Attempts" in view.run_view._cluster.value


def test_unknown_run_is_answered_with_those_there_are(runs: list[str]):
    view = RunsView()
    view.selection = "d"
    assert "There is no run 'd' in this list." in view._message.value
    assert "a-stopped, c-done, b-gang" in view._message.value
    assert view.selection == "a-stopped"


def test_new_run_is_there_after_another_look(runs: list[str], tmp_home: Path):
    view = RunsView()
    view.selection = "c-done"
    local(tmp_home / "runs" / "d-new", 1)
    view._again.click()
    assert next(iter(view.table["name"])) == "d-new"
    assert view.selection == "c-done"


def test_run_that_cannot_be_read_is_listed_and_told(runs: list[str], tmp_home: Path):
    (tmp_home / "runs" / "c-done" / "state.json").write_text("{", encoding="utf-8")
    view = RunsView()
    row = view.table.set_index("name").loc["c-done"]
    assert row["phase"] == "unreadable"
    assert "state.json is damaged" in row["why"]
    view.selection = "c-done"
    assert "state.json is damaged" in view.run_view._message.value


def test_runs_of_a_project_are_only_looked_at(tmp_path: Path, tmp_home: Path):
    shared = tmp_path / "project"
    waiting = local(shared / "theirs", 1, phase=Phase.QUEUED, step=0, attempt=1)
    view = RunsView(shared)
    assert view.selection == waiting.name
    assert view.run_view._stop.disabled
    assert str(shared) in view._list.value
    assert RunsView().table.empty


def test_folder_that_is_not_there_is_told(tmp_path: Path):
    view = RunsView(tmp_path / "nowhere")
    assert "There is no folder" in view._message.value
    assert view.table.empty


def test_no_runs_are_said(tmp_home: Path):
    view = RunsView()
    assert "There are no runs here yet" in view._list.value
    assert view.selection == ""
    assert view.run_view is None
    assert view.png().startswith(b"\x89PNG")


def test_only_the_newest_are_looked_at(runs: list[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("kbnotebooks.runs_view.MOST_SHOWN", 2)
    view = RunsView()
    assert list(view.table["name"]) == ["a-stopped", "c-done"]
    assert "1 older ones are not shown." in view._list.value


def test_run_that_is_no_longer_shown_is_no_longer_watched(runs: list[str], tmp_home: Path):
    local(tmp_home / "runs" / "e-waits", 1, phase=Phase.QUEUED, step=0, attempt=1)
    view = RunsView()
    first = view.run_view
    assert first._thread.is_alive()
    view.selection = "c-done"
    first._thread.join(60)
    assert not first._thread.is_alive()


def test_still_form_has_no_buttons(runs: list[str], structure):
    html = RunsView().html
    assert structure(html).all("button") == []
    assert "a-stopped" in html
    assert "Stopped at step 4 of 9." in html
