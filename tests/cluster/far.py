"""A cluster that is reached by ssh: another user's home, an emulated Slurm, nothing shared."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from kblib.hpc.emulator import Emulator, Hardware

from kblib.cluster import Run, mirror
from kblib.runs import RunFolder
from tests.emulated import why_not
from tests.sshd import ALIAS, Sshd, sshd
from tests.unix_users import UnixUser, unix_users

START_S = 420.0
SITE = "far-cluster"


@dataclass(frozen=True)
class Far:
    """The cluster: its Slurm, the way in, and the user there."""

    emulator: Emulator
    server: Sshd
    user: UnixUser

    @property
    def home(self) -> Path:
        """Where runs lie there."""
        return self.user.home / "kbnotebooks"

    def folder(self, run: Run) -> Path:
        """Return the folder of a run there."""
        return self.home / "runs" / run.name


@contextmanager
def far_cluster() -> Iterator[Far]:
    """Give a cluster on which a user of its own may run jobs, known here as a site."""
    if reason := why_not("munged", "slurmctld", "slurmd", "srun", "unshare"):
        pytest.skip(reason)
    with ExitStack() as later:
        (user,) = later.enter_context(unix_users("kbfar"))
        folder = Path(tempfile.mkdtemp(prefix="emu-"))
        later.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        emulator = Emulator(folder)
        emulator.start(Hardware(nodes=2, gpus=1))
        later.callback(emulator.stop)
        told = {**user.variables, "SLURM_CONF": str(emulator.conf), "OMP_NUM_THREADS": "1"}
        server = later.enter_context(sshd(user, **told))
        patch = later.enter_context(pytest.MonkeyPatch.context())
        settings = Path(later.enter_context(tempfile.TemporaryDirectory(prefix="kbc-")))
        patch.setenv("XDG_CONFIG_HOME", str(settings))
        patch.setenv("KBNOTEBOOKS_HOME", str(settings / "home"))
        found = Far(emulator, server, user)
        sites = settings / "kbnotebooks" / "sites"
        sites.mkdir(parents=True)
        (sites / f"{SITE}.toml").write_text(site_file(found))
        later.callback(server.drop)  # while the home that keeps the connection is known
        yield found


def site_file(far: Far, python: str = "") -> str:
    """Return the cluster as a site file; with another Python where one is named."""
    return f"""\
name = "{SITE}"
scheduler = "slurm"
via = "ssh:{ALIAS}"

[ssh]
config = "{far.server.config}"
remote_home = "{far.home}"

[slurm]
date = 2026-11-25
partition = "gpu"

[node]
count = 2
gpus = 1
gpu = "A100 (emulated)"
gpu_memory_gib = 40
cores = 4
memory_gib = 8

[limits]
walltime_hours = 1

[fabric]
interface = "lo"

[software]
python = "{python or far.user.python}"
"""


def look_now(run: Run) -> None:
    """Ask there at once, whatever was not reached a moment ago."""
    mirror._LOST.clear()
    mirror.refresh(RunFolder(run.folder), at_once=True)
