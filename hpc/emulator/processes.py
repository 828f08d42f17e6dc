"""Processes that are started once and ended later by somebody else, by their number and birth.

A number alone may belong to another process by then; with the time of its birth it does not.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

import psutil

from kblib import files
from kblib.errors import MissingPartError, SiteError

_LOOK_S = 0.05
PACKAGES = {
    "munged": "munge",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
    "srun": "slurm-client",
    "unshare": "util-linux",
    "slurmdbd": "slurmdbd",
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
}
"""The Debian package that brings each program."""
PROGRAM_FOLDERS = "/usr/sbin:/usr/bin:/sbin:/bin"


def program(name: str) -> str:
    """Return the path of a program.

    Raises
    ------
    MissingPartError
        If it is not installed, with the command that brings it.
    """
    found = shutil.which(name) or shutil.which(name, path=PROGRAM_FOLDERS)
    if found is None:
        raise MissingPartError(
            f"The program {name} is not installed.",
            "The emulator runs Slurm's own programs.",
            f"apt-get install --no-install-recommends {PACKAGES[name]}",
        )
    return found


def remember(file: Path, pid: int) -> None:
    """Write down a process, to be found again by `alive` and `end`."""
    files.write_json(file, {"pid": pid, "born": psutil.Process(pid).create_time()})


def alive(file: Path) -> psutil.Process | None:
    """Return the process that was written down, or None if it has ended."""
    try:
        known = files.read_json(file)
        process = psutil.Process(int(known["pid"]))
        same = abs(process.create_time() - float(known["born"])) < 1.0
    except (OSError, KeyError, ValueError, psutil.NoSuchProcess):
        return None
    return process if same and process.status() != psutil.STATUS_ZOMBIE else None


def end(file: Path, *, by: signal.Signals = signal.SIGTERM, patience_s: float = 10.0) -> None:
    """End a process that was written down; kill it if it does not go in time."""
    process = alive(file)
    if process is not None:
        process.send_signal(by)
        try:
            process.wait(patience_s)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(patience_s)
    file.unlink(missing_ok=True)


def gone(those: Sequence[psutil.Process], *, patience_s: float = 10.0) -> None:
    """Wait until processes of somebody else have ended; a zombie has.

    Raises
    ------
    SiteError
        If one is still there after `patience_s` seconds.
    """
    latest = time.monotonic() + patience_s
    while there := [one.pid for one in those if _runs(one)]:
        if time.monotonic() > latest:
            raise SiteError(
                f"The processes {there} are still there after {patience_s:.0f} s.",
                "They were killed with their node.",
                f"Look at what holds them: ps -o pid,stat,wchan,cmd -p {there[0]}",
            )
        time.sleep(_LOOK_S)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start(command: Sequence[str], log: Path, file: Path, environment: dict[str, str]) -> None:
    """Start a process in a session of its own and write it down."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    remember(file, process.pid)


def wait_for(ready: Callable[[], bool], what: str, log: Path, *, patience_s: float = 60.0) -> None:
    """Wait until something is ready.

    Raises
    ------
    SiteError
        If it is not in time, with the end of the log that tells why.
    """
    latest = time.monotonic() + patience_s
    while not ready():
        if time.monotonic() > latest:
            told = log.read_text(errors="replace").splitlines()[-8:] if log.exists() else []
            raise SiteError(
                f"{what} was not ready within {patience_s:.0f} s.",
                "Its log ends with:\n" + "\n".join(f"  | {line}" for line in told),
                f"All of it: {log}",
            )
        time.sleep(_LOOK_S)


def free_ports(n: int, *, tries: int = 200) -> int:
    """Return the first of `n` neighbouring ports of loopback that nobody listens on.

    Raises
    ------
    SiteError
        If no such block is found.
    """
    draw = Random()  # two emulators that start at once should try different blocks
    for _ in range(tries):
        first = draw.randrange(20_000, 32_000 - n)
        try:
            with ExitStack() as held:
                for port in range(first, first + n):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
        except OSError:
            continue
        return first
    raise SiteError(
        f"No {n} neighbouring ports of 127.0.0.1 are free.",
        "The emulator listens on a block between 20000 and 32000.",
        "See who takes them: ss -ltnp",
    )
