"""A run on another machine, looked at from here: its small files, brought over as they grow.

The run folder here holds the same names as the one there, without checkpoints, keys and result.
One command a look brings what is new, not more often than every two seconds and more rarely while
nothing happens. Without a connection what was known last is shown with its age.
"""

from __future__ import annotations

import io
import os
import re
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from kblib import files
from kblib.cluster import gang
from kblib.cluster.access import shell_of
from kblib.cluster.far_rates import keep_rate_here
from kblib.cluster.ssh import Ssh
from kblib.errors import KblibError, RunError, SiteError
from kblib.runs import Phase, RunFolder, RunState, lock

_LEAST_PAUSE_S, _MOST_PAUSE_S, _OVER_PAUSE_S, _LOST_PAUSE_S = 2.0, 10.0, 60.0, 15.0
"""Between two looks: while things happen, while nothing does, after the end, without connection."""
_PIECE_BYTES = 4 << 20
_LOG_BYTES = 256 << 10
"""Of a log only the end is brought over, as much as is shown of it."""
_OTHERS_LOOK_S = 60.0
_CLOCKS_AGREE_S = 2.0
_GONE = 44
_ATTEMPT = re.compile(r"attempts/\d{4,}\.json")

# For each file that grows: where the piece begins and how long it is, then the piece; then the
# small files as an archive. "wc", "tail -c", "head -c" and "tar" are on every login node.
_LOOK = """
cd -- "$1" || exit 44
shift
date +%s
while [ "$1" != -- ]; do
  name=$1 from=$2 most=$3 end=$4
  shift 4
  size=$(wc -c < "$name") || size=0
  [ "$from" -le "$size" ] || from=0
  rest=$((size - from))
  if [ "$rest" -gt "$most" ]; then
    [ "$end" = first ] || from=$((size - most))
    rest=$most
  fi
  echo "$from $rest"
  [ "$rest" -eq 0 ] || tail -c "+$((from + 1))" "$name" | head -c "$rest"
done
shift
for name; do
  shift
  [ ! -e "$name" ] || set -- "$@" "$name"
done
exec tar -cf - -- "$@"
"""


@dataclass(frozen=True)
class Unreached:
    """No connection to where a run is.

    Parameters
    ----------
    why
        In a sentence.
    looked
        When the run was last seen (Unix seconds).
    """

    why: str
    looked: float

    def of(self, known: RunState) -> RunState:
        """Return what was known last, with its age."""
        then = f" It said then: {known.why}" if known.why else ""
        return replace(known, why=f"Known {ago(time.time() - self.looked)} ago: {self.why}{then}")


@dataclass
class _Pace:
    next_look: float = 0.0
    pause_s: float = _LEAST_PAUSE_S
    unreached: Unreached | None = None


_PACES: dict[Path, _Pace] = {}
_LOST: dict[Ssh, tuple[float, str]] = {}
"""Until when a host is not tried again, and why: twenty runs there wait for one time-out."""


def is_mirror(run: RunFolder) -> bool:
    """Say whether a run is on another machine, and was begun there."""
    return run.mirror_file.exists()


def follow(run: RunFolder, there: str) -> None:
    """Write down where a run is, and look at it."""
    known = files.read_json(run.mirror_file) if is_mirror(run) else {"looked": time.time()}
    anew = {"complete": False, "fetched": False, "rated": False}
    files.write_json(run.mirror_file, {**known, "path": there, **anew})
    _PACES.pop(run.path, None)
    refresh(run, at_once=True)


def refresh(run: RunFolder, *, at_once: bool = False) -> Unreached | None:
    """Bring a run's small files up to date, if it is elsewhere and was not looked at just now.

    Parameters
    ----------
    at_once
        Whether to look however short ago the last look was.

    Returns
    -------
    Unreached or None
        None if what lies here is as it is there, or no more than some seconds old.
    """
    if not is_mirror(run):
        return None
    pace = _PACES.setdefault(run.path, _Pace())
    if not at_once and time.monotonic() < pace.next_look:
        return pace.unreached
    with _alone(run, patience_s=_OTHERS_LOOK_S if at_once else 0.0) as mine:
        about = files.read_json(run.mirror_file)
        if mine and not about.get("complete"):
            _look_in_time(run, about, pace)
    return pace.unreached


