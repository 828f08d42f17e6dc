"""The user's own OpenSSH as the way to a cluster: its configuration, its agent, its second factor.

One connection a host is opened and kept (``ControlMaster``, ssh_config(5)); every command and every
file goes through it, so that a second factor is asked for once. No question can be answered from
a notebook, so none is asked there: ``python -m kblib connect SITE`` opens the way in a terminal.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from kblib import settings
from kblib.cluster.command import TIMEOUT_S, Completed, completed, no_answer
from kblib.cluster.ssh_refusals import refusal
from kblib.errors import MissingPartError, SiteError

KEPT_OPEN = "12h"
"""How long an idle connection stays: a working day, with one second factor."""
_CONNECT_S = 10
_OPEN_S = 60.0
"""A busy login node takes its time to let somebody in, without a question; not longer."""
_CHECK_S = 10.0
_COPY_S = 6 * 3600.0
"""A model of 20B parameters at 10 MB/s takes an hour; a disk that hangs there takes for ever."""
_LONGEST_SOCKET = 85
"""Bytes of a socket's path (107, unix(7)) without what ssh adds to the name while it makes it."""
_FAILED = 255  # ssh(1): its own failures; everything else is the exit code of the command
_BEGIN = b"\0kbnotebooks\0"
"""Stands before what is sent: shells of some users greet first."""
_PRINTED = "".join(f"\\{byte:03o}" for byte in _BEGIN)
_MARKED = f"printf '{_PRINTED}'; printf '{_PRINTED}' >&2; exec \"$@\""


