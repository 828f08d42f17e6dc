"""What is seen here of a run that lies elsewhere; "elsewhere" is another folder of this machine."""

from __future__ import annotations

import io
import subprocess
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from kblib import files
from kblib.cluster import mirror
from kblib.errors import SiteError
from kblib.runs import Phase, RunFolder, RunState, journal


@dataclass
class Way:
    """Stands for the connection: runs the commands here, counts them, and can be cut."""

    alias: str = "far"
    cut: bool = False
    clock_ahead_s: int = 0
    looks: list[Sequence[str]] = field(default_factory=list)

    __hash__ = object.__hash__

    def read(self, command: Sequence[str]) -> tuple[int, bytes]:
        if self.cut:
            raise SiteError("'far' was not reached. The host does not answer.")
        self.looks.append(command)
        script = command[2].replace("date +%s", f"echo $(( $(date +%s) + {self.clock_ahead_s} ))")
        done = subprocess.run(
            [*command[:2], script, *command[3:]], capture_output=True, check=False
        )
        return done.returncode, done.stdout


@dataclass(frozen=True)
class Both:
    """A run there and its mirror here."""

    there: RunFolder
    here: RunFolder
    way: Way

    def look(self) -> mirror.Unreached | None:
        """Look at once."""
        mirror._LOST.clear()
        return mirror.refresh(self.here, at_once=True)


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Both:
    """Give a run that has begun."""
    config = {"site": "far", "resources": {}}
    there = RunFolder.create(tmp_path / "there" / "run", config)
    here = RunFolder.create(tmp_path / "here" / "run", config)
    way = Way()
    monkeypatch.setattr(mirror, "connection_of", lambda _: way)
    there.begin_attempt(0, {"job": "7"})
    there.write_state(RunState(Phase.RUNNING, step=1, heartbeat=time.time()))
    journal.append(there.metrics_file, {"step": 1, "loss": 3.0})
    there.log_file.write_text("begun\n")
    (there.checkpoint(1)).mkdir()
    there.tls.mkdir(mode=0o700)
    (there.tls / "key.pem").touch(mode=0o600)
    mirror.follow(here, str(there.path))
    return Both(there, here, way)


def test_what_is_small_comes_and_what_is_large_or_secret_stays(both: Both) -> None:
    assert both.here.written_state().step == 1
    assert both.here.metrics() == [{"step": 1, "loss": 3.0}]
    assert both.here.log(1) == "begun"
    assert [one["job"] for one in both.here.attempt_records()] == ["7"]
    assert not both.here.tls.exists()
    assert not list(both.here.checkpoints.iterdir())


def test_only_what_is_new_comes(both: Both) -> None:
    sizes = [0]
    for step in (2, 3):
        sizes.append(both.there.metrics_file.stat().st_size)
        journal.append(both.there.metrics_file, {"step": step, "loss": 2.0})
        both.look()
    assert [line["step"] for line in both.here.metrics()] == [1, 2, 3]
    assert both.here.metrics_file.read_bytes() == both.there.metrics_file.read_bytes()
    assert [int(look[look.index("metrics.jsonl") + 1]) for look in both.way.looks] == sizes


def test_a_long_journal_comes_in_pieces_and_whole(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "_PIECE_BYTES", 100)
    for step in range(2, 40):
        journal.append(both.there.metrics_file, {"step": step, "loss": 2.0})
    both.look()
    assert both.here.metrics_file.read_bytes() == both.there.metrics_file.read_bytes()


def test_of_a_long_log_the_end_comes_and_then_grows(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "_LOG_BYTES", 50)
    lines = "".join(f"line {number}\n" for number in range(1000))
    both.there.log_file.write_text(lines)
    both.look()
    assert both.here.log_file.read_text() == lines[-50:]
    both.there.log_file.write_text(lines + "more\n")
    both.look()
    assert both.here.log_file.read_text() == lines[-50:] + "more\n"


