"""An sshd of a test's own on loopback, with a host key, a client key and a configuration."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from kblib.hpc.emulator.processes import PROGRAM_FOLDERS

from kblib.cluster.ssh import Ssh
from tests.unix_users import UnixUser
from tests.watching import until

ALIAS = "library-cluster"


@dataclass
class Sshd:
    """A server that lets one user in by key.

    Parameters
    ----------
    folder
        Keys and configurations.
    port
        Of loopback.
    user
        Who may log in.
    variables
        Set for whoever logs in.
    """

    folder: Path
    port: int
    user: UnixUser
    variables: dict[str, str]

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        """The client's configuration; it knows the server as `ALIAS`."""
        return self.folder / "ssh_config"

    @property
    def ssh(self) -> Ssh:
        """The way in."""
        return Ssh(ALIAS, str(self.config))

    def start(self) -> None:
        """Start listening; return when it does."""
        Path("/run/sshd").mkdir(exist_ok=True, mode=0o755)  # sshd(8) wants it to be there
        with open(self.folder / "sshd.log", "ab") as log:
            self._process = subprocess.Popen(
                [_program("sshd"), "-D", "-e", "-f", str(self.folder / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._listens)

    def stop(self) -> None:
        """End it, and the connections that stand."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(30)
        self._process = None
        self.drop()

    def drop(self) -> None:
        """Cut the connection that the client keeps, as a lost network does."""
        self.ssh.close()
        until(lambda: not self.ssh.is_open())

    def write(self) -> None:
        """Make keys and configurations."""
        for name in ("host_key", "key"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / name)]
            subprocess.run(make, check=True)
        (self.folder / "authorized_keys").write_bytes((self.folder / "key.pub").read_bytes())
        known = (self.folder / "host_key.pub").read_text().split()[:2]
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {' '.join(known)}\n")
        told = " ".join(f"{name}={value}" for name, value in self.variables.items())
        lines = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {self.folder}/host_key",
            f"AuthorizedKeysFile {self.folder}/authorized_keys",
            f"AllowUsers {self.user.name}",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "UsePAM no",
            "StrictModes no",
            "PidFile none",
            *([f"SetEnv {told}"] if told else []),
        ]
        (self.folder / "sshd_config").write_text("\n".join([*lines, ""]))
        self.config.write_text(self.client_config())

    def client_config(self, *, key: str = "key", known_hosts: str = "known_hosts") -> str:
        """Return what a user writes into ``~/.ssh/config``."""
        return f"""\
Host {ALIAS}
    HostName 127.0.0.1
    Port {self.port}
    User {self.user.name}
    IdentityFile {self.folder}/{key}
    IdentitiesOnly yes
    IdentityAgent none
    UserKnownHostsFile {self.folder}/{known_hosts}
    GlobalKnownHostsFile none
"""

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        except OSError:
            return False
        return True


def _program(name: str) -> str:
    path = f"{os.environ.get('PATH', '')}:{PROGRAM_FOLDERS}"
    return shutil.which(name, path=path) or ""


def why_no_sshd() -> str:
    """Return why no sshd can be started here, or nothing."""
    missing = [name for name in ("sshd", "ssh", "ssh-keygen") if not _program(name)]
    if missing:
        return f"{', '.join(missing)} not installed: apt-get install openssh-server openssh-client"
    return "" if os.geteuid() == 0 else "an sshd for another user needs root"


@contextmanager
def sshd(user: UnixUser, **variables: str) -> Iterator[Sshd]:
    """Give a server that is up; skip the test where there can be none."""
    if reason := why_no_sshd():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="kbs-"))
    folder.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Sshd(folder, port, user, variables)
    server.write()
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
