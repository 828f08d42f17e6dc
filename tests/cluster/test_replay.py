"""Replay: the files of a recorded run, written again; stops, halts, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kblib.cluster import Run
from kblib.cluster.replay import _LIVE, Replay, replayed
from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, list_runs
from kblib.runs.recording import Recording
from tests.cluster.recorded import recorded
from tests.watching import PATIENCE_S

FAST, NEVER = 1e5, 1e-5


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return recorded(tmp_path / "run")


@pytest.fixture
def play(tmp_home: Path, recording: Recording) -> Iterator[Replay]:
    """A replay that stands at what was there when the recorder began to look."""
    replay = Replay(spread(recording), "hand", NEVER)
    yield replay
    replay.stop()


def spread(recording: Recording) -> Recording:
    """Return a recording whose looks were a second apart, however fast the test was."""
    n_states, frames = 0, []
    for frame in recording.frames:
        frames.append(replace(frame, at_s=float(n_states)))
        n_states += frame.file == "state.json"
    return Recording(recording.about, tuple(frames))


def test_begins_as_the_run_began(play: Replay):
    assert play.state.phase is Phase.QUEUED
    assert play.state.why == "Job 7 waits."
    assert play.metrics().empty
    assert repr(play).startswith(f"A recording of {play.date}, 1e-05 times faster: Run 'recording-")


def test_cancel_plays_until_the_run_was_stopped(play: Replay):
    play.cancel()
    assert play.wait(PATIENCE_S).state.phase is Phase.STOPPED
    assert (play.state.step, play.state.why) == (3, "Stopped on request.")
    assert list(play.attempts()["exit_code"]) == [85]


def test_resume_plays_on_to_the_end(tmp_home: Path, recording: Recording):
    replay = Replay(spread(recording), "hand", FAST)
    replay.wait(PATIENCE_S)
    assert replay.state.phase is Phase.STOPPED
    replay.resume().join()
    assert replay.state.phase is Phase.DONE
    assert list(replay.metrics()["step"]) == [1, 2, 3, 4, 10]
    assert list(replay.attempts()["exit_code"]) == [85, 0]
    assert replay.resume().state.phase is Phase.DONE
    replay.stop()


def test_stop_that_nobody_asked_for_then_halts(play: Replay):
    play.cancel().wait(PATIENCE_S)
    play.resume()
    play.cancel()
    play.join()
    assert play.state.phase is Phase.STOPPED
    assert play.state.why == "The recording was halted."


def test_is_found_by_its_name_and_by_the_list(play: Replay):
    again = Run.open("recording-hand")
    assert again.state == play.state
    assert [one.name for one in list_runs()] == ["recording-hand"]


def test_nothing_is_asked_of_a_scheduler(play: Replay, monkeypatch: pytest.MonkeyPatch):
    def never(*_: object) -> None:
        raise AssertionError("a recording asked the scheduler")

    monkeypatch.setattr("kblib.cluster.gang.slurm_of", never)
    assert Run.open(play.name).cancel().state.phase in (Phase.QUEUED, Phase.STOPPED)


def test_recording_that_nobody_plays_stands_still(play: Replay):
    play.stop()
    state = Run.open(play.name).state
    assert (state.phase, state.why) == (Phase.STOPPED, "The recording was not played to its end.")
    with pytest.raises(RunError) as caught:
        Run.open(play.name).resume()
    assert str(caught.value) == (
        f"Run 'recording-hand' is a recording of {play.date}. "
        "It is played on where it is being played; nothing is trained.\n"
        '  From its beginning: kb.replay("hand")'
    )


def test_playing_again_begins_anew(play: Replay, recording: Recording):
    play.cancel().wait(PATIENCE_S)
    again = Replay(spread(recording), "hand", NEVER)
    assert again.state.phase is Phase.QUEUED
    assert again.metrics().empty
    again.stop()


def test_two_notebooks_play_side_by_side(play: Replay, recording: Recording):
    _LIVE.clear()  # as in another kernel
    other = Replay(spread(recording), "hand", NEVER)
    assert (play.name, other.name) == ("recording-hand", "recording-hand-2")
    other.cancel().wait(PATIENCE_S)
    assert play.state.phase is Phase.QUEUED
    other.stop()


def test_there_is_no_model(play: Replay):
    with pytest.raises(RunError, match="it has no model"):
        play.result()


def test_run_of_the_same_name_is_left_alone(tmp_home: Path, recording: Recording):
    own = RunFolder.create(tmp_home / "runs" / "recording-hand", {"job": {}})
    with pytest.raises(RunError, match="holds a run of its own"):
        Replay(recording, "hand")
    assert own.config() == {"job": {}}


def test_unknown_recording_is_answered_with_those_there_are(tmp_home: Path):
    with pytest.raises(RunError) as caught:
        replayed("three-nodes")
    assert str(caught.value) == (
        "There is no recorded run 'three-nodes'. Recorded were: two-nodes.\n"
        '  kb.replay("two-nodes")'
    )


@pytest.mark.parametrize("speed", [0, -1, "fast", None, float("nan"), True])
def test_speed_that_is_none_is_refused(tmp_home: Path, speed: object):
    with pytest.raises(RunError, match="a number above 0"):
        replayed("two-nodes", speed=speed)
