"""Replay: a recorded run played again, for those who have no cluster at hand.

Whoever looks sees the files of a run folder change as they did then, only faster. Where the run was
stopped, playing stops too, until `resume`. `cancel` plays at once what is left until that stop, or,
where none is left, halts.
"""

from __future__ import annotations

import math
import os
import shutil
import threading
import time
from dataclasses import replace
from importlib import resources
from importlib.resources import as_file
from pathlib import Path
from typing import NoReturn

from kblib import files, settings
from kblib.cluster.run import Run
from kblib.errors import RunError
from kblib.runs import Phase, RunFolder, RunState, lock
from kblib.runs.recording import MARK, Recording

SPEED = 10.0
_ENDING = ".jsonl"
_PATIENCE_S = 5.0
_LOOK_S = 0.1
_LIVE: dict[Path, Replay] = {}


class Replay(Run):
    """A recorded run that is played in this process.

    It looks like a `Run` to views and to `wait`. Nothing is computed, and there is no model at the
    end.

    Parameters
    ----------
    recording
        What to play.
    name
        The name of the recording. The run is found under ``recording-NAME``; where another
        notebook plays it too, a number is added.
    speed
        How many times faster than it was.
    """

    def __init__(self, recording: Recording, name: str, speed: float = SPEED) -> None:
        path = _free(settings.writable_home() / "runs" / f"recording-{name}")
        super().__init__(_emptied(path))
        self.recording, self.name_of_recording, self.speed = recording, name, speed
        self._handle = lock.take(self._folder.lock_file, patience_s=_PATIENCE_S)
        self._next = 0
        self._enough = threading.Event()
        self._thread: threading.Thread | None = None
        _LIVE[path] = self
        self._begin()
        self._play_on(recording.frames[0].at_s)

    @property
    def state(self) -> RunState:
        """What is being played: it is this process that plays."""
        return self._folder.written_state()

    @property
    def date(self) -> str:
        """The day on which the run was recorded."""
        return str(self.recording.about["date"])

    def resume(
        self,
        *,
        budget_gpu_hours: float | None = None,  # noqa: ARG002  as in Run
        hang_min: float | None = None,  # noqa: ARG002
    ) -> Replay:
        """Play on after a stop; at the end there is nothing left to play."""
        if self.state.over and self._next < len(self.recording.frames):
            self.join()
            self._folder.cancel_file.unlink(missing_ok=True)
            state = self._folder.written_state()
            self._folder.write_state(replace(state, phase=Phase.QUEUED, why="", exit_code=None))
            self._play_on(self.recording.frames[self._next].at_s)
        return self

    def result(self, timeout_s: float | None = None) -> NoReturn:  # noqa: ARG002  as in Run
        """Refuse: a recording has no model."""
        raise RunError(
            f"Run '{self.name}' is a recording of {self.date}: it has no model.",
            "What was written about the training was kept, not what was trained.",
            "Train one: kb.submit(job)",
        )

    def join(self) -> None:
        """Wait until nothing is being played: at a stop, or at the end."""
        if self._thread is not None:
            self._thread.join()

    def stop(self) -> None:
        """End the playing."""
        self._enough.set()
        self.join()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _begin(self) -> None:
        """Write what was there when the recorder began to look."""
        config = self.recording.config
        config[MARK] = {**config[MARK], "name": self.name_of_recording}
        files.write_json(self._folder.config_file, config)
        first = self.recording.frames[0].at_s
        while self.recording.frames[self._next].at_s == first:
            self._write_next()

    def _play_on(self, since_s: float) -> None:
        self._thread = threading.Thread(
            target=self._play, args=(since_s,), name=f"play {self.name}", daemon=True
        )
        self._thread.start()

    def _play(self, since_s: float) -> None:
        """Write frame after frame, counted from `since_s` of the recording, until a stop."""
        frames, began, hurries = self.recording.frames, time.monotonic(), False
        while self._next < len(frames):
            due = began + (frames[self._next].at_s - since_s) / self.speed
            while not hurries and (left := due - time.monotonic()) > 0:
                if self._enough.wait(min(left, _LOOK_S)):
                    return
                if self._asked_to_stop():
                    if not self._was_stopped_later():
                        self._halt()
                        return
                    hurries = True
            state = self._write_next()
            if state is not None and state.over:
                return

    def _asked_to_stop(self) -> bool:
        return self._folder.cancel_file.exists()  # whichever attempt it was meant for

    def _was_stopped_later(self) -> bool:
        states = (frame.state for frame in self.recording.frames[self._next :])
        return any(state is not None and state.phase is Phase.STOPPED for state in states)

    def _halt(self) -> None:
        state = self._folder.written_state()
        halted = replace(state, phase=Phase.STOPPED, why="The recording was halted.")
        self._folder.write_state(halted)

    def _write_next(self) -> RunState | None:
        frame = self.recording.frames[self._next]
        self._next += 1
        if frame.file != self._folder.config_file.name:
            frame.write(self._folder.path)
        return frame.state

    def __repr__(self) -> str:
        return f"A recording of {self.date}, {self.speed:g} times faster: {super().__repr__()}"


def recordings() -> list[str]:
    """Return the names of the recordings that come with the package."""
    folder = resources.files("kblib.cluster") / "recorded"
    return sorted(
        one.name.removesuffix(_ENDING) for one in folder.iterdir() if one.name.endswith(_ENDING)
    )


def recording(name: str) -> Recording:
    """Return one of the recordings that come with the package.

    Raises
    ------
    RunError
        If there is none of that name.
    """
    if name not in recordings():
        raise RunError(
            f"There is no recorded run '{name}'.",
            f"Recorded were: {', '.join(recordings())}.",
            f'kb.replay("{recordings()[0]}")',
        )
    with as_file(resources.files("kblib.cluster") / "recorded" / (name + _ENDING)) as path:
        return Recording.open(path)


def replayed(name: str, *, speed: float = SPEED) -> Replay:
    """Play one of the recordings that come with the package, from its beginning.

    Parameters
    ----------
    speed
        How many times faster than it was.

    Raises
    ------
    RunError
        If there is none of that name, or the speed is no number above 0.
    """
    found = recording(name)
    if not _is_speed(speed):
        raise RunError(
            f"speed={speed!r} was asked for.",
            "How many times faster than it was: a number above 0.",
            f'kb.replay("{name}", speed={SPEED:g})',
        )
    return Replay(found, name, speed)


def _is_speed(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < math.inf


def _free(path: Path) -> Path:
    """Return a folder to play into: one's own of before, or the first that nobody plays in."""
    place, number = path, 1
    while place not in _LIVE and lock.is_held(RunFolder(place).lock_file):
        number += 1
        place = path.with_name(f"{path.name}-{number}")
    if place in _LIVE:
        _LIVE.pop(place).stop()
    return place


def _emptied(path: Path) -> RunFolder:
    """Return an empty run folder; what an earlier playing left there is removed.

    Raises
    ------
    RunError
        If a run of one's own has that name.
    """
    run = RunFolder(path)
    if run.config_file.exists():
        if MARK not in run.config():
            raise RunError(f"{path} holds a run of its own.", "A recording would be played there.")
        shutil.rmtree(path)
    for folder in (run.attempts, run.checkpoints, run.result):
        folder.mkdir(parents=True)
    return run
