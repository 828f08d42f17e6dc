"""Where a cluster's commands are typed: on this machine, or through the user's own OpenSSH.

A notebook on a login node is ``via = "here"``. A Hub session or a laptop that is not one goes
``via = "ssh:ALIAS"``: the host, the user, the key and a second factor are those of the user's
``~/.ssh/config``, and nothing of them is known here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Protocol

from kblib import settings
from kblib.cluster.command import TIMEOUT_S, Completed, completed
from kblib.cluster.ssh import Ssh
from kblib.cluster.variables import that_go_along
from kblib.errors import MissingPartError, SiteError
from kblib.sites import Cluster
from kblib.sites.facts import overlay

EMULATOR = "emulator"
EMULATOR_VARIABLE = "KBNOTEBOOKS_EMULATOR"
"""Names the folder of an emulator that is not in the home folder."""
SSH = "ssh:"


class Shell(Protocol):
    """Runs commands and moves files where the cluster is."""

    def run(
        self, command: Sequence[str], *, text: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> Completed:
        """Run a command and return what it said; raise SiteError if it cannot be run."""

    def put(self, local: Path, remote: PurePosixPath) -> None:
        """Copy a file or a folder there; what is there already is replaced."""

    def get(self, remote: PurePosixPath, local: Path) -> None:
        """Copy a file or a folder from there."""


@dataclass(frozen=True)
class Here:
    """Commands run as processes of this machine; files are already where they belong.

    Parameters
    ----------
    variables
        Set beside what of this process's own environment goes along, such as ``SLURM_CONF``.
    """

    variables: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, command: Sequence[str], *, text: str | None = None, timeout_s: float = TIMEOUT_S
    ) -> Completed:
        """Run a command and return what it said.

        Raises
        ------
        MissingPartError
            If there is no such program here.
        SiteError
            If it does not end in time.
        """
        environment = {**that_go_along(os.environ), **self.variables}
        if shutil.which(command[0], path=environment.get("PATH")) is None:
            raise MissingPartError(
                f"The program {command[0]} is not on this machine.",
                "It is there on a login node of the cluster.",
                'From elsewhere, name the login node in the site file: via = "ssh:ALIAS"',
            )
        return completed(command, environment, text, timeout_s)

    def put(self, local: Path, remote: PurePosixPath) -> None:
        """Copy, unless both are the same place."""
        _copy(local, Path(remote))

    def get(self, remote: PurePosixPath, local: Path) -> None:
        """Copy, unless both are the same place."""
        _copy(Path(remote), local)


def shell_of(cluster: Cluster) -> Shell:
    """Return the way to a site's commands.

    Raises
    ------
    SiteError
        If the site says a way that is not known, or the emulator is not up.
    """
    if is_elsewhere(cluster):
        return ssh_of(cluster)
    if cluster.via != "here":
        raise SiteError(
            f"Site '{cluster.name}' is reached via '{cluster.via}'.",
            "Known are 'here', and 'ssh:' before a host of your ~/.ssh/config.",
            f'Put it right in {overlay(cluster.site)}: via = "ssh:ALIAS"',
        )
    if cluster.name == EMULATOR:
        return Here({"SLURM_CONF": str(_emulator_conf())})
    return Here()


def is_elsewhere(cluster: Cluster) -> bool:
    """Say whether a site's commands, and its disks, are on another machine."""
    return cluster.via.startswith(SSH) and len(cluster.via) > len(SSH)


def ssh_of(cluster: Cluster) -> Ssh:
    """Return the connection to a site that is elsewhere."""
    return Ssh(cluster.via.removeprefix(SSH), cluster.ssh_config, cluster.name)


def _emulator_conf() -> Path:
    folder = Path(os.environ.get(EMULATOR_VARIABLE) or settings.home() / EMULATOR)
    conf = folder / "etc" / "slurm.conf"
    if not conf.is_file():
        raise SiteError(
            f"No emulated cluster is up in {folder}.",
            "It is started once, as root, and stays up until it is stopped.",
            "make emulator",
        )
    return conf


def _copy(source: Path, target: Path) -> None:
    if source.resolve() == target.resolve():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)