def test_a_file_that_was_cut_off_is_taken_anew(both: Both) -> None:
    both.there.log_file.write_text("new\n")
    both.look()
    assert both.here.log(5) == "new"


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_a_heartbeat_is_told_by_the_clock_of_this_machine(both: Both, ahead: int) -> None:
    both.way.clock_ahead_s = ahead
    both.there.write_state(RunState(Phase.RUNNING, heartbeat=time.time() + ahead))
    both.look()
    assert abs(both.here.written_state().heartbeat - time.time()) < 30


def test_without_a_connection_the_last_known_state_is_told_with_its_age(both: Both) -> None:
    about = files.read_json(both.here.mirror_file)
    files.write_json(both.here.mirror_file, {**about, "looked": time.time() - 725})
    both.way.cut = True
    unreached = both.look()
    assert unreached is not None
    known = unreached.of(replace(both.here.written_state(), why="Rank 1 hangs."))
    assert (known.phase, known.step) == (Phase.RUNNING, 1)
    assert known.why == (
        "Known 12 min ago: 'far' was not reached. The host does not answer. "
        "It said then: Rank 1 hangs."
    )


@pytest.mark.parametrize("name", ["{}/attempts/0009.json", "attempts/../config.json", "tls/key"])
def test_what_is_not_of_the_run_is_written_nowhere(both: Both, tmp_path: Path, name: str) -> None:
    """Whoever has taken over the login node does not write into homes here."""
    target = tmp_path / "home" / "attempts"
    target.mkdir(parents=True)
    before = sorted(tmp_path.rglob("*"))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for one in (name.format(target.parent), "attempts/0002.json"):
            member = tarfile.TarInfo(one)
            member.size = 2
            archive.addfile(member, io.BytesIO(b"{}"))
    mirror._take_notes(both.here, mirror._Answer(0.0, packed.getvalue(), 0))
    new = sorted(set(tmp_path.rglob("*")) - set(before))
    assert new == [both.here.attempts / "0002.json"]


def test_a_lost_connection_is_forgotten_when_it_is_back(both: Both) -> None:
    both.way.cut = True
    assert both.look() is not None
    both.way.cut = False
    assert both.look() is None


def test_looks_are_rare(both: Both, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [time.monotonic()]
    by_clock = SimpleNamespace(monotonic=lambda: clock[0], time=time.time)
    monkeypatch.setattr(mirror, "time", by_clock)
    both.look()
    before = len(both.way.looks)
    for _ in range(20):
        mirror.refresh(both.here)
    assert len(both.way.looks) == before
    clock[0] += mirror._MOST_PAUSE_S
    mirror.refresh(both.here)
    assert len(both.way.looks) == before + 1


def test_a_run_that_is_done_is_looked_at_once_more_and_never_again(both: Both) -> None:
    both.there.write_state(RunState(Phase.DONE, step=2))
    both.look()
    journal.append(both.there.metrics_file, {"step": 2, "loss": 1.0})  # between the two reads
    both.look()
    seen = len(both.way.looks)
    both.look()
    assert both.here.metrics()[-1] == {"step": 2, "loss": 1.0}
    assert len(both.way.looks) == seen


def test_a_run_that_is_gone_there_is_said(both: Both, tmp_path: Path) -> None:
    both.there.path.rename(tmp_path / "elsewhere")
    unreached = both.look()
    assert unreached is not None
    assert unreached.why == f"There is no folder {both.there.path} on 'far' any more."
    assert both.here.written_state().phase is Phase.RUNNING


def test_names_with_spaces_and_quotes_are_names(both: Both, tmp_path: Path) -> None:
    moved = tmp_path / 'it\'s "the" $HOME'
    both.there.path.rename(moved)
    mirror.follow(both.here, str(moved))
    assert both.look() is None


def test_a_run_of_this_machine_is_never_looked_for(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run", {"site": "local"})
    assert mirror.refresh(run, at_once=True) is None
    assert not mirror.is_mirror(run)
