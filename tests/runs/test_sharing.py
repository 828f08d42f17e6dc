"""Who may look at a run: asked as two real users, one of the group and one from outside."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from kblib.errors import RunError, SettingsError
from kblib.runs import Phase, RunFolder, RunState, journal, sharing
from tests.unix_users import UnixUser, unix_users

LOOK = """
from kblib.runs import open_run_folder
run = open_run_folder({path!r})
print(run.written_state().step, run.metrics()[-1]["loss"], run.log(1), run.owner, run.is_foreign)
"""


@dataclass(frozen=True)
class Place:
    """A project's folder, somebody of its group, and somebody else."""

    folder: Path
    colleague: UnixUser
    stranger: UnixUser


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Give a folder that a group may enter, and two users."""
    with ExitStack() as later:
        (colleague,) = later.enter_context(unix_users("kbanna", group="kbproj"))
        (stranger,) = later.enter_context(unix_users("kbbo"))
        folder = Path(tempfile.mkdtemp(prefix="kbp-"))
        later.callback(shutil.rmtree, folder, ignore_errors=True)
        shutil.chown(folder, group=colleague.group)
        folder.chmod(0o2755)
        (folder / "runs").mkdir()
        yield Place(folder, colleague, stranger)


def _run(place: Place, name: str, umask: int, **config: str) -> RunFolder:
    """Make a run as somebody with a umask of their own would, and work in it as a driver does."""
    before = os.umask(umask)
    try:
        run = RunFolder.create(place.folder / "runs" / name, {"site": "local", **config})
        with run.writing():
            run.write_state(RunState(Phase.DONE, step=7))
            journal.append(run.metrics_file, {"step": 7, "loss": 1.5})
            run.log_file.write_text("the last line\n")
            run.tidy()
            run.meeting_file(1).write_text("an address")
            run.tls.mkdir(mode=0o700)
            (run.tls / "key.pem").touch(mode=0o600)
    finally:
        os.umask(before)
    return run


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_the_group_reads_and_does_not_write(place: Place, umask: int) -> None:
    run = _run(place, f"shared-{umask:o}", umask, share="group")
    told = place.colleague.runs_python(LOOK.format(path=str(run.path)))
    assert told.stdout.split() == ["7", "1.5", "the", "last", "line", "root", "True"], told.stderr
    for path in (run.path, *run.path.rglob("*")):
        assert place.colleague.run("test", "-w", str(path)).returncode == 1, path
    assert place.colleague.run("touch", str(run.path / "new")).returncode != 0


def test_keys_and_meeting_places_stay_closed_to_the_group(place: Place) -> None:
    run = _run(place, "keys", 0o002, share="group")
    for path in (run.tls, run.meeting_file(1).parent):
        assert place.colleague.run("ls", str(path)).returncode != 0
    for path in (run.tls / "key.pem", run.meeting_file(1), run.lock_file):
        assert place.colleague.run("cat", str(path)).returncode != 0


def test_somebody_from_outside_reads_nothing(place: Place) -> None:
    run = _run(place, "outside", 0o022, share="group")
    for path in (run.path, run.state_file, run.metrics_file, run.log_file):
        assert place.stranger.run("test", "-r", str(path)).returncode == 1
    told = place.stranger.runs_python(LOOK.format(path=str(run.path)))
    assert told.returncode == 1
    assert "RunError: No run named" in told.stderr


def test_a_run_is_private_unless_it_is_shared(place: Place) -> None:
    run = _run(place, "private", 0o002)
    for user in (place.colleague, place.stranger):
        assert user.run("ls", str(run.path)).returncode != 0
        assert user.run("cat", str(run.state_file)).returncode != 0


def test_files_belong_to_the_group_of_the_project(place: Place) -> None:
    run = _run(place, "group", 0o022, share="group")
    made = {path.group() for path in (run.path, *run.path.rglob("*")) if not path.is_symlink()}
    assert made == {place.colleague.group}


def test_a_folder_that_lets_no_group_in_is_named(tmp_home: Path) -> None:
    tmp_home.chmod(0o700)
    with pytest.raises(SettingsError) as caught:
        sharing.check_share("group")
    assert caught.value.happened.startswith(f"{tmp_home} is closed to group ")
    assert caught.value.happened.endswith("(mode 0700).")


def test_share_takes_one_word(tmp_home: Path) -> None:
    sharing.check_share(None)
    with pytest.raises(RunError, match=r"share='world' was asked for"):
        sharing.check_share("world")
