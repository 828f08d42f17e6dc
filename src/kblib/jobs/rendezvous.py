"""How the ranks of a run meet: through the run folder, and without ssh.

On one machine they share a file. Between machines rank 0 opens a store on a port that is free and
leaves its address in the run folder, which only the user may read; the others look for it there.
"""

from __future__ import annotations

import os
import socket
import time
from datetime import timedelta
from pathlib import Path

import psutil
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from kblib import files
from kblib.errors import IntegrityError, RunError
from kblib.runs import RunFolder

_LOOK_S = 0.2
_PEERS_COME_WITHIN_S = 600.0
"""Nodes of a large job start minutes apart when a file system is busy."""


def store_of(run: RunFolder, attempt: int, *, rank: int, world_size: int) -> TCPStore:
    """Return the store at which the ranks of an attempt meet, wherever they are.

    Raises
    ------
    RunError
        If rank 0 leaves no address in time.
    """
    place = run.meeting_file(attempt)
    within = timedelta(seconds=_PEERS_COME_WITHIN_S)
    if rank == 0:
        address = own_address(os.environ.get("GLOO_SOCKET_IFNAME", ""))
        store = TCPStore(
            address, 0, world_size, is_master=True, timeout=within, wait_for_workers=False
        )
        files.write_json(place, {"address": address, "port": store.port})
        return store
    met = _address_of_rank_0(place)
    return TCPStore(
        str(met["address"]), int(str(met["port"])), world_size, is_master=False, timeout=within
    )


def own_address(interface: str) -> str:
    """Return this machine's address on a network interface; by its name without one.

    Raises
    ------
    RunError
        If there is no such interface, with those there are.
    """
    if not interface:
        return socket.gethostname()
    addresses = psutil.net_if_addrs()
    for one in addresses.get(interface.partition(",")[0], []):
        if one.family == socket.AF_INET:
            return str(one.address)
    raise RunError(
        f"{socket.gethostname()} has no network interface '{interface}' with an IPv4 address.",
        f"It has: {', '.join(sorted(addresses))}.",
        "Put it right in the site file: [fabric] interface",
    )


def _address_of_rank_0(place: Path) -> dict[str, object]:
    latest = time.monotonic() + _PEERS_COME_WITHIN_S
    while time.monotonic() < latest:
        try:
            return files.read_json(place)
        except (IntegrityError, OSError):
            time.sleep(_LOOK_S)
    raise RunError(
        f"Rank 0 left no address in {place} within {_PEERS_COME_WITHIN_S:.0f} s.",
        "It writes one as soon as it has started.",
        "Is the run folder on a disk that all nodes share?",
    )
