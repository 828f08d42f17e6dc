"""Whether a cluster to rehearse with is up: the emulator of this project, on this machine."""

from __future__ import annotations

from kblib import sites
from kblib.cluster.access import EMULATOR, shell_of
from kblib.errors import KblibError

_PATIENCE_S = 10.0


def emulator_is_up() -> bool:
    """Say whether ``kb.submit(job, site="emulator")`` would find its scheduler here and now."""
    try:
        shell = shell_of(sites.cluster_of(sites.load_site(EMULATOR)))
        done = shell.run(["scontrol", "ping"], timeout_s=_PATIENCE_S)
    except KblibError:
        return False
    return done.returncode == 0 and " UP" in done.stdout.upper()