@dataclass(frozen=True)
class Ssh:
    """Runs commands and moves files on a host that OpenSSH reaches.

    Parameters
    ----------
    alias
        A host as the user's ``~/.ssh/config`` names it; user, key and jump host stand there.
    config
        Another configuration file in place of the user's own; empty for the user's own.
    site
        The site whose way this is, for what to do next.
    """

    alias: str
    config: str = ""
    site: str = "SITE"

    def run(
        self, command: Sequence[str], *, text: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> Completed:
        """Run a command there, in a login shell, and return what it said.

        Its words arrive as they are given. Where Slurm and modules are is often said only to login
        shells; what these say before the command is left out.

        Raises
        ------
        MissingPartError
            If there is no OpenSSH on this machine.
        SiteError
            If the host is not reached, in plain words, or the command does not end in time.
        """
        self._open()
        said = f"{self.alias}: {shlex.join(command)}"
        marked = ["bash", "-l", "-c", _MARKED, "bash", *command]
        done = completed(self._command(marked), os.environ, text, timeout_s, said=said)
        if done.returncode == _FAILED and not self.is_open():
            raise self._lost(done.stderr)
        stdout, stderr = (_after_the_greeting(one) for one in (done.stdout, done.stderr))
        return subprocess.CompletedProcess(done.args, done.returncode, stdout, stderr)

    def read(self, command: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> tuple[int, bytes]:
        """Run a command that answers in bytes; return its exit code and the bytes.

        Raises
        ------
        SiteError
            As `run`.
        """
        self._open()
        marked = ["sh", "-c", f"printf '{_PRINTED}'; exec \"$@\"", "sh", *command]
        try:
            done = subprocess.run(
                self._command(marked),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise no_answer(f"{self.alias}: {shlex.join(command)}", timeout_s) from None
        if done.returncode == _FAILED and not self.is_open():
            raise self._lost(done.stderr.decode(errors="replace"))
        return done.returncode, done.stdout.partition(_BEGIN)[2]

    def put(self, local: Path, remote: PurePosixPath) -> None:
        """Copy a file or a folder there; it appears whole, and what is there already gives way.

        Raises
        ------
        SiteError
            If the connection is lost, or nothing can be written there.
        """
        self._open()
        script = (
            'set -e; umask 077; mkdir -p "$1"; aside="$1/.$2.$$"; rm -rf "$aside"; '
            'mkdir "$aside"; trap \'rm -rf "$aside"\' EXIT; tar -xf - -C "$aside"; '
            'rm -rf "$1/$3"; mv "$aside/$2" "$1/$3"'
        )
        words = ["sh", "-c", script, "sh", str(remote.parent), local.name, remote.name]
        pack = [_program("tar"), "-cf", "-", "-C", str(local.parent), "--", local.name]
        self._through(pack, self._command(words), f"{local} was not copied to {self.alias}.")

    def get(self, remote: PurePosixPath, local: Path) -> None:
        """Copy a file or a folder from there; it appears whole, and what is here gives way.

        Raises
        ------
        SiteError
            If the connection is lost, or there is no such file.
        """
        self._open()
        local.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=local.parent, prefix=f".{local.name}."))
        script = f'printf \'{_PRINTED}\'; exec tar -cf - -C "$1" -- "$2"'
        words = ["sh", "-c", script, "sh", str(remote.parent), remote.name]
        unpack = [_program("tar"), "-xf", "-", "-C", str(aside)]
        try:
            what = f"{remote} was not copied from {self.alias}."
            self._through(self._command(words), unpack, what, skip=_BEGIN)
            if local.is_dir():
                shutil.rmtree(local)
            os.replace(aside / remote.name, local)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def is_open(self) -> bool:
        """Say whether the connection that is kept stands."""
        return self._tell_kept("check")

    def connect(self) -> None:
        """Open the connection from a terminal, where ssh may ask for a password or a code.

        Raises
        ------
        SiteError
            If the host is not reached.
        """
        with _alone(self._socket):
            if self.is_open():
                return
            done = subprocess.run(
                self._ssh(*_master(asks=True)), stdout=subprocess.DEVNULL, check=False
            )
        if done.returncode:
            raise SiteError(
                f"The connection to '{self.alias}' did not come about.",
                "What ssh said stands above.",
                shlex.join(["ssh", *self._own_config, self.alias]),
            )

    def close(self) -> None:
        """End the connection that is kept."""
        self._tell_kept("exit")

    def _tell_kept(self, word: str) -> bool:
        """Say a word to the connection that is kept (``ssh -O``); say whether it did so."""
        try:
            done = subprocess.run(
                self._ssh("-O", word),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_CHECK_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _open(self) -> None:
        """Open the connection unless it stands; ask nothing."""
        if self.is_open():
            return
        with _alone(self._socket), tempfile.TemporaryFile() as said:
            if self.is_open():  # somebody else was faster
                return
            # What stays in the background would keep a pipe open: its words go to a file.
            try:
                done = subprocess.run(
                    self._ssh(*_master(asks=False)),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    timeout=_OPEN_S,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise self._lost(f"timed out after {_OPEN_S:g} s") from None
            if done.returncode:
                said.seek(0)
                raise self._lost(said.read().decode(errors="replace"))

    @property
    def _socket(self) -> Path:
        told = f"{socket.gethostname()} {self.alias} {self.config}"  # a home may be shared by hosts
        name = hashlib.sha256(told.encode()).hexdigest()[:12]
        place = settings.home() / "ssh" / name
        if len(os.fsencode(place)) > _LONGEST_SOCKET:
            place = Path(tempfile.gettempdir()) / f"kbnotebooks-{os.getuid()}" / name
        return place

    @property
    def _own_config(self) -> list[str]:
        return ["-F", self.config] if self.config else []

    def _ssh(self, *options: str) -> list[str]:
        kept = ["-o", f"ControlPath={self._socket}"]
        return [_program("ssh"), *self._own_config, *kept, *options, self.alias]

    def _command(self, command: Sequence[str]) -> list[str]:
        options = ["-T", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "-o", "ControlMaster=no"]
        options += ["-o", f"ConnectTimeout={_CONNECT_S}"]
        return [*self._ssh(*options), "--", shlex.join(command)]

    def _through(
        self, source: Sequence[str], sink: Sequence[str], what: str, *, skip: bytes = b""
    ) -> None:
        """Let one command's bytes flow into another's."""
        with tempfile.TemporaryFile() as said:
            with (
                subprocess.Popen(
                    source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said
                ) as first,
                subprocess.Popen(
                    sink, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
                ) as second,
                _ended_after(_COPY_S, first, second),
            ):
                _pump(first.stdout, second.stdin, skip)
                second.wait()
            said.seek(0)
            words = said.read().decode(errors="replace")
        codes = (first.returncode, second.returncode)
        if _FAILED in codes and not self.is_open():
            raise self._lost(words)
        if any(codes):
            told = " ".join(words.split()) or f"exit codes {codes[0]} and {codes[1]}"
            raise SiteError(what, f"It said: {told}.", "Is there room, and is the path right?")

    def _lost(self, said: str) -> SiteError:
        return refusal(self.alias, self.site, said)


def _master(*, asks: bool) -> list[str]:
    """Return the options that open a connection and leave it in the background."""
    quiet = [] if asks else ["-o", "BatchMode=yes", "-o", "LogLevel=ERROR"]
    wait = ["-o", f"ConnectTimeout={_CONNECT_S}"]
    alive = ["-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3"]
    kept = ["-o", f"ControlPersist={KEPT_OPEN}", "-o", "ForwardAgent=no", "-o", "ForwardX11=no"]
    return ["-M", "-N", "-f", "-T", *quiet, *wait, *alive, *kept, "-o", "ClearAllForwardings=yes"]


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Let one process at a time open a connection: a second one would stand idle beside it."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if place.parent.stat().st_uid != os.getuid():
        raise SiteError(
            f"{place.parent} belongs to another user.",
            "The connection is kept in a folder that is yours alone.",
            f"export {settings.HOME_VARIABLE}=/a/shorter/path",
        )
    with open(place.with_suffix(".lock"), "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def _ended_after(limit_s: float, *processes: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill processes that are not done in time, so that nobody waits for them for ever."""

    def end() -> None:
        for process in processes:
            process.kill()

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _pump(source: IO[bytes] | None, sink: IO[bytes] | None, skip: bytes) -> None:
    if source is None or sink is None:
        return
    try:
        if skip:
            before = b""
            while skip not in before and (byte := source.read(1)):
                before = (before + byte)[-len(skip) :]
        shutil.copyfileobj(source, sink, 1 << 20)
        sink.close()
    except BrokenPipeError:  # the sink has told why it ended
        pass


def _after_the_greeting(said: str) -> str:
    """Return what stands behind the mark; all of it where no shell got as far."""
    return said.rpartition(_BEGIN.decode())[2]


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise MissingPartError(
            f"The program {name} is not installed on this machine.",
            'A site with via = "ssh:ALIAS" is reached by it.',
            f"apt-get install {'openssh-client' if name == 'ssh' else name}",
        )
    return found
