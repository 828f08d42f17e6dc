"""Recordings: what changed in a run folder, kept as lines, without what is of one machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kblib.errors import RunError
from kblib.runs import Phase, RunFolder
from kblib.runs.recording import Frame, Recorder, Recording
from tests.cluster.recorded import attempt, recorded, runs_at, two_node_run


def written(frames: tuple[Frame, ...], folder: Path) -> RunFolder:
    for frame in frames:
        frame.write(folder)
    return RunFolder(folder)


def test_all_frames_together_give_the_files_of_the_run(tmp_path: Path):
    original = RunFolder(tmp_path / "run")
    copy = written(recorded(original.path).frames, tmp_path / "copy")
    assert copy.metrics() == original.metrics()
    assert copy.attempt_records() == original.attempt_records()
    assert copy.written_state() == original.written_state()
    assert copy.config() == original.config()


def test_state_comes_after_what_it_tells_of(tmp_path: Path):
    run = two_node_run(tmp_path / "run")
    recorder = Recorder(run)
    recorder.look()
    attempt(run, 1, 0.0)
    runs_at(run, 1, 10.0)
    recorder.look()
    files = [frame.file for frame in recorder.frames]
    assert files[-3:] == ["attempts/0001.json", "metrics.jsonl", "state.json"]


def test_nothing_is_kept_of_a_look_that_finds_nothing_new(tmp_path: Path):
    recorder = Recorder(two_node_run(tmp_path / "run"))
    recorder.look()
    before = len(recorder.frames)
    recorder.look()
    assert len(recorder.frames) == before == 2  # config and state


def test_looks_within_one_hundredth_of_a_second_stay_apart(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("kblib.runs.recording.time.monotonic", lambda: 5.0)
    times = [frame.at_s for frame in recorded(tmp_path / "run").frames]
    assert times == sorted(times)
    assert len(set(times)) >= 4


def test_half_a_line_waits_for_its_end(tmp_path: Path):
    run = two_node_run(tmp_path / "run")
    recorder = Recorder(run)
    run.log_file.write_text("first\nsec", encoding="utf-8")
    recorder.look()
    run.log_file.write_text("first\nsecond\n", encoding="utf-8")
    recorder.look()
    added = [frame.text for frame in recorder.frames if frame.file == "log.txt"]
    assert added == ["first\n", "second\n"]


def test_paths_of_the_machine_are_not_kept(tmp_path: Path):
    recording = recorded(tmp_path / "run")
    recording.save(tmp_path / "kept.jsonl")
    text = (tmp_path / "kept.jsonl").read_text(encoding="utf-8")
    assert str(tmp_path) not in text
    assert "logs go to HOME/run" in text


def test_saved_recording_is_read_again(tmp_path: Path):
    recording = recorded(tmp_path / "run")
    recording.save(tmp_path / "kept.jsonl")
    again = Recording.open(tmp_path / "kept.jsonl")
    assert again == recording
    assert again.config["recording"]["site"] == "emulator"
    assert again.frames[-1].state.phase is Phase.DONE


@pytest.mark.parametrize("text", ["", "{}\n", '{"date": "2026-11-25"}\n', "[1]\n[2]\n", "no\n"])
def test_file_that_is_no_recording_is_refused(tmp_path: Path, text: str):
    path = tmp_path / "strange.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match=r"strange\.jsonl is no recording of a run: "):
        Recording.open(path)


def test_frames_are_plain_lines(tmp_path: Path):
    recorded(tmp_path / "run").save(tmp_path / "kept.jsonl")
    first, *others = (tmp_path / "kept.jsonl").read_text(encoding="utf-8").splitlines()
    assert set(json.loads(first)) == {"site", "date"}
    assert {tuple(json.loads(line)) for line in others} == {("at_s", "file", "text", "added")}