def ago(seconds: float) -> str:
    """Return a length of time in words.

    Examples
    --------
    >>> ago(8), ago(200), ago(7500)
    ('8 s', '3 min', '2 h 5 min')
    """
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{max(0, seconds):.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def connection_of(run: RunFolder) -> Ssh:
    """Return the way to where a run is.

    Raises
    ------
    SiteError
        If the site file is gone, or says another way now.
    """
    cluster = gang.cluster_of_run(run)
    shell = shell_of(cluster)
    if isinstance(shell, Ssh):
        return shell
    raise SiteError(
        f"Site '{cluster.name}' says via = \"{cluster.via}\".",
        f"Run '{run.name}' was sent to it by ssh.",
        'Put it back in the site file: via = "ssh:ALIAS"',
    )


def no_dask_from_here(run: RunFolder) -> RunError:
    """Return the error for who asks for the Dask of a run on another machine."""
    return RunError(
        f"Run '{run.name}' is on another machine; its Dask listens only there.",
        "A client needs the keys, which never leave it, and the network between its nodes.",
        f"How busy its nodes are: kb.Run.open('{run.name}').telemetry()",
    )


@contextmanager
def _alone(run: RunFolder, *, patience_s: float) -> Iterator[bool]:
    """Say whether nobody else looks for this folder now: what grows would be written twice."""
    handle = lock.take(run.mirror_file.with_suffix(".lock"), patience_s=patience_s)
    try:
        yield handle is not None
    finally:
        if handle is not None:
            os.close(handle)


def _look_in_time(run: RunFolder, about: dict[str, Any], pace: _Pace) -> None:
    try:
        new = _look(run, _tried(connection_of(run)), about)
    except KblibError as error:
        pace.unreached = Unreached(error.happened, float(about["looked"]))
        pace.next_look = time.monotonic() + _LOST_PAUSE_S
        return
    pace.unreached = None
    pace.pause_s = _LEAST_PAUSE_S if new else min(pace.pause_s * 1.3, _MOST_PAUSE_S)
    state = run.written_state()
    if state.phase is Phase.DONE and not about.get("rated"):
        keep_rate_here(run)
        files.write_json(run.mirror_file, {**about, "rated": True})
    pace.next_look = time.monotonic() + (_OVER_PAUSE_S if state.over else pace.pause_s)


def _tried(ssh: Ssh) -> Ssh:
    until, why = _LOST.get(ssh, (0.0, ""))
    if time.monotonic() < until:
        raise SiteError(why)
    return ssh


def _look(run: RunFolder, ssh: Ssh, about: dict[str, Any]) -> bool:
    """Bring what is new, all of it; say whether anything was."""
    was_over = run.written_state().phase is Phase.DONE
    any_new = False
    while True:
        answer = _answer(run, ssh, about)
        starts, new, more = _take_growth(run, answer, about.get("starts", {}))
        new |= _take_notes(run, answer)
        any_new |= new
        # Written before the end, and read after it: a look that began when all was over saw all.
        about |= {"starts": starts, "looked": time.time(), "complete": was_over and not more}
        files.write_json(run.mirror_file, about)
        if not more:
            return any_new


@dataclass
class _Answer:
    clock_ahead_s: float
    data: bytes
    at: int

    def line(self) -> str:
        end = self.data.index(b"\n", self.at)
        line, self.at = self.data[self.at : end].decode(), end + 1
        return line

    def take(self, n_bytes: int) -> bytes:
        piece = self.data[self.at : self.at + n_bytes]
        self.at += n_bytes
        return piece


def _answer(run: RunFolder, ssh: Ssh, about: Mapping[str, Any]) -> _Answer:
    starts = about.get("starts", {})
    words: list[str] = []
    for path in run.growing_files:
        most, end = (_LOG_BYTES, "last") if path == run.log_file else (_PIECE_BYTES, "first")
        words += [path.name, str(_reached(path, starts)), str(most), end]
    notes = [str(path.relative_to(run.path)) for path in (*run.notes, run.attempts)]
    try:
        command = ["sh", "-c", _LOOK, "sh", str(about["path"]), *words, "--", *notes]
        code, data = ssh.read(command)
    except SiteError as error:
        _LOST[ssh] = time.monotonic() + _LOST_PAUSE_S, error.happened
        raise
    if code == _GONE:
        raise RunError(f"There is no folder {about['path']} on '{ssh.alias}' any more.")
    answer = _Answer(0.0, data, 0)
    try:
        answer.clock_ahead_s = float(answer.line()) - time.time()
    except ValueError:
        raise SiteError(f"'{ssh.alias}' answered with something else than was asked.") from None
    return answer


def _reached(path: Path, starts: Mapping[str, int]) -> int:
    """Return up to which byte of the file there the one here reaches."""
    return int(starts.get(path.name, 0)) + (path.stat().st_size if path.exists() else 0)


def _take_growth(
    run: RunFolder, answer: _Answer, starts: Mapping[str, int]
) -> tuple[dict[str, int], bool, bool]:
    """Append what has grown; return where files begin, whether any grew, whether there is more."""
    begins, new, more = dict(starts), False, False
    for path in run.growing_files:
        start, n_bytes = (int(word) for word in answer.line().split())
        piece = answer.take(n_bytes)
        if start != _reached(path, starts):  # cut off, replaced, or so long that only its end came
            files.write_atomic(path, piece)
            begins[path.name] = start
        elif piece:
            with open(path, "ab") as file:
                file.write(piece)
        new |= bool(piece)
        more |= n_bytes == _PIECE_BYTES
    return begins, new, more


def _take_notes(run: RunFolder, answer: _Answer) -> bool:
    """Replace the small files that have changed; say whether one had."""
    expected = {str(path.relative_to(run.path)) for path in run.notes}
    new = False
    with tarfile.open(fileobj=io.BytesIO(answer.data[answer.at :])) as archive:
        for member in archive:
            known = member.name in expected or _ATTEMPT.fullmatch(member.name)
            content = archive.extractfile(member) if known and member.isfile() else None
            if content is None:  # nobody there says where else to write here
                continue
            data = content.read()
            target = run.path / member.name
            if target == run.state_file:
                _write_state(run, data, answer.clock_ahead_s)
            elif not target.exists() or target.read_bytes() != data:
                files.write_atomic(target, data)
                new = True
    return new


def _write_state(run: RunFolder, data: bytes, clock_ahead_s: float) -> None:
    """Write the state; its heartbeat by the clock of this machine, where the two differ."""
    beside = run.state_file.with_name(".state-there")
    files.write_atomic(beside, data)
    state = RunState.from_dict(files.read_json(beside))
    beside.unlink()
    if abs(clock_ahead_s) > _CLOCKS_AGREE_S:
        state = replace(state, heartbeat=state.heartbeat - clock_ahead_s)
    run.write_state(state)
