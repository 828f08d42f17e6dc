"""The nodes of an emulated cluster: each a namespace of its own, so that it can be killed whole."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from . import processes
from .hardware import Hardware

# The first process of the namespace: what is killed with it is everything on the node. It stays
# when slurmd ends, and takes in orphans, as the first process of a machine does.
_BOOT = """\
mount -t proc proc /proc
hostname "$1"
mount --bind "$2/etc/hosts" /etc/hosts
slurmd -D -N "$1" &
while :; do wait; sleep 1; done
"""


def write_devices(folder: Path, hardware: Hardware) -> None:
    """Make the devices that stand for GPUs: twins of /dev/null, their names end in a number."""
    for number in range(hardware.gpus):
        device = folder / "dev" / f"nvidia{number}"
        if not device.exists():
            os.mknod(device, 0o20666, os.makedev(1, 3))


def write_hosts(folder: Path, hardware: Hardware) -> None:
    """Write the /etc/hosts of the nodes: the machine's own, and the nodes on loopback."""
    own = Path("/etc/hosts").read_text(encoding="utf-8").splitlines()
    kept = [line for line in own if not set(line.split()[1:]) & set(hardware.names)]
    nodes = [f"127.0.0.1 {name}" for name in hardware.names]
    (folder / "etc" / "hosts").write_text("\n".join([*kept, *nodes, ""]), encoding="utf-8")


def boot(folder: Path, name: str, environment: dict[str, str]) -> None:
    """Start one node; does nothing if it is up."""
    record = _record(folder, name)
    if processes.alive(record) is not None:
        return
    (folder / "spool" / name).mkdir(parents=True, exist_ok=True)
    processes.program("slurmd")
    namespace = ["--fork", "--pid", "--mount", "--uts", "--kill-child"]
    command = [processes.program("unshare"), *namespace, "bash", "-c", _BOOT, "node", name]
    log = folder / "log" / f"node.{name}.log"
    processes.start([*command, str(folder)], log, record, environment)


def power_off(folder: Path, name: str) -> None:
    """End a node and everything on it, as a loss of power does; return when all is gone."""
    outside = processes.alive(_record(folder, name))
    inside = outside.children() if outside is not None else []
    # unshare does not pass on TERM; killed, it takes the namespace with it (--kill-child).
    processes.end(_record(folder, name), by=signal.SIGKILL)
    # The kernel ends the first process of a namespace after all others in it, but a moment later.
    processes.gone(inside)


def is_up(folder: Path, name: str) -> bool:
    """Say whether the namespace of a node is there."""
    return processes.alive(_record(folder, name)) is not None


def _record(folder: Path, name: str) -> Path:
    return folder / "run" / f"node.{name}.json"
