"""Users of the operating system, made for a test, and a Python that they can run.

Tests that ask what another user may read drop to real ones: only root can make them.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class UnixUser:
    """A user, the place where all may look that holds the home folder, and a Python to run.

    Parameters
    ----------
    name
        As the operating system knows it.
    home
        The folder that only this user may read.
    python
        A Python with this project and all it needs.
    variables
        What that Python needs in its environment.
    """

    name: str
    home: Path
    python: Path
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def group(self) -> str:
        """The user's first group."""
        return grp.getgrgid(pwd.getpwnam(self.name).pw_gid).gr_name

    def run(
        self, *command: str, text: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, with nothing of root's left; return what it said."""
        known = pwd.getpwnam(self.name)
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "USER": self.name}
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={**environment, **self.variables, **variables},
            user=known.pw_uid,
            group=known.pw_gid,
            extra_groups=os.getgrouplist(self.name, known.pw_gid),
        )

    def runs_python(self, code: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run lines of Python as this user."""
        return self.run(str(self.python), "-c", code, **variables)


def why_no_users() -> str:
    """Return why no user can be made here, or nothing."""
    if os.geteuid() != 0:
        return "making users needs root"
    missing = [name for name in ("useradd", "userdel", "groupadd") if shutil.which(name) is None]
    return f"{', '.join(missing)} not installed" if missing else ""


@contextmanager
def unix_users(*names: str, group: str = "") -> Iterator[list[UnixUser]]:
    """Give new users, and take them away again; skip the test where none can be made.

    Parameters
    ----------
    names
        What they are called, before a number of this process.
    group
        A first group that they share; each has one of its own without it.
    """
    if reason := why_no_users():
        pytest.skip(reason)
    place = Path(tempfile.mkdtemp(prefix="kbu-"))
    place.chmod(0o755)
    with ExitStack() as later:
        later.callback(shutil.rmtree, place, ignore_errors=True)
        python, variables = later.enter_context(_python_for_all(place))
        if group:
            shared = later.enter_context(_group(f"{group}{os.getpid()}"))
        options = ["--gid", shared] if group else ["--user-group"]
        yield [
            later.enter_context(_user(f"{name}{os.getpid()}", options, place, python, variables))
            for name in names
        ]


@contextmanager
def _group(name: str) -> Iterator[str]:
    _must("groupadd", name)
    try:
        yield name
    finally:
        subprocess.run(["groupdel", name], check=False, capture_output=True)


@contextmanager
def _user(
    name: str, options: Sequence[str], place: Path, python: Path, variables: Mapping[str, str]
) -> Iterator[UnixUser]:
    home = place / name
    # A password that is none: with "!" in its place sshd takes the account for a locked one.
    _must("useradd", "-m", "-d", str(home), "-s", "/bin/bash", "-p", "*", *options, name)
    home.chmod(0o700)
    try:
        yield UnixUser(name, home, python, variables)
    finally:
        subprocess.run(["userdel", "-f", name], check=False, capture_output=True)


def _must(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{command[0]} does not work here: {done.stderr.strip()}")


@contextmanager
def _python_for_all(place: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a Python that any user may start, also where root's own lies in root's home."""
    base = Path(sys.base_prefix)
    packages = Path(sysconfig.get_paths()["purelib"])
    with ExitStack() as later:
        seen = [later.enter_context(_seen_by_all(path)) for path in (base, packages, ROOT)]
        base, packages, root = seen
        venv = place / "venv"
        own = venv / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
        own.mkdir(parents=True)
        (venv / "bin").mkdir()
        program = base / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        (venv / "pyvenv.cfg").write_text(f"home = {program.parent}\n")
        (venv / "bin" / "python").symlink_to(program)
        paths = f"import site; site.addsitedir({str(packages)!r})\n"
        (own / "all.pth").write_text(f"{root}/src\n{root}\n{paths}")
        yield venv / "bin" / "python", {"LD_LIBRARY_PATH": str(base / "lib")}


@contextmanager
def _seen_by_all(path: Path) -> Iterator[Path]:
    """Give a folder under a path that all may walk; mounted, for reading, if a parent is closed."""
    if all(parent.stat().st_mode & 0o001 for parent in (path, *path.parents)):
        yield path
        return
    mounted = Path(tempfile.mkdtemp(prefix="kbm-"))  # by itself, and removed only when empty
    _must("mount", "--bind", str(path), str(mounted))
    try:
        _must("mount", "-o", "remount,ro,bind", str(mounted))
        yield mounted
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)
        mounted.rmdir()
