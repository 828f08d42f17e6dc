"""The emulated cluster as a whole: started, looked at, hurt and stopped."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kblib import files
from kblib.errors import SiteError

from . import accounting, nodes, processes
from .configuration import Ports, cgroup_conf, gres_conf, slurm_conf
from .hardware import Hardware

_ABOUT = "emulator.json"
_FOLDERS = ("etc", "run", "log", "state", "spool", "dev")
_PARTS = ("etc", "run", "log", "state", "spool", "dev", "database")


@dataclass(frozen=True)
class Emulator:
    """A Slurm cluster on this machine, in a folder of its own.

    Parameters
    ----------
    folder
        Where all of it lies: configuration, keys, state, logs. Its path must be short, since
        sockets lie in it (107 bytes at most, unix(7)), and without spaces, which Slurm does not
        read.

    Examples
    --------
    >>> emulator = Emulator(Path("/tmp/rehearsal"))
    >>> emulator.conf.name
    'slurm.conf'
    """

    folder: Path

    @property
    def conf(self) -> Path:
        """The slurm.conf; who sets ``SLURM_CONF`` to it talks to this cluster."""
        return self.folder / "etc" / "slurm.conf"

    @cached_property
    def environment(self) -> dict[str, str]:
        """The environment of this process, with the cluster's configuration named in it."""
        paths = os.environ.get("PATH", "")
        return {
            **{k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "SBATCH_"))},
            "PATH": f"{paths}:{processes.PROGRAM_FOLDERS}",
            "SLURM_CONF": str(self.conf),
        }

    @property
    def hardware(self) -> Hardware:
        """What it was started with."""
        return Hardware(**self._about()["hardware"])

    @property
    def is_up(self) -> bool:
        """Whether its controller runs."""
        return processes.alive(self._record("slurmctld")) is not None

    def start(self, hardware: Hardware | None = None, *, with_accounting: bool = False) -> None:
        """Bring the cluster up, new and empty; return when all nodes take jobs.

        Raises
        ------
        SiteError
            If it is up already, this is not root, the folder's path cannot be used, or something
            does not start.
        MissingPartError
            If a program of Slurm is missing.
        """
        hardware = hardware or Hardware()
        self._check_place()
        for name in ("munged", "slurmctld", "slurmd", "srun", "unshare"):
            processes.program(name)
        self._clear()
        ports = Ports(processes.free_ports(Ports.needed(hardware.nodes)), hardware.nodes)
        self._write(hardware, ports, with_accounting=with_accounting)
        try:
            self._start_munge()
            if with_accounting:
                accounting.start(self.folder, ports, self.environment)
            self.start_controller()
            for name in hardware.names:
                nodes.boot(self.folder, name, self.environment)
            log = self.folder / "log" / "slurmctld.log"
            processes.wait_for(lambda: len(self.idle()) == hardware.nodes, "The cluster", log)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End all of it; logs and state stay until the next start."""
        for name in self.hardware.names if self._file(_ABOUT).exists() else []:
            nodes.power_off(self.folder, name)
        processes.end(self._record("slurmctld"))
        accounting.stop(self.folder)
        processes.end(self._record("munged"))

    def start_controller(self) -> None:
        """Start slurmctld; after `stop_controller` it goes on with the state it left."""
        command = [processes.program("slurmctld"), "-D", *([] if self._has_state() else ["-i"])]
        log = self.folder / "log" / "slurmctld.out"
        processes.start(command, log, self._record("slurmctld"), self.environment)
        answers = lambda: self.run("scontrol", "ping").returncode == 0  # noqa: E731
        processes.wait_for(answers, "slurmctld", self.folder / "log" / "slurmctld.log")

    def stop_controller(self) -> None:
        """End slurmctld; jobs that run go on."""
        processes.end(self._record("slurmctld"))

    def kill_node(self, name: str) -> None:
        """Take the power from a node: all that runs there is gone at once."""
        nodes.power_off(self.folder, self._known(name))

    def start_node(self, name: str) -> None:
        """Boot a node that was killed."""
        nodes.boot(self.folder, self._known(name), self.environment)

    def idle(self) -> list[str]:
        """Return the nodes that wait for jobs."""
        done = self.run("sinfo", "--noheader", "--Node", "-t", "idle", "-o", "%N")
        return sorted(set(done.stdout.split()))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run one of Slurm's commands on this cluster."""
        return subprocess.run(
            [processes.program(command[0]), *command[1:]],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
        )

    def _check_place(self) -> None:
        if os.geteuid() != 0:
            raise SiteError(
                f"The emulator was started by user {os.geteuid()}.",
                "Namespaces and Slurm's daemons need root.",
                "Run it as root, for example in a container.",
            )
        if self.is_up:
            raise SiteError(
                f"The emulator in {self.folder} is up.",
                "One cluster lives in a folder.",
                f"python -m kblib.hpc.emulator stop --folder {self.folder}",
            )
        path = str(self.folder)
        if " " in path or len(f"{path}/run/mariadb.sock") > 107 or not self.folder.is_absolute():
            raise SiteError(
                f"The emulator cannot live in '{path}'.",
                "A short, absolute path without spaces was expected.",
                "python -m kblib.hpc.emulator start --folder /tmp/rehearsal",
            )

    def _clear(self) -> None:
        """Remove what an earlier cluster left in this folder; refuse a folder of something else."""
        if self.folder.exists() and any(self.folder.iterdir()) and not self._file(_ABOUT).exists():
            raise SiteError(
                f"{self.folder} holds other things.",
                "An empty folder, or that of an earlier emulator, was expected.",
                "python -m kblib.hpc.emulator start --folder /tmp/rehearsal",
            )
        if self._file(_ABOUT).exists():
            self.stop()
        for name in _PARTS:
            shutil.rmtree(self.folder / name, ignore_errors=True)

    def _write(self, hardware: Hardware, ports: Ports, *, with_accounting: bool) -> None:
        for name in _FOLDERS:
            (self.folder / name).mkdir(parents=True, exist_ok=True, mode=0o755)
        about = {"hardware": asdict(hardware), "accounting": with_accounting, "port": ports.first}
        files.write_json(self._file(_ABOUT), about)
        key = os.open(self.folder / "etc" / "munge.key", os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(key, "wb") as file:
            file.write(secrets.token_bytes(1024))
        texts = {
            "slurm.conf": slurm_conf(self.folder, hardware, ports, accounting=with_accounting),
            "gres.conf": gres_conf(self.folder, hardware),
            "cgroup.conf": cgroup_conf(),
        }
        for name, text in texts.items():
            (self.folder / "etc" / name).write_text(text, encoding="utf-8")
        nodes.write_devices(self.folder, hardware)
        nodes.write_hosts(self.folder, hardware)

    def _start_munge(self) -> None:
        etc, run, log = (self.folder / name for name in ("etc", "run", "log"))
        command = [processes.program("munged"), "--foreground", "--force", "--num-threads=2"]
        command += [f"--key-file={etc}/munge.key", f"--socket={run}/munge.sock"]
        command += [f"--pid-file={run}/munged.pid", f"--log-file={log}/munged.log"]
        command += [f"--seed-file={run}/munge.seed"]
        processes.start(command, log / "munged.out", self._record("munged"), self.environment)
        processes.wait_for((run / "munge.sock").exists, "munged", log / "munged.log")

    def _has_state(self) -> bool:
        return any((self.folder / "state").iterdir())

    def _known(self, name: str) -> str:
        if name not in self.hardware.names:
            raise SiteError(
                f"There is no node '{name}'.", f"Nodes: {', '.join(self.hardware.names)}."
            )
        return name

    def _about(self) -> dict[str, Any]:
        try:
            return files.read_json(self._file(_ABOUT))
        except OSError:
            raise SiteError(
                f"There is no emulator in {self.folder}.",
                "It was never started there.",
                f"python -m kblib.hpc.emulator start --folder {self.folder}",
            ) from None

    def _file(self, name: str) -> Path:
        return self.folder / name

    def _record(self, name: str) -> Path:
        return self.folder / "run" / f"{name}.json"
