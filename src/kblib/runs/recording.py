"""A run recorded and played again: what was written into its folder, and when.

A recording is one file of JSON lines. The first says what was recorded and on which day; each
further one is a `Frame`. Playing writes the same files into another run folder, so that whoever
looks at that one sees what an onlooker saw then. A recording holds no text and no model.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kblib import files
from kblib.errors import RunError
from kblib.runs import lock
from kblib.runs.folder import RunFolder
from kblib.runs.state import Phase, RunState

MARK = "recording"
"""The entry of a run's config by which it is known as a recording that is played."""
_GROWING = ("metrics.jsonl", "log.txt", "telemetry.jsonl", "events.jsonl")
_WHOLE = ("config.json", "state.json", "script.sh", "bad_nodes.json", "attempts/[0-9]*.json")


@dataclass(frozen=True)
class Frame:
    """One change of one file.

    Parameters
    ----------
    at_s
        Seconds after the recorder began to look.
    file
        The file, relative to the run folder.
    text
        What it held, or what was added to its end.
    added
        Which of the two.
    """

    at_s: float
    file: str
    text: str
    added: bool = False

    @property
    def state(self) -> RunState | None:
        """The state that this frame brings; None if it is of another file."""
        if self.file != "state.json":
            return None
        return RunState.from_dict(json.loads(self.text))

    def write(self, folder: Path) -> None:
        """Do to a folder what was done then."""
        path = folder / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.added:
            with open(path, "a", encoding="utf-8") as file:
                file.write(self.text)
        else:
            files.write_atomic(path, self.text.encode("utf-8"))


@dataclass(frozen=True)
class Recording:
    """What was written into a run folder.

    Parameters
    ----------
    about
        What was recorded, and its ``date``.
    frames
        All changes, the first one first.
    """

    about: Mapping[str, Any]
    frames: tuple[Frame, ...]

    @classmethod
    def open(cls, path: Path) -> Recording:
        """Read a recording.

        Raises
        ------
        RunError
            If the file is no recording.
        """
        try:
            first, *others = path.read_text(encoding="utf-8").splitlines()
            frames = tuple(Frame(**json.loads(line)) for line in others)
            about = json.loads(first)
            known = "date" in about and any(frame.file == "config.json" for frame in frames)
        except (OSError, ValueError, TypeError) as error:
            raise _no_recording(path, str(error)) from None
        if not known:
            raise _no_recording(path, "it names no date, or holds no run")
        return cls(about, frames)

    def save(self, path: Path) -> None:
        """Write it as one file."""
        lines = [json.dumps(self.about), *(json.dumps(asdict(frame)) for frame in self.frames)]
        files.write_atomic(path, ("\n".join(lines) + "\n").encode("utf-8"))

    @property
    def config(self) -> dict[str, Any]:
        """What was submitted then, marked as a recording."""
        first = next(frame for frame in self.frames if frame.file == "config.json")
        return {**json.loads(first.text), MARK: dict(self.about)}

    def last_attempts(self) -> list[dict[str, Any]]:
        """Return the records of all attempts as they were at the end, the first one first."""
        last = {one.file: one.text for one in self.frames if one.file.startswith("attempts/")}
        return [json.loads(last[name]) for name in sorted(last)]

    @property
    def seconds(self) -> float:
        """How long the recorded run took."""
        return self.frames[-1].at_s - self.frames[0].at_s


@dataclass
class Recorder:
    """Looks at a run folder and keeps what has changed since its last look.

    Parameters
    ----------
    run
        What to look at.
    hidden
        Texts that are of one machine, such as the path of its home, and what stands in their place.
    """

    run: RunFolder
    hidden: Mapping[str, str] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._known: dict[str, str] = {}

    def look(self) -> None:
        """Take up what is new; the state last, since it tells of the others."""
        # What one look finds belongs together: no two looks at the same hundredth.
        latest = self.frames[-1].at_s + 0.01 if self.frames else 0.0
        at_s = round(max(time.monotonic() - self._began, latest), 2)
        names = [
            path.relative_to(self.run.path).as_posix()
            for pattern in (*_WHOLE, *_GROWING)
            for path in sorted(self.run.path.glob(pattern))
        ]
        for name in sorted(names, key=lambda name: name == "state.json"):
            text = self._read(name)
            if text != self._known.get(name, ""):
                self.frames.append(self._change(at_s, name, text))
                self._known[name] = text

    def recording(self, **about: Any) -> Recording:
        """Return what was seen so far."""
        return Recording({**about, "date": time.strftime("%Y-%m-%d")}, tuple(self.frames))

    def _read(self, name: str) -> str:
        text = (self.run.path / name).read_text(encoding="utf-8", errors="replace")
        text = text[: text.rfind("\n") + 1]  # half a line is left for the next look
        for found, instead in self.hidden.items():
            text = text.replace(found, instead)
        return text

    def _change(self, at_s: float, name: str, text: str) -> Frame:
        if name in _GROWING:
            return Frame(at_s, name, text[len(self._known.get(name, "")) :], added=True)
        return Frame(at_s, name, text)


def is_recording(run: RunFolder) -> bool:
    """Say whether a run folder holds a recording that is, or was, played."""
    return MARK in run.config()


def played_state(run: RunFolder) -> RunState:
    """Return the state of a recording that is played.

    It is what was recorded; where nobody plays any longer, it stands still.
    """
    state = run.written_state()
    if state.over or lock.is_held(run.lock_file):
        return state
    return replace(state, phase=Phase.STOPPED, why="The recording was not played to its end.")


def recording_refused(run: RunFolder) -> RunError:
    """Return the error for whoever would carry out a recording."""
    about = run.config()[MARK]
    return RunError(
        f"Run '{run.name}' is a recording of {about['date']}.",
        "It is played on where it is being played; nothing is trained.",
        f'From its beginning: kb.replay("{about["name"]}")',
    )


def _no_recording(path: Path, why: str) -> RunError:
    return RunError(
        f"{path} is no recording of a run: {why}.",
        "A file of JSON lines was expected, as tools/record_run.py writes it.",
    )
